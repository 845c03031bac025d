"""Fronts of case 1 (``simple.py``) by spectral collocation, differentiable and many at once; and T over x.

With c = (T - T_u)/(T_b - T_u) and z = λ T'/(m c_p (T_b - T_u)),

    dz/dc = 1 - B/z,        B = λ q_F w/(m c_p)²/(T_b - T_u),        z(0) = λ G/(m c_p (T_b - T_u)),        z(1) = 0.

The unknowns are ln m and a polynomial ω with ω(0) = 0 in z = (z(0) + c) (1 - c)^n e^ω, n being the order, held at
Gauss points of a variable that crowds both ends (``nodes.py``). Newton's method solves them; derivatives by parameters
are the implicit function theorem's.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial import chebyshev

from twin import dual
from twin.arrays import Array, detached, like, namespace
from twin.models.flame.newton import stepped
from twin.models.flame.nodes import nodes, place
from twin.models.flame.simple import C_P, Q_F, R_GAS, R_MOLAR, A, N
from twin.scan import scan
from twin.space import Floats

COUNT, ITERATIONS, LONGEST = 20, 10, 0.5
COLD, HOT, LEFT = 200, 300, 80.0
"""Cells of a profile before and behind c = ½, and (1 - c)^(1 - n) where it ends."""
TOE = 1e-3
"""z(0) or so: how the cold end is divided."""


class Setting(NamedTuple):
    """Numbers of one flame: T_u, T_b [K], p [Pa], mass fraction of the fuel, gradient G [K/m] where it begins."""

    T_u: float
    T_b: float
    p: float
    Y_F0: float
    gradient: float


class Found(NamedTuple):
    """Of fronts (*batch,): m [kg/(m² s)], and coefficients of ω (*batch, COUNT - 1)."""

    flux: Array
    shape: Array


class Cells(NamedTuple):
    """Of M cells: beginnings, middles and ends (M, 3) of c and of dc/dτ over a variable τ, steps of τ (M,), and
    polynomials of ω there (M, 3, COUNT - 1).
    """

    c: Floats
    rise: Floats
    step: Floats
    polynomials: Floats


def front(of: Setting, conductivity: Array, Ea: Array) -> Found:
    """Under λ [W/(m K)] and Ea [J/mol] (*batch,)."""
    frozen = detached(conductivity), detached(Ea)
    q = _start(of, *frozen)
    some = namespace(q).zeros((ITERATIONS, 1), dtype=q.dtype)
    (q,), _ = scan(lambda carry, row: ((_improved(of, carry[0], *frozen),), ()), (q,), (like(some, q),))
    q = _improved(of, q, conductivity, Ea)
    return Found(namespace(q).exp(q[..., 0]), q[..., 1:])


def profile(of: Setting, found: Found, conductivity: Array, x: Array) -> Array:
    """T [K] (*batch, n) at x (*batch, n) [m], T_u at x = 0; before it no reaction is assumed."""
    at, xp = _cells(), namespace(found.shape)
    flat = found.shape @ like(at.polynomials.reshape(-1, COUNT - 1).T, found.shape)
    omega = xp.reshape(flat, (*flat.shape[:-1], *at.c.shape))
    length = (conductivity / (found.flux * C_P))[..., None]
    toe = length * (of.gradient / (of.T_b - of.T_u))
    z = (toe[..., None] + like(at.c, omega)) * like((1 - at.c) ** N, omega) * xp.exp(omega)
    cells = xp.sum(like(at.rise * (np.array([1, 4, 1]) / 6 * at.step[:, None]), z) / z, axis=-1)
    place = length * xp.concat([0 * toe, xp.cumulative_sum(cells, axis=-1)], axis=-1)
    ends = np.append(at.c[:, 0], at.c[-1, 2])
    slope = xp.concat([z[..., 0], z[..., -1:, 2]], axis=-1) / length
    c = _read(place, like(ends, z), slope, x)
    before = toe * xp.expm1(xp.minimum(x, 0 * x) / length)
    return of.T_u + (of.T_b - of.T_u) * xp.where(x < 0, before, c)


def _read(place: Array, c: Array, slope: Array, x: Array) -> Array:
    """c (*batch, n) at x between places (*batch, M + 1) where it and its slope are known, by Hermite's cubics."""
    xp = namespace(place)
    i = xp.sum(xp.astype(place[..., None, 1:-1] <= x[..., :, None], xp.int64), axis=-1)
    x_0, x_1, s_0, s_1 = (xp.take_along_axis(part, j, axis=-1) for part in (place, slope) for j in (i, i + 1))
    c_0, c_1 = (xp.take_along_axis(xp.broadcast_to(c, place.shape), j, axis=-1) for j in (i, i + 1))
    h = x_1 - x_0
    t = xp.minimum((x - x_0) / h, 1 + 0 * x_0)
    return (
        (1 + 2 * t) * (1 - t) ** 2 * c_0 + t * (1 - t) ** 2 * h * s_0 + t**2 * (3 - 2 * t) * c_1
        + t**2 * (t - 1) * h * s_1
    )  # fmt: skip


