"""From echo videos to patients: a video encoder and a physical model, on phantoms whose truth is known.

``python -m twin.case_studies.echo_study --out runs/echo [--quick]``

Validated on phantoms only. Phantoms are written as a folder in the layout of EchoNet-Dynamic and read back from there;
a reader of volumes is trained on the two traced frames of each video; its curves, with their covariance, are the
evidence of a calibration of the heart loop, first by a guide that answers for all videos at once, then by the ladder.
What is finished is kept in the folder, so that the same command goes on where it was stopped. The story is in
docs/echo.md.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from twin.arrays import Array, like
from twin.atomic import replaced, require_writable
from twin.case_studies import echo_figure, echo_scores
from twin.case_studies.console import console, say
from twin.case_studies.echo_patients import QUICK, Plan, Truth, draw_patients, make_folders
from twin.case_studies.echo_posterior import (
    GRID,
    Errors,
    SurrogateError,
    Timed,
    evidence_of,
    find_persistence,
    on_grid,
    surrogate_error,
    train_guide,
)
from twin.case_studies.echo_reader import Shelf, calibrate, load_shelf, read_curves, train_reader
from twin.case_studies.forwards import forward_of
from twin.collocation import RadauIIA
from twin.inference.units.amortised import Decoder, Guide, weigh_guide
from twin.inference.units.amortised_ladder import refine
from twin.models import cardiac_loop
from twin.models.cardiac.echo_curve import EchoCurve
from twin.models.cardiac.limit_cycle import beat_by
from twin.models.cardiac.phantom import Look
from twin.reading import CurveReader
from twin.surrogate import Surrogate

KHAT = 0.7
FAST = RadauIIA(4)
"""The loop's own six stages are for pressures; volumes need four (``test_echo_curve.py``)."""
SOLVED = 25
"""Draws of a video at which pressures are solved for."""
COVERED = (85.0, 95.0)
"""Bars of what 90 % intervals hold [%]."""
BARS = {"EF MAE <= 4 points": ("EF", "mae", 4.0), "EDV MAPE <= 8 %": ("EDV", "mape", 8.0)}


@dataclass(frozen=True, eq=False)
class Tools:
    """What is trained before any posterior: reader and its calibration, guide; and the surrogate with its error."""

    reader: CurveReader
    errors: Errors
    forward: EchoCurve
    error: SurrogateError
    guide: Guide

    @property
    def decoder(self) -> Decoder:
        """The forward map on the grid."""
        return self.guide.decoder


def folders(plan: Plan, out: Path) -> dict[str, Truth]:
    """The phantoms' truths by name; the folders are made where they are not there yet."""
    path = out / "truths.json"
    if not path.exists():
        truths = make_folders(plan, out)
        plain = {t.name: {**asdict(t), "theta": t.theta.tolist()} for t in truths.values()}
        with replaced(path) as temporary:
            temporary.write_text(json.dumps({"plan": asdict(plan), "truths": plain}))
    content = json.loads(path.read_text())
    if content["plan"] != asdict(plan):
        raise ValueError(f"{path}: made by another plan, {content['plan']}; choose another --out")
    return {
        name: Truth(
            name, np.array(t["theta"]), t["EDV"], t["ESV"], Look(**{**t["look"], "apex": tuple(t["look"]["apex"])})
        )
        for name, t in content["truths"].items()
    }


def shipped_curve() -> EchoCurve:
    """The forward map: the shipped surrogate of the loop, as far as an echo sees it."""
    surrogate = forward_of(cardiac_loop.MODEL)
    if not isinstance(surrogate, Surrogate):
        raise TypeError("expected a trained surrogate of cardiac_loop")

    def network(features: Array) -> Array:
        return surrogate.network({name: like(w, features) for name, w in surrogate.weights.items()}, features)

    return EchoCurve(partial(beat_by, network, scheme=FAST))


