"""What the report says in words: the verdict, and for each check what it looks at, what a failure means, what to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from twin.inference.checks import Check
from twin.inference.report.numbers import NONE, given, number


@dataclass(frozen=True)
class Guide:
    """A check for readers: ``sign`` stands before its limit, ``failure`` and ``remedy`` are shown when it failed."""

    title: str
    sign: str
    failure: str
    remedy: str


GUIDES: Mapping[str, Guide] = {
    "rhat_max": Guide(
        "Agreement of the chains (R-hat)",
        "≤",
        "The chains do not describe one distribution: means and intervals may be wrong.",
        "Look at the traces for a chain that sits elsewhere; sample longer, or fix what the data cannot tell apart.",
    ),
    "ess_min": Guide(
        "Effective sample size (ESS)",
        "≥",
        "Too few effectively independent draws: the interval ends are uncertain.",
        "Draw more; another sampler (--sampler) may mix better.",
    ),
    "divergences": Guide(
        "Divergent transitions",
        "≤",
        "The sampler could not follow the posterior in places, so parts of it may be missing.",
        "See in the pair plot where the posterior becomes narrow; fix or re-parametrise one of these parameters.",
    ),
    "bfmi": Guide(
        "Exploration of energies (BFMI)",
        "≥",
        "The sampler moves too slowly between energies: the tails are not explored.",
        "Sample longer, or give heavy-tailed parameters a narrower prior.",
    ),
    "khat": Guide(
        "Importance weights (Pareto k-hat)",
        "≤",
        "A few draws carry nearly all the weight: the re-weighted answer cannot be trusted.",
        "Sample with --sampler nuts.",
    ),
    "surrogate_error": Guide(
        "Surrogate error over noise",
        "≤",
        "The surrogate's own error is not small against the noise and may shift the parameters.",
        "Train a more accurate surrogate (twin train) and keep its error in the likelihood.",
    ),
    "domain_edge": Guide(
        "Posterior mass at the domain's edge",
        "≤",
        "The posterior leans on a bound of the allowed domain: the bound, and not the data, decides.",
        "Widen the domain if physics allows, or look for what the model lacks, a wrong unit or a wrong condition.",
    ),
    "posterior_predictive": Guide(
        "Predictive coverage",
        "in",
        "The model with its noise does not reproduce the measurements.",
        "Look at the residuals: a pattern asks for a better model or a discrepancy, a wrong width for another noise.",
    ),
    "verification": Guide(
        "Agreement with the reference solver (Pareto k-hat)",
        "≤",
        "The reference solver neither confirms nor corrects this posterior: do not use its numbers.",
        "Train a more accurate surrogate for this region, or give the verification more draws and time.",
    ),
    "reference_failures": Guide(
        "Reference solves that failed",
        "≤",
        "The reference solver gave no answer at many draws; what it says of the others may not hold for these.",
        "See which parameters these draws share; narrow the domain to where the equations have a solution.",
    ),
}
UNKNOWN = Guide("", "", "This check did not pass.", "See the documentation of this check.")

VERDICTS: Mapping[str, tuple[str, str, str]] = {
    "confirmed": (
        "good",
        "Confirmed",
        "The posterior was compared with the reference solver, and the two agree.",
    ),
    "corrected": (
        "fair",
        "Corrected",
        "The reference solver shifted the posterior; the numbers below are re-weighted and hold for the "
        "reference solver.",
    ),
    "unchecked": ("open", "Unchecked", "The posterior was not compared with the reference solver."),
    "not trustworthy": (
        "bad",
        "Not trustworthy",
        "Compared with the reference solver, the posterior could not be confirmed or corrected: do not use these "
        "numbers.",
    ),
}
"""Tone, headline and sentence of each verdict."""
ICONS: Mapping[str, str] = {"good": "✓", "fair": "↻", "open": "?", "bad": "✗"}


@dataclass(frozen=True)
class Row:
    """A check as a line of the table; ``state`` is passed, failed or does not apply."""

    name: str
    title: str
    value: str
    limit: str
    state: str
    meaning: str
    failure: str
    remedy: str


@dataclass(frozen=True)
class Verdict:
    """What stands on top. ``tone`` picks colour and icon; ``failed`` are the checks that did not pass."""

    tone: str
    icon: str
    headline: str
    sentences: tuple[str, ...]
    failed: tuple[Row, ...]


def check_rows(known: Sequence[Check], stated: Mapping[str, Mapping[str, Any]]) -> tuple[Row, ...]:
    """The checks as ``stated`` in the summary, explained by those ``known``; what is only known follows."""
    by_name = {c.name: c for c in known}
    computed = {c.name: {"value": c.value, "limit": c.limit, "pass": c.passed} for c in known}
    merged = {**computed, **stated}
    return tuple(_row(name, entry, by_name.get(name)) for name, entry in merged.items())


def _row(name: str, entry: Mapping[str, Any], check: Check | None) -> Row:
    guide = GUIDES.get(name, UNKNOWN)
    value, passed = entry.get("value"), bool(entry.get("pass"))
    idle = value is None and passed
    unit = "" if check is None or check.unit == "1" else f" {check.unit}"
    return Row(
        name=name,
        title=guide.title or name,
        value="does not apply" if idle else ("not finite" if value is None else _apart(value, entry) + unit),
        limit=_limit(entry.get("limit"), guide.sign),
        state="does not apply" if idle else ("passed" if passed else "failed"),
        meaning=str(entry.get("meaning", "")) or (check.meaning if check else ""),
        failure=guide.failure,
        remedy=guide.remedy,
    )


def _apart(value: float, entry: Mapping[str, Any]) -> str:
    """The value in as many digits as a failed check needs to differ from its limit."""
    limits = np.atleast_1d(np.asarray(entry.get("limit", np.nan), dtype=np.float64))
    significant = 3
    while not entry.get("pass") and significant < 9:
        if number(value, significant) not in {number(float(v), significant) for v in limits}:
            break
        significant += 1
    return number(value, significant)


def _limit(limit: Any, sign: str) -> str:
    if limit is None:
        return NONE
    if isinstance(limit, tuple | list):
        return " to ".join(given(float(v)) for v in limit)
    return f"{sign} {given(float(limit))}".strip()


def verdict_of(verdict: str, rows: Sequence[Row], uninformed: Sequence[str], unmeasured: Sequence[str] = ()) -> Verdict:
    """The verdict and the checks in plain words, with the parameters and numbers that the data do not inform.

    ValueError for a verdict that does not exist.
    """
    if verdict not in VERDICTS:
        raise ValueError(f"expected a verdict among {', '.join(VERDICTS)}, got {verdict!r}")
    tone, headline, sentence = VERDICTS[verdict]
    failed = tuple(r for r in rows if r.state == "failed")
    ran = [r for r in rows if r.state != "does not apply"]
    if failed:
        tone, verb = "bad", "check failed" if len(failed) == 1 else "checks failed"
        headline = f"{headline}, and {len(failed)} {verb}"
        names = ", ".join(r.title for r in failed)
        checks = f"{len(failed)} of {len(ran)} checks failed: {names}."
    else:
        headline = f"{headline}; every check passed" if tone != "bad" else headline
        checks = f"All {len(ran)} checks that apply to this run passed."
    sentences = [sentence, checks]
    if uninformed:
        what = ", ".join(uninformed)
        sentences.append(f"Not informed by your data: {what}. Their posterior is hardly narrower than the prior.")
    if unmeasured:
        what = ", ".join(unmeasured)
        sentences.append(
            f"Neither measured nor informed by your data: {what}. What is predicted of them is the prior's."
        )
    return Verdict(tone, ICONS[tone], headline, tuple(sentences), failed)
