"""What the identifiability of a problem means, in sentences for an engineer."""

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from twin.inference.identifiability.design import Gain
from twin.inference.identifiability.directions import Direction, in_words, listed, movement, significant
from twin.inference.identifiability.profiles import Profile
from twin.inference.likelihood import Likelihood
from twin.inference.report.numbers import MINUS, percent
from twin.inference.report.summary import INFORMED
from twin.inference.treatment import Treatment
from twin.space import Floats

TIED = 0.9
"""Expected correlation from which on two parameters can hardly be told apart."""
SETTLED = 0.9
"""Contraction from which on even a correlated parameter is well known."""
FEW = 3
"""Sloppy combinations that have a sentence each."""
ROUNDING = 1e-12
"""Information below which a parameter acts on nothing that was measured."""
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
    idle = untouched(found, names)
    sentences = []
    if idle:
        sentences.append(f"Nothing that was measured depends on {listed(idle)}: the data leave them at their priors.")
    sentences += _sloppy([d for d in found if d.sloppy and {names[i] for i in d.leading} - set(idle)])
    ignorant = [name for name, c in zip(names, contraction, strict=True) if c < INFORMED and name not in idle]
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
    return sentences + _open([w for w in profiles if w.open_sides and w.name not in idle])


def untouched(found: Sequence[Direction], names: Sequence[str]) -> list[str]:
    """Parameters on which no measured value depends: all their information Σ λ weight² is rounding."""
    if not found:
        return []
    own = np.sum([d.eigenvalue * d.weights**2 for d in found], axis=0)
    return [name for name, amount in zip(names, own, strict=True) if amount < ROUNDING]


def _sloppy(found: Sequence[Direction]) -> list[str]:
    """Each combination in a sentence of its own, or all in one where there are many."""
    if len(found) <= FEW:
        return [_sentence(in_words(d)) for d in found]
    ordered = "; ".join(f"{movement(d)} ({significant(d.strength)})" for d in found)
    return [
        f"The prior knows more than the data about {len(found)} combinations. In brackets, by how many noise sds one "
        f"prior sd of each moves the data: {ordered}."
    ]


def _open(found: Sequence[Profile]) -> list[str]:
    """Profiles that stay open, those to the same sides together."""
    sentences = []
    for open_sides in dict.fromkeys(w.open_sides for w in found):
        names = [w.name for w in found if w.open_sides == open_sides]
        one = len(names) == 1
        sentences.append(
            f"The profile {'likelihood' if one else 'likelihoods'} of {listed(names)} {'is' if one else 'are'} open to "
            f"the {' and to the '.join(open_sides)}: the data alone do not bound {'it' if one else 'them'} "
            f"{'at all' if len(open_sides) == 2 else 'on that side'} within {'its' if one else 'their'} prior's range."
        )
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


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."