def prepare(plan: Plan, out: Path, shelf: Shelf, clock: dict[str, float]) -> Tools:
    """Trains what is not trained yet."""
    forward = shipped_curve()
    reader, fitted = timed(
        clock,
        "reader, this run",
        lambda: train_reader(
            shelf.of("TRAIN"), steps=plan.reader_steps, label_sd=plan.label_sd, seed=plan.seed,
            checkpoint=out / "reader.pt", progress=lambda k, loss: say(f"reader: step {k}, loss {loss:.3f}"),
        ),
    )  # fmt: skip
    clock["reader, training"] = fitted.seconds
    errors = timed(clock, "calibration", lambda: held_out(reader, shelf.of("VAL"), plan.label_sd))
    curves = timed(clock, "curves", lambda: on_grid(read_curves(reader, shelf.of("TRAIN")), errors))
    error = surrogate_error(forward, draw_patients(min(100, plan.train), plan.seed + 50))
    decoder = Decoder(forward, np.empty(0), GRID[:, None])
    guide = timed(
        clock,
        "guide",
        lambda: train_guide(
            decoder, curves, evidence_of(curves, error), steps=plan.guide_steps, seed=plan.seed,
            progress=lambda k, loss: say(f"guide: step {k}, loss {loss:.2f}"),
        ),
    )  # fmt: skip
    return Tools(reader, errors, forward, error, guide)


def held_out(reader: CurveReader, shelf: Shelf, label_sd: float) -> Errors:
    """The reader's errors, by the labels of a split that it was not trained on."""
    factors = calibrate(reader, shelf, label_sd)
    return find_persistence(read_curves(reader, shelf), shelf, factors, label_sd)


@dataclass(frozen=True, eq=False)
class Answers:
    """Equally weighted draws (n, draws, p) of guide, re-weighted guide and ladder; k-hats, and the ladder's rungs.

    ``short`` tells clips of less than one beat: masked frames are no evidence, so that their posteriors are wide.
    """

    curves: Timed
    short: np.ndarray
    guide: np.ndarray
    weighed: np.ndarray
    ladder: np.ndarray
    khat: np.ndarray
    rungs: tuple[str, ...]


def answer(tools: Tools, shelf: Shelf, seed: int) -> Answers:
    """The posterior of every video, three times over."""
    read = read_curves(tools.reader, shelf)
    curves = on_grid(read, tools.errors)
    evidence = evidence_of(curves, tools.error)
    found = weigh_guide(tools.guide, curves.features, evidence, seed=seed)
    start, _ = tools.guide.normal(curves.features)
    refined = refine(tools.decoder, evidence, start, seed=seed)
    return Answers(
        curves,
        read.short,
        found.theta[:, : echo_scores.DRAWS],
        echo_scores.of_weighed(found, seed),
        echo_scores.of_answers(refined, seed),
        found.khat,
        tuple(a.rung if a.converged else "refused" for a in refined),
    )


def report(tools: Tools, answers: Answers, truths: Sequence[Truth], plan: Plan) -> dict[str, Any]:
    """The tables of the test videos."""
    draws = {"guide": answers.guide, "guide, re-weighted": answers.weighed, "ladder": answers.ladder}
    found = {name: echo_scores.volumes(tools.forward, theta) for name, theta in draws.items()}
    decoder = tools.decoder
    prior = decoder.space.draw(plan.pressured * SOLVED, plan.seed)[None]
    return {
        "volumes": {name: echo_scores.volume_scores(v, truths) for name, v in found.items()},
        "guide_khat_below_0.7": float(100 * np.mean(answers.khat <= KHAT)),
        "rungs": {rung: answers.rungs.count(rung) for rung in sorted(set(answers.rungs))},
        "contraction": echo_scores.contraction(decoder, answers.ladder),
        "impedance_contraction": echo_scores.impedance_contraction(decoder, answers.ladder),
        "parameter_coverage90": echo_scores.parameter_coverage(decoder, answers.ladder, truths),
        "MAP_sd": {
            "prior": echo_scores.pressure_spread(tools.forward, prior, prior.shape[1]),
            "posterior": echo_scores.pressure_spread(tools.forward, answers.ladder[: plan.pressured], SOLVED),
        },
    }


