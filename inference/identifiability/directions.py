"""Stiff and sloppy combinations of the parameters, and how an engineer would say them.

With F v = λ v on the scale of the priors (``information.py``), moving one prior standard deviation along v moves the
data by √λ noise standard deviations, the root of the sum of squares over all measured values; the posterior's
standard deviation along v is 1/√(1 + λ) of the prior's. λ < 1 is sloppy: the prior knows more than the data
(Gutenkunst et al. 2007, PLoS Comput. Biol. 3, e189, has the terms).
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import qr

from twin.space import Floats

NAMED = 0.35
"""Share of the largest weight from which on a parameter is named."""
ALIKE = 0.05
"""Directions whose log(1 + λ) lie this close are equally well known: any rotation of them is as good."""
WELL = 99.0
"""λ from which on a direction is well informed: the posterior is at most a tenth as wide as the prior."""


@dataclass(frozen=True, eq=False)
class Direction:
    """A combination Σ weight · u of unit length with its information λ; the largest weight is positive."""

    names: tuple[str, ...]
    weights: Floats
    eigenvalue: float

    @property
    def strength(self) -> float:
        """√λ: noise standard deviations per prior standard deviation."""
        return math.sqrt(self.eigenvalue)

    @property
    def sloppy(self) -> bool:
        """Whether the prior knows more than the data."""
        return self.eigenvalue < 1.0

    @property
    def width(self) -> float:
        """Expected posterior over prior standard deviation."""
        return 1.0 / math.sqrt(1.0 + self.eigenvalue)

    @property
    def leading(self) -> tuple[int, ...]:
        """Positions of the parameters that make it up, heaviest first."""
        size = np.abs(self.weights)
        order = np.argsort(-size, kind="stable")
        return tuple(int(i) for i in order if size[i] >= NAMED * size.max())


def directions(names: tuple[str, ...], matrix: Floats) -> tuple[Direction, ...]:
    """Eigenvectors of the information (p, p), stiffest first; equally well known ones turned to few parameters each."""
    values, vectors = np.linalg.eigh(matrix)
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    found = []
    for group in _alike(np.log1p(values)):
        basis = _simplest(vectors[:, group])
        strengths = np.maximum(np.einsum("ik,ij,jk->k", basis, matrix, basis), 0.0)
        found += [Direction(names, basis[:, k], float(strengths[k])) for k in np.argsort(-strengths, kind="stable")]
    return tuple(found)


def movement(direction: Direction) -> str:
    """The combination as something that happens: ``LLI and LAM_p rising together``, ``s_ct rising while R0 falls``."""
    up = [direction.names[i] for i in direction.leading if direction.weights[i] > 0]
    down = [direction.names[i] for i in direction.leading if direction.weights[i] < 0]
    if len(up) == 1 and not down:
        return up[0]
    if not down:
        return f"{listed(up)} rising together"
    return f"{listed(up)} rising while {listed(down)} {'falls' if len(down) == 1 else 'fall'}"


def in_words(direction: Direction) -> str:
    """One line: how well it is informed, what it is, and by how much it moves all measured values together."""
    level = "not" if direction.sloppy else ("well" if direction.eigenvalue >= WELL else "partly")
    only = "only " if direction.sloppy else ""
    moved = f"one prior sd of it moves the data by {only}{significant(direction.strength)} noise sds"
    return f"{level} informed: {movement(direction)} ({moved})"


def listed(names: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def significant(value: float) -> str:
    """Two significant digits, no exponent, nothing below 0.01."""
    if value < 0.01:
        return "0.00"
    decimals = max(0, 1 - math.floor(math.log10(value)))
    return f"{value:.{decimals}f}"


def _alike(levels: Floats) -> list[list[int]]:
    """Positions in groups whose levels, falling, lie within ``ALIKE`` of their first."""
    groups: list[list[int]] = []
    for i, level in enumerate(levels):
        if groups and levels[groups[-1][0]] - level <= ALIKE:
            groups[-1].append(i)
        else:
            groups.append([i])
    return groups


def _simplest(vectors: Floats) -> Floats:
    """An orthonormal basis (p, k) of the same span made of few parameters each: pivoted QR of the projection on it."""
    basis: Floats = vectors
    if vectors.shape[1] > 1:
        basis = np.asarray(qr(vectors @ vectors.T, pivoting=True)[0], dtype=np.float64)[:, : vectors.shape[1]]
    heaviest = np.argmax(np.abs(np.round(basis, 9)), axis=0)
    return np.asarray(basis * np.sign(basis[heaviest, np.arange(basis.shape[1])]))
