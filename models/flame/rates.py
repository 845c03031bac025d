"""Burning velocities of cracked ammonia over rate constants: a surface through flames of a detailed mechanism.

    ln S_L(φ, θ) = Σ_i a_i P_i(φ) + Σ_k θ_k Σ_i b_ki P_i(φ) + Σ_kl θ_k θ_l Σ_i c_kli P_i(φ)

θ are logarithms of multipliers of twelve rate constants, P Chebyshev polynomials. Each flame was solved again with one
rate after the other moved, on its own grid, so that it tells thirteen numbers, and a hundred flames fix two hundred and
some coefficients by least squares. ``case_studies/make_flame_rates.py`` makes the file.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.polynomial import chebyshev

from twin.arrays import Array, like, namespace, to_numpy
from twin.error import ForwardError, constant_error
from twin.model import Coordinate, Mask, Observable
from twin.priors import HalfNormal, Normal, Uniform
from twin.space import Floats, Parameter, Space

FUEL = {"NH3": 0.6, "H2": 0.6, "N2": 0.2}
"""Ammonia of which 40 % is cracked (Mei et al. 2021, DOI 10.1016/j.combustflame.2021.111472)."""
PHI = (0.65, 1.45)
FILE = Path(__file__).parent / "ammonia_hydrogen.json"
WIDE = 3.0
"""Prior standard deviations that the flames cover, to either side."""
RATES = {
    "H + O2 <=> O + OH": 0.3,
    "H + O2 (+M) <=> HO2 (+M)": 0.6,
    "H2 + OH <=> H + H2O": 0.6,
    "H2 + O <=> H + OH": 0.6,
    "NH2 + NO <=> NNH + OH": 0.9,
    "NH2 + NO <=> H2O + N2": 0.9,
    "H + NH2 (+M) <=> NH3 (+M)": 0.9,
    "NH2 + O <=> H + HNO": 0.9,
    "NH + NH2 <=> H + tHNNH": 0.9,
    "NH + O <=> H + NO": 0.9,
    "N + NH2 <=> 2 H + N2": 0.9,
    "NH + NO <=> H + N2O": 0.9,
}
"""The most sensitive reactions at φ 0.7, 1 and 1.4, and how far ln of their multipliers was moved."""
REACTIONS, WIDTHS = tuple(RATES), tuple(RATES.values())
NAMES = (
    "H_O2", "H_O2_M", "H2_OH", "H2_O", "NH2_NO_NNH", "NH2_NO_H2O", "H_NH2_M", "NH2_O", "NH_NH2", "NH_O", "N_NH2",
    "NH_NO",
)  # fmt: skip
MOVE = 0.2
"""ln of the factor by which one rate is moved."""
DEGREES = (6, 3, 1)
"""Of the polynomials in φ: of the constant, the linear and the quadratic terms in θ."""
FOLDS = 5
"""Parts of the flames that are left out in turn, to find the surface's error."""
UNCERTAINTY = (
    "assumed: H + O2 known to 10 %, other reactions of hydrogen to 20 %, of nitrogen to 30 % (1 sd), as recent "
    "evaluations and mechanisms scatter; reaction "
)


@dataclass(frozen=True, eq=False)
class Solved:
    """n flames: φ (n,), θ (n, k), ln S_L [cm/s] (n,), and the same with one θ_k larger by ``MOVE`` (n, k)."""

    phi: Floats
    theta: Floats
    ln_S: Floats  # noqa: N815 - the equation's symbol
    moved: Floats

    def part(self, rows: Mask) -> "Solved":
        """Some of the flames."""
        return Solved(self.phi[rows], self.theta[rows], self.ln_S[rows], self.moved[rows])