@cache
def _cells() -> Cells:
    """τ = ln(TOE + c) up to c = ½, then (1 - c)^(1 - n)."""
    cold = _thirds(np.linspace(np.log(TOE), np.log(TOE + 0.5), COLD + 1))
    hot = _thirds(np.linspace(0.5 ** (1 - N), LEFT, HOT + 1))
    left = hot ** (1 / (1 - N))
    c = np.concatenate([np.exp(cold) - TOE, 1 - left])
    rise = np.concatenate([np.exp(cold), left**N / (N - 1)])
    step = np.concatenate([part[:, 2] - part[:, 0] for part in (cold, hot)])
    return Cells(c, rise, step, _polynomials(place(c)))


def _thirds(ends: Floats) -> Floats:
    """Beginnings, middles and ends (M, 3) of cells with M + 1 ends."""
    return np.stack([ends[:-1], 0.5 * (ends[:-1] + ends[1:]), ends[1:]], axis=-1)


def _polynomials(t: Floats) -> Floats:
    """Chebyshev's, of degrees 1 to COUNT - 1, each less what it is at t = 0."""
    found = chebyshev.chebvander(2 * t - 1, COUNT - 1) - chebyshev.chebvander(np.array(-1.0), COUNT - 1)
    return np.asarray(found[..., 1:])


def _start(of: Setting, conductivity: Array, Ea: Array) -> Array:
    """ω = 0, and m from the equation multiplied by z: ∫ B dc = ∫ z dc."""
    at, some = nodes(COUNT), conductivity + 0 * Ea
    xp = namespace(some)
    z = at.c * (1 - at.c) ** N
    along = like(at.weights * at.rise, some)
    ratio = xp.sum(along * _driving(of, conductivity, Ea), axis=-1) / float(np.sum(at.weights * at.rise * z))
    return xp.concat([0.5 * xp.log(ratio)[..., None], xp.zeros((*some.shape, COUNT - 1), dtype=some.dtype)], axis=-1)


def _driving(of: Setting, conductivity: Array, Ea: Array) -> Array:
    """B m² (*batch, COUNT) at the nodes."""
    T = of.T_u + (of.T_b - of.T_u) * nodes(COUNT).c
    left = of.Y_F0 * (1 - nodes(COUNT).c)
    known = Q_F * A * (of.p / (R_GAS * T) * left) ** N / (C_P**2 * (of.T_b - of.T_u))
    return conductivity[..., None] * like(known, Ea) * namespace(Ea).exp(-Ea[..., None] / like(R_MOLAR * T, Ea))


def _improved(of: Setting, q: Array, conductivity: Array, Ea: Array) -> Array:
    """The unknowns (*batch, COUNT) after one iteration of Newton's method."""
    xp, at = namespace(q), nodes(COUNT)
    still = detached(q)
    values = _polynomials(place(at.c))
    slopes = at.slopes[:, 1:COUNT] / at.rise[:, None]
    local = (
        still[..., :1] + 0 * still, still[..., 1:] @ like(values.T, q), still[..., 1:] @ like(slopes.T, q)
    )  # fmt: skip
    marked = _equation(of, dual.variables(local), detached(conductivity), detached(Ea))
    own = xp.broadcast_to(marked.slope, (3, *q.shape))[..., None]
    matrix = xp.concat([own[0], own[1] * like(values, q) + own[2] * like(slopes, q)], axis=-1)
    return stepped(still, matrix, _equation(of, local, conductivity, Ea), LONGEST)


def _equation(of: Setting, local: Sequence[Any], conductivity: Array, Ea: Array) -> Any:
    """z dln z/dc - 1 + B/z (*batch, COUNT) of ln m, ω and dω/dc there: arrays or dual numbers."""
    log_m, omega, omega_c = local
    xp, c, some = namespace(omega), nodes(COUNT).c, conductivity
    toe = xp.exp(-1.0 * log_m) * (conductivity[..., None] * (of.gradient / (C_P * (of.T_b - of.T_u))))
    reach = toe + like(c, some)
    z = xp.exp(omega) * reach * like((1 - c) ** N, some)
    bent = 1 / reach + omega_c - like(N / (1 - c), some)
    return z * bent - 1 + xp.exp(-2.0 * log_m) / z * _driving(of, conductivity, Ea)
