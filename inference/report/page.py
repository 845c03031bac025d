"""One self-contained page about a posterior: whether to believe it, then what it says, then how it came about.

The page is a list of sections. Each is a function from posterior and summary to what its template shows, or to
None where there is nothing to show; another section is another function in ``SECTIONS`` and another template.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from twin.atomic import replaced
from twin.inference.checks import run_checks
from twin.inference.outcomes import Outcome, not_informed
from twin.inference.posterior import Posterior
from twin.inference.report.discrepancy import discrepancy
from twin.inference.report.figure_sections import chains, fit, pairs
from twin.inference.report.identifiability import identifiability
from twin.inference.report.outcomes import outcomes
from twin.inference.report.sensitivity import sensitivity
from twin.inference.report.tables import Section, checks, parameters, provenance, setup, surrogate
from twin.inference.report.verification import verification
from twin.inference.report.words import check_rows, verdict_of

SectionMaker = Callable[[Posterior, Mapping[str, Any]], Section | None]
SECTIONS: tuple[SectionMaker, ...] = (
    parameters, outcomes, verification, identifiability, sensitivity, fit, discrepancy, pairs, chains, surrogate, setup,
    provenance,
)  # fmt: skip
"""In the order of the page, below the verdict and the checks."""


def write_report(posterior: Posterior, summary: Mapping[str, Any], path: Path) -> None:
    """Writes the page in one move. ValueError where the summary does not belong to the posterior."""
    text = render(posterior, summary)
    with replaced(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def render(posterior: Posterior, summary: Mapping[str, Any]) -> str:
    """The page as text: the same posterior and summary give the same bytes."""
    require_match(posterior, summary)
    rows = check_rows(run_checks(posterior), summary["checks"])
    uninformed = [name for name, entry in summary["parameters"].items() if not entry["informed"]]
    blind = not_informed([Outcome(**entry) for entry in posterior.metadata.get("outcomes", ())])
    made = (maker(posterior, summary) for maker in SECTIONS)
    content = {
        "title": " ".join(str(summary[key]) for key in ("model", "preset") if summary.get(key)) or "calibration",
        "verdict": verdict_of(summary.get("verdict", "unchecked"), rows, uninformed, blind),
        "disclaimer": posterior.metadata.get("disclaimer"),
        "facts": _facts(posterior, summary),
        "sections": [checks(rows), *(section for section in made if section is not None)],
    }
    return environment().get_template("report.html.j2").render(content)


def require_match(posterior: Posterior, summary: Mapping[str, Any]) -> None:
    """ValueError unless the summary has the parameters and series of the posterior."""
    missing = {"parameters", "fit", "checks"} - set(summary)
    if missing:
        raise ValueError(f"expected the keys of summary.json, got a summary without {', '.join(sorted(missing))}")
    names = [name for name in posterior.space.names if name not in posterior.latent]
    if set(summary["parameters"]) != set(names):
        raise ValueError(
            f"summary and posterior must have the same parameters, got {sorted(summary['parameters'])} "
            f"and {sorted(names)}; summarise this posterior"
        )
    fitted = {(entry["experiment"], entry["observable"]) for entry in summary["fit"]}
    series = {(s.experiment, s.observable) for s in posterior.series}
    if fitted != series:
        raise ValueError(
            f"summary and posterior must have the same series, got {sorted(fitted)} and {sorted(series)}; "
            "summarise this posterior"
        )


def _facts(posterior: Posterior, summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The line below the title."""
    chains_, draws, _ = posterior.theta.shape
    return [
        ("Model", str(summary.get("model") or "not named")),
        ("Preset", str(summary.get("preset") or "none")),
        ("Experiments", str(len({s.experiment for s in posterior.series}))),
        ("Measured values", str(sum(len(s.y) for s in posterior.series))),
        ("Draws", f"{chains_} × {draws}"),
        ("Seed", str(summary.get("seed", posterior.seed))),
    ]


def environment() -> Environment:
    """Templates that refuse what they were not given."""
    return Environment(
        loader=PackageLoader("twin.inference", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