@dataclass(frozen=True, eq=False)
class RateSurface:
    """S_L [cm/s] over φ: a forward map. ``coefficients`` (m,), and the standard deviation of its error in ln S_L."""

    coefficients: Floats
    sd: float

    conditions = Space(
        (
            Parameter("T_u", "K", Uniform(297.0, 299.0), 298.0, "temperature of the fresh mixture", "known input"),
            Parameter("p", "bar", Uniform(1.0, 1.03), 1.01325, "pressure of the gas", "known input"),
        )
    )
    coordinates = (Coordinate("phi", "1", "equivalence ratio"),)
    observables = (Observable("S_L", "cm/s", "laminar burning velocity", HalfNormal(0.7)),)

    @property
    def space(self) -> Space:
        """ln of the multipliers."""
        return Space(
            tuple(
                Parameter(name, "1", Normal(0.0, width / WIDE), 0.0, f"ln of the multiplier of {reaction}",
                          UNCERTAINTY + reaction, -width, width)
                for name, (reaction, width) in zip(NAMES, RATES.items(), strict=True)
            )
        )  # fmt: skip

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        """S_L (*batch, n, 1) at rows of φ (n, 1). ValueError beyond the flames that were solved."""
        phi = to_numpy(x)[:, 0]
        if phi.min() < PHI[0] or phi.max() > PHI[1]:
            raise ValueError(
                f"phi from {phi.min():g} to {phi.max():g}: flames were solved from {PHI[0]:g} to {PHI[1]:g}"
            )
        return namespace(theta).exp(self.log_velocity(theta, phi))[..., None]

    def log_velocity(self, theta: Array, phi: Floats) -> Array:
        """ln S_L (*batch, n)."""
        constant, linear, quadratic = _cut(self.coefficients)
        base, first, second = (chebyshev.chebvander(_scaled(phi), degree) for degree in DEGREES)
        xp = namespace(theta)
        pairs = xp.stack([theta[..., i] * theta[..., j] for i, j in _pairs()], axis=-1)
        bent = pairs @ like(quadratic @ second.T, theta)
        return like(base @ constant, theta) + theta @ like(linear @ first.T, theta) + bent

    def error(self, c: Array, x: Array) -> ForwardError:
        """That of left-out flames, at nominal rates."""
        bare = np.asarray(self(self.space.nominal, c, to_numpy(x)))
        return constant_error(0 * bare, self.sd * bare)


def read_solved(path: Path = FILE) -> Solved:
    """The flames that ship, or others of the same reactions. ValueError where the file holds others."""
    known = json.loads(path.read_text())
    if known["reactions"] != list(REACTIONS):
        raise ValueError(f"{path}: flames of other reactions; expected {', '.join(REACTIONS)}")
    return Solved(*(np.array(known[name]) for name in ("phi", "theta", "ln_S", "moved")))


@lru_cache(maxsize=1)
def rate_surface() -> RateSurface:
    """The surface through all flames, whose error is that of flames left out in turn."""
    solved = read_solved()
    return RateSurface(fitted(solved), float(np.sqrt(np.mean(left_out(solved) ** 2))))


def left_out(of: Solved, *, slopes: bool = True) -> Floats:
    """ln S_L of flames (n,) by a surface through others, less the truth; every ``FOLDS``-th is left out at a time."""
    found, place = np.empty(len(of.phi)), np.arange(len(of.phi)) % FOLDS
    for fold in range(FOLDS):
        found[place == fold] = misfit(
            RateSurface(fitted(of.part(place != fold), slopes=slopes), 0.0), of.part(place == fold)
        )
    return found


def fitted(of: Solved, *, slopes: bool = True) -> Floats:
    """Coefficients (m,) by least squares, of velocities and of what moving a rate makes of them, or of the former."""
    base = _terms(of.phi, of.theta)
    rows, right = [base], [of.ln_S]
    for k in range(of.theta.shape[1] if slopes else 0):
        rows.append(_terms(of.phi, of.theta + MOVE * (np.arange(of.theta.shape[1]) == k)) - base)
        right.append(of.moved[:, k] - of.ln_S)
    found, *_ = np.linalg.lstsq(np.concatenate(rows), np.concatenate(right), rcond=1e-10)
    return np.asarray(found)


def _terms(phi: Floats, theta: Floats) -> Floats:
    """What the coefficients stand before (n, m)."""
    base, first, second = (chebyshev.chebvander(_scaled(phi), degree) for degree in DEGREES)
    pairs = np.stack([theta[:, i] * theta[:, j] for i, j in _pairs()], axis=-1)
    parts = [
        (some[:, :, None] * along[:, None]).reshape(len(phi), -1) for some, along in ((theta, first), (pairs, second))
    ]
    return np.concatenate([base, *parts], axis=1)


def misfit(surface: RateSurface, of: Solved) -> Floats:
    """ln S_L of the surface less that of the flames (n,)."""
    ours = [surface.log_velocity(theta, phi[None])[0] for theta, phi in zip(of.theta, of.phi, strict=True)]
    return np.asarray(ours) - of.ln_S


def _scaled(phi: Floats) -> Floats:
    return 2 * (phi - PHI[0]) / (PHI[1] - PHI[0]) - 1


def _pairs() -> list[tuple[int, int]]:
    many = len(REACTIONS)
    return [(i, j) for i in range(many) for j in range(i, many)]


def _cut(coefficients: Floats) -> tuple[Floats, Floats, Floats]:
    """Of the three kinds of terms: (d_0 + 1,), (k, d_1 + 1), (pairs, d_2 + 1)."""
    base, first = DEGREES[0] + 1, len(REACTIONS) * (DEGREES[1] + 1)
    linear = coefficients[base : base + first].reshape(len(REACTIONS), -1)
    return coefficients[:base], linear, coefficients[base + first :].reshape(len(_pairs()), -1)