def run(plan: Plan, out: Path) -> dict[str, Any]:
    """The whole study; its tables."""
    clock: dict[str, float] = {}
    truths = timed(clock, "phantoms", lambda: folders(plan, out))
    shelf = timed(clock, "loading", lambda: load_shelf(out / "phantoms", plan.size))
    tools = prepare(plan, out, shelf, clock)
    test = shelf.of("TEST")
    answers = timed(clock, "answers", lambda: answer(tools, test, plan.seed))
    exact = [truths[video.name] for video in test.videos]
    cases = load_shelf(out / "cases", plan.size, like=shelf)
    judged = answer(tools, cases, plan.seed)
    ill = np.array([video.name.startswith("stenotic") for video in cases.videos])
    summary = {
        "validated_on": "phantoms only",
        "plan": asdict(plan),
        "notes": list(shelf.notes),
        "clips_shorter_than_a_beat": int(answers.short.sum()),
        "errors": asdict(tools.errors),
        "surrogate_error": tools.error.size,
        **report(tools, answers, exact, plan),
        "detection": echo_scores.detection(tools.decoder, tools.forward, judged.ladder, ill),
        "seconds": clock,
    }
    column = np.log(judged.ladder[..., tools.decoder.space.index("Rm")]).mean(axis=1)
    with torch.no_grad():
        drawn = tools.forward(torch.as_tensor(answers.ladder[0]), np.empty(0), GRID[:, None])
    figure = echo_figure.draw(
        test.frames[0], answers.curves, np.asarray(drawn)[..., 0], echo_scores.volumes(tools.forward, answers.ladder),
        exact, (column[~ill], column[ill]),
    )  # fmt: skip
    figure.savefig(out / "echo.png", dpi=110)
    (out / "study.json").write_text(json.dumps(summary, indent=1) + "\n")
    return summary


def timed(clock: dict[str, float], what: str, job: Callable[[], Any]) -> Any:
    """The job's result; its seconds are noted."""
    begin = time.perf_counter()
    found = job()
    clock[what] = round(time.perf_counter() - begin, 1)
    say(f"{what}: {clock[what]:.0f} s")
    return found


def main() -> None:
    """Runs the study and prints the tables of docs/echo.md."""
    parser = argparse.ArgumentParser(description="echo phantoms: videos to patients")
    parser.add_argument("--out", type=Path, default=Path("runs/echo"))
    parser.add_argument("--quick", action="store_true", help="few phantoms and steps: shows that it runs")
    options = parser.parse_args()
    require_writable(options.out)
    options.out.mkdir(parents=True, exist_ok=True)
    show(run(QUICK if options.quick else Plan(), options.out))


def show(summary: dict[str, Any]) -> None:
    """The tables."""
    out = console()
    out.print("validated on phantoms only", markup=False)
    for method, table in summary["volumes"].items():
        for name, row in table.items():
            out.print(
                f"{method:20s} {name:3s} MAE {row['mae']:5.2f}  MAPE {row['mape']:4.1f} %  bias {row['bias']:+5.2f}  "
                f"inside 90 % {row['coverage90']:5.1f} %  width {row['width90']:5.1f}",
                markup=False,
            )
    best = summary["volumes"]["ladder"]
    for text, (name, measure, bar) in BARS.items():
        out.print(
            f"{text}: {best[name][measure]:.2f}, {'met' if best[name][measure] <= bar else 'missed'}", markup=False
        )
    low, high = COVERED
    for name, row in best.items():
        verdict = "met" if low <= row["coverage90"] <= high else "missed"
        out.print(f"90 % intervals of {name} hold 85 to 95 %: {row['coverage90']:.1f}, {verdict}", markup=False)
    for name, value in summary["contraction"].items():
        flag = "" if value >= 100 * echo_scores.INFORMED else "  not informed by the video"
        out.print(f"contraction {name:6s} {value:5.1f} %{flag}", markup=False)
    for key in (
        "impedance_contraction",
        "MAP_sd",
        "guide_khat_below_0.7",
        "rungs",
        "detection",
        "parameter_coverage90",
        "seconds",
    ):
        out.print(f"{key}: {summary[key]}", markup=False)


if __name__ == "__main__":
    main()
