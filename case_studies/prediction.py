"""``twin predict``: the same draws through a changed condition, with intervals of the paired difference."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twin.atomic import replaced_folder, require_writable
from twin.case_studies.console import Exit, console
from twin.case_studies.forwards import forward_of, with_fixed
from twin.case_studies.prediction_tables import draw, summarise, tabulate
from twin.case_studies.scenarios import Change, compare
from twin.inference.posterior import Posterior
from twin.inference.posterior_file import load
from twin.model import Forward, Model
from twin.models import catalogue
from twin.space import nearest


def run(
    path: Path,
    changes: dict[str, float],
    factors: dict[str, float],
    out: Path,
    experiment: str | None,
    *,
    as_json: bool,
) -> Exit:
    """Reads a posterior, predicts, writes the folder. ValueError if nothing is changed."""
    if not changes and not factors:
        raise ValueError("nothing is changed; say what, as --set name=value or --scale name=factor")
    require_writable(out.parent)
    posterior = load(path)
    model, forward = forward_behind(posterior)
    compared = compare(
        posterior, model, forward, Change(changes, factors), baseline_conditions(posterior, forward, experiment)
    )
    table = tabulate(model, compared)
    summary = summarise(model, compared, Change(changes, factors), path)
    with replaced_folder(out) as folder:
        table.to_csv(folder / "prediction.csv", index=False)
        (folder / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
        draw(model, compared).savefig(folder / "prediction.svg")
    if as_json:
        console().print_json(json.dumps(summary))
    else:
        for name, entry in summary["observables"].items():
            low, middle, high = entry["mean_difference"]
            console().print(
                f"{name}: changed minus baseline, averaged over the experiment: {middle:.4g} "
                f"[{low:.4g}, {high:.4g}] {entry['unit']} (90 %)",
                markup=False,
            )
        _tell(summary)
        console().print(f"written: {out}", markup=False)
    return Exit.DONE


def _tell(summary: Mapping[str, Any]) -> None:
    """What a reader of the figures must know."""
    lost, n = summary["draws_without_answer"], summary["draws"]
    notes = [f"{lost} of {n} draws have no answer and are left out"] if lost else []
    notes += [
        f"{name}: {k} of {n} draws stop at the edge of its range" for name, k in summary["draws_at_edge"].items() if k
    ]
    for note in [*notes, *filter(None, [summary["caution"]])]:
        console().print(note, markup=False)


def forward_behind(posterior: Posterior) -> tuple[Model, Forward]:
    """Model and forward map that a posterior was sampled with."""
    about = posterior.metadata
    if "model" not in about:
        raise ValueError(
            "this posterior does not say which model it belongs to; it was not written by 'twin calibrate'"
        )
    model = catalogue.model(about["model"], about["preset"])
    surrogate = about["study"].get("surrogate")
    forward = forward_of(model, None if surrogate is None else Path(surrogate))
    return model, with_fixed(forward, about["fixed"])


def baseline_conditions(posterior: Posterior, forward: Forward, experiment: str | None) -> dict[str, float]:
    """Conditions of one experiment of the posterior, the first unless named."""
    known = {e["name"]: e["conditions"] for e in posterior.metadata["experiments"]}
    if experiment is not None and experiment not in known:
        raise ValueError(f"no experiment {experiment!r}{nearest(experiment, tuple(known))}")
    chosen = known[experiment] if experiment else next(iter(known.values()))
    return dict(zip(forward.conditions.names, forward.conditions.pack(chosen).tolist(), strict=True))
