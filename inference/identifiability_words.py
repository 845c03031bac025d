"""What the identifiability of a problem means, in sentences for an engineer."""

import math
from collections.abc import Sequence
from itertools import combinations

from twin.inference.design import Gain
from twin.inference.directions import Direction, in_words, listed, movement
from twin.inference.likelihood import Likelihood
from twin.inference.profiles import Profile
from twin.inference.report_numbers import MINUS, percent
from twin.inference.summary import INFORMED
from twin.inference.treatment import Treatment
from twin.space import Floats

TIED = 0.9
"""Expected correlation from which on two parameters can hardly be told apart."""
SETTLED = 0.9
"""Contraction from which on even a correlated parameter is well known."""
HELPS = 0.9
"""Ratio of standard deviations, after over before, below which a measurement informs a combination."""


def headline(found: Sequence[Direction]) -> str:
    """How many combinations the data inform."""
    informed = sum(not d.sloppy for d in found)
    if informed == len(found):
        return f"The data inform all {len(found)} combinations of the parameters better than their priors do."
    return f"The data inform {informed} of {len(found)} combinations of the parameters better than their priors do."


def warnings(
    found: Sequence[Direction],
    names: Sequence[str],
    contraction: Floats,
    correlation: Floats,
    profiles: Sequence[Profile],
) -> list[str]:
    """Sloppy combinations, parameters that stay near their prior, pairs that are tied, profiles that stay open."""
    sentences = [_sentence(in_words(d)) for d in found if d.sloppy]
    ignorant = [name for name, shrunk in zip(names, contraction, strict=True) if shrunk < INFORMED]
    if ignorant:
        which = "its prior" if len(ignorant) == 1 else "their priors"
        sentences.append(f"Expected to stay close to {which}: {listed(ignorant)}.")
    for i, j in combinations(range(len(names)), 2):
        strong = abs(correlation[i, j]) >= TIED
        if strong and min(contraction[i], contraction[j]) < SETTLED:
            value = f"{correlation[i, j]:.2f}".replace("-", MINUS)
            sentences.append(
                f"{names[i]} and {names[j]} can hardly be told apart: their expected correlation is {value}. "
                "Fix one of them, or quote both together."
            )
    for profile in profiles:
        if profile.open_sides:
            sides = " and to the ".join(profile.open_sides)
            sentences.append(f"The profile likelihood of {profile.name} is open to the {sides}: {_unbounded(profile)}.")
    return sentences


def advice(found: Sequence[Direction], gains: Sequence[Gain]) -> list[str]:
    """What to measure next: the candidate that says most, and the best one for each sloppy combination.

    Where none is sloppy, the best one for the least informed.
    """
    able = [g for g in gains if math.isfinite(g.gain)]
    if not able:
        return []
    best = max(able, key=lambda g: g.gain)
    sentences = [f"Of the measurements listed, {best.name} would say the most: {best.gain:.2g} nats."]
    sloppy = [k for k, d in enumerate(found) if d.sloppy]
    for k in sloppy or [len(found) - 1]:
        what = movement(found[k])
        sharpest = min(able, key=lambda g: g.sharpening[k])
        ratio = float(sharpest.sharpening[k])
        if ratio >= HELPS:
            sentences.append(f"None of the measurements listed would inform {what}.")
        else:
            sentences.append(
                f"To inform {what}, measure {sharpest.name}: it is expected to bring that combination's standard "
                f"deviation down to {percent(ratio)} of what it would be."
            )
    return sentences


def remarks(likelihood: Likelihood) -> list[str]:
    """What these numbers leave out."""
    correlated = likelihood.surrogate_error is Treatment.MARGINALISED and any(b.error for b in likelihood.blocks)
    left_out = {
        "the discrepancy": likelihood.discrepancy is not None,
        "the correlation of the surrogate's error": correlated,
    }
    missing = [what for what, holds in left_out.items() if holds]
    if not missing:
        return []
    return [f"The spectrum and what follows from it leave out {listed(missing)}: the data say at most this much."]


def _unbounded(profile: Profile) -> str:
    both = len(profile.open_sides) == 2
    return f"the data alone do not bound it {'at all' if both else 'on that side'} within its prior's range"


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."
