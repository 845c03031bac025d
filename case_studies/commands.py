"""``twin calibrate``, ``train``, ``check`` and ``report``: a job, its messages and its exit code."""

import json
from pathlib import Path
from typing import Any

import torch

from twin.atomic import replaced, require_writable
from twin.case_studies import calibration, surrogates
from twin.case_studies.console import Exit, StoppedError, console, interruptible, say
from twin.case_studies.progress import training_progress
from twin.case_studies.study import Study
from twin.inference.posterior_file import load
from twin.inference.report.page import write_report
from twin.models import catalogue
from twin.space import nearest
from twin.surrogate import load as load_surrogate
from twin.surrogate import read_header, save
from twin.training.build import Trainable

DEVICES = ("cpu", "cuda")


def calibrate(study: Study, *, as_json: bool) -> Exit:
    """Runs a study and writes its folder."""
    require_folder(study.out)
    done = interruptible(lambda: calibration.calibrate(study, say), study.time_budget)
    calibration.write(done, study)
    if as_json:
        console().print_json(json.dumps(done.summary))
    else:
        print_summary(done.summary)
        console().print(f"report: {study.out / 'report.html'}")
    return Exit.DONE if done.passed else Exit.CHECK_FAILED


def require_folder(out: Path) -> None:
    """ValueError if results cannot be written to ``out``."""
    require_writable(out.parent)
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out}: is a file; --out must be a folder")


def report(path: Path, *, as_json: bool) -> Exit:
    """Rewrites summary.json and report.html beside a posterior."""
    posterior = load(path)
    summary = calibration.summary_of(posterior)
    require_writable(path.parent)
    with replaced(path.parent / "summary.json") as temporary:
        temporary.write_text(json.dumps(summary, indent=1) + "\n")
    with replaced(path.parent / "report.html") as temporary:
        write_report(posterior, summary, temporary)
    if as_json:
        console().print_json(json.dumps(summary))
    else:
        console().print(f"report: {path.parent / 'report.html'}")
    return Exit.DONE if calibration.Calibration(posterior, summary).passed else Exit.CHECK_FAILED


def train(
    name: str,
    preset: str | None,
    out: Path,
    *,
    mode: str,
    solves: int | None,
    device: str,
    seed: int,
    time_budget: float | None,
    resume: bool,
    as_json: bool,
) -> Exit:
    """Trains, checks and saves a surrogate; a checkpoint beside it survives an interruption."""
    model = trainable(name, preset)
    recipe = surrogates.recipe_of(model, mode, solves)
    require_device(device)
    require_writable(out.parent)
    if out.is_dir():
        raise ValueError(f"{out}: is a folder; --out must be a file")
    checkpoint = out.with_name(out.name + ".checkpoint")
    with training_progress() as progress:
        surrogate = surrogates.build(
            model, mode, recipe=recipe, seed=seed, device=device, time_budget=time_budget, checkpoint=checkpoint,
            resume=resume, progress=progress,
        )  # fmt: skip
    save(surrogate, out)
    finished = surrogate.record["training"]["ended"] == "steps"
    if not finished:
        raise StoppedError(f"{surrogate.record['training']['ended']}; what is trained is in {out}, go on with --resume")
    checkpoint.unlink(missing_ok=True)
    _print_errors(surrogate.record, as_json=as_json)
    say(f"written: {out}")
    return Exit.DONE


def require_device(device: str) -> None:
    """ValueError if training cannot run on ``device``."""
    if device not in DEVICES:
        raise ValueError(f"no device {device!r}{nearest(device, DEVICES)}")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device cuda: no GPU that PyTorch can use was found; leave the option away to train on cpu")


def update(path: Path, *, as_json: bool) -> Exit:
    """Measures a surrogate's error again, as ``twin train`` does at its end, and writes it into the file."""
    header = read_header(path)
    surrogate = load_surrogate(path, trainable(header["model"], header["preset"]))
    measured = surrogates.judged(surrogate, surrogates.HOLDOUT_SEED, surrogates.HOLDOUT)
    save(measured, path)
    _print_errors(measured.record, as_json=as_json)
    say(f"written: {path}")
    return Exit.DONE


def check(what: str, preset: str | None, *, n: int, seed: int, as_json: bool) -> Exit:
    """The error table of one surrogate file, or of every map that stands for a model."""
    if Path(what).suffix == ".safetensors" or Path(what).is_file():
        path = Path(what)
        header = read_header(path)
        forwards: list[Any] = [load_surrogate(path, trainable(header["model"], header["preset"]))]
    else:
        model = catalogue.model(what, preset)
        shipped = catalogue.shipped(model)
        forwards = [load_surrogate(path, trainable(what, preset)) for path in shipped] if shipped else [model]
    tables = [surrogates.check(forward, n=n, seed=seed) for forward in forwards]
    if as_json:
        console().print_json(json.dumps(tables if len(tables) > 1 else tables[0]))
    else:
        for table in tables:
            _print_errors(table, as_json=False)
    return Exit.DONE


def trainable(name: str, preset: str | None) -> Trainable:
    """The model; ValueError if it is a closed form and needs no training."""
    model = catalogue.model(name, preset)
    if not isinstance(model, Trainable):
        others = [p for p, m in catalogue.presets(name).items() if isinstance(m, Trainable)]
        known = f"trainable presets: {', '.join(others)}" if others else f"no preset of {name} needs training"
        raise ValueError(f"{name}/{model.preset} is a closed form, there is nothing to train; {known}")
    return model


def print_summary(summary: dict[str, Any]) -> None:
    """Parameters, fit and checks as text."""
    out = console()
    for name, p in summary["parameters"].items():
        remark = "" if p["informed"] else "  not informed by your data"
        out.print(
            f"{name:>16} {p['mean']:>11.4g} ± {p['sd']:<9.2g} [{p['q05']:.4g}, {p['q95']:.4g}] {p['unit']}{remark}",
            markup=False,
        )
    for fit in summary["fit"]:
        out.print(
            f"{fit['experiment']}, {fit['observable']}: rmse {fit['rmse']:.3g} {fit['unit']} on {fit['n']} values, "
            f"90 % bands cover {100 * fit['coverage90']:.0f} %",
            markup=False,
        )
    failed = [name for name, check in summary["checks"].items() if not check["pass"]]
    out.print(f"verdict: {summary['verdict']}; " + (f"failed: {', '.join(failed)}" if failed else "every check passed"))


def _print_errors(table: Any, *, as_json: bool) -> None:
    if as_json:
        console().print_json(json.dumps(table, default=float))
        return
    out = console()
    for name, e in (table.get("observables") or table["errors"]).items():
        out.print(
            f"{name}: rms error median {e['median']:.3g}, 95 % {e['p95']:.3g}, 99 % {e['p99']:.3g}, "
            f"max {e['max']:.3g}, mean bias {e['bias']:.3g} {e['unit']}"
        )
    for name, error in table.get("gradient", {}).items():
        out.print(f"d/d {name}: relative error {error:.2g}")
