"""A freely propagating flame as a few numbers: its equations over the progress variable c = (T - T_u)/(T_b - T_u).

With ξ the progress of the flux, z = y - ξ and ε_k = Y_k,u + ν_k W_k ξ, for any diffusion (first integrals),

    λ dT/dx = m S z,        dz/dT = y' - λ r/(m² S z),        j_k = m (ε_k - Y_k),
    j*_k = -ρ (W_k/W̄) D'_k dX_k/dx,        j_k = j*_k - Y_k Σ_i j*_i.

The unknowns are ln m, and polynomials w and d_k in

    z = y (1 - c)^s e^w,        Y_k = Y_k,u + ν_k W_k y + c (1 - c) W_k ξ_b d_k,        s = max(n_d, (1 + n_d)/2),

n_d being the order in the reactant that is used up; the last species is what is left. So both ends hold exactly, there
is no thin layer and nothing that may be shifted, and A, p and the size of transport enter as they do in the
flame. K Gauss points give 5 K equations for 5 K numbers (five species): with K = 12 burning velocities are exact to
some 1e-5. Newton's method solves them; its matrix comes from local derivatives by dual numbers, and no derivative by
parameters flows through it or the guess: that of q - J⁻¹ R is the implicit function theorem's up to terms of the
guess's error.
"""

from typing import Any, NamedTuple

import numpy as np

from twin.arrays import Array, detached, like, namespace
from twin.dual import Dual
from twin.models.flame.gas import Gas, mean_weight, mole_fractions
from twin.models.flame.gas import R as GAS_CONSTANT
from twin.models.flame.kinetics import Kinetics, Step, rate
from twin.models.flame.mixtures import Mixtures
from twin.models.flame.newton import stepped
from twin.models.flame.nodes import Nodes
from twin.models.flame.transport import mixed_conductivity, mixed_diffusivities
from twin.space import Floats

LONGEST = 0.5
"""By how much one iteration may change a number."""
LEAST_SHARE = 1e-12
"""Mass fraction that every species has at least where rates and transport are asked for."""


class Problem(NamedTuple):
    """The gas and step, n mixtures at K nodes; Lewis numbers (s,) in place of mixture-averaged diffusion."""

    gas: Gas
    step: Step
    at: Nodes
    of: Mixtures
    lewis: Floats | None = None


class Local(NamedTuple):
    """At the nodes, as arrays or dual numbers: ln m and w, dw/dt (*batch, n, K), Y and dY/dt (*batch, n, K, s)."""

    log_m: Any
    w: Any
    w_t: Any
    Y: Any
    Y_t: Any


def residual(problem: Problem, q: Array, law: Kinetics) -> Array:
    """Relative (*batch, n, 5 K) of unknowns (*batch, n, 5 K) under kinetics."""
    xp = namespace(q)
    rows = xp.stack(_terms(problem, local_of(problem, q), law), axis=-2)
    return xp.reshape(rows, q.shape)


def improved(problem: Problem, q: Array, law: Kinetics) -> Array:
    """The unknowns after one iteration of Newton's method."""
    still = detached(q)
    return stepped(still, jacobian(problem, still, law.frozen()), residual(problem, still, law), LONGEST)


def jacobian(problem: Problem, q: Array, law: Kinetics) -> Array:
    """∂R/∂q (*batch, n, 5 K, 5 K)."""
    xp, K, s = namespace(q), len(problem.at.c), len(problem.gas.names)
    terms = _terms(problem, _varied(local_of(problem, q)), law)
    own = xp.stack([term.slope for term in terms], axis=-2)[..., None]
    values, slopes = (like(part, q) for part in (problem.at.values, problem.at.slopes))
    blocks = [own[0], own[1] * values[:, : K - 1] + own[2] * slopes[:, : K - 1]]
    for k in range(s - 1):
        level, rise = (like(part, q)[:, None, :, None] for part in _room(problem, k))
        blocks.append(own[3 + k] * (level * values) + own[2 + s + k] * (rise * values + level * slopes))
    return xp.reshape(xp.concat(blocks, axis=-1), (*q.shape, s * K))


def local_of(problem: Problem, q: Array) -> Local:
    """The fields that the unknowns stand for."""
    at, of = problem.at, problem.of
    xp, K, s = namespace(q), at.values.shape[-1], len(problem.gas.names)
    values, slopes = like(at.values.T, q), like(at.slopes.T, q)
    w = q[..., 1:K]
    nuW = problem.step.nu * problem.gas.W
    warmer = of.slope * (of.T_b - of.T_u)[:, None] * at.rise
    Y, Y_t = [], []
    for k in range(s - 1):
        d = q[..., k * K + K : (k + 2) * K]
        level, rise = (like(part, q) for part in _room(problem, k))
        Y.append(like(of.Y[..., k], q) + level * (d @ values))
        Y_t.append(like(nuW[k] * warmer, q) + rise * (d @ values) + level * (d @ slopes))
    Y.append(1 - sum(Y))
    Y_t.append(-sum(Y_t))
    return Local(
        q[..., :1] + 0 * w[..., :1] * values[:1, :], w @ values[: K - 1], w @ slopes[: K - 1],
        xp.stack(Y, axis=-1), xp.stack(Y_t, axis=-1),
    )  # fmt: skip


def gradient_of(problem: Problem, q: Array, law: Kinetics) -> Array:
    """dT/dx [K/m] (*batch, n, K) at the nodes."""
    local = local_of(problem, q)
    of = problem.of
    X = mole_fractions(problem.gas, local.Y)
    lam = law.spread[..., None] * mixed_conductivity(X, like(of.conductivities, q))
    return namespace(q).exp(local.log_m) * like(of.S, q) * _driven(problem, local, law) / lam


def unity_lewis(problem: Problem, law: Kinetics) -> tuple[Array, Array]:
    """r [kmol/(m³ s)] and λ [W/(m K)] (*batch, n, K) of the composition with unity Lewis numbers."""
    of, some = problem.of, law.ln_A
    Y, T = like(of.Y, some), like(of.T, some)
    rho = like(of.p[:, None], some) * mean_weight(problem.gas, Y) / (GAS_CONSTANT * T)
    lam = mixed_conductivity(mole_fractions(problem.gas, Y), like(of.conductivities, some))
    return _rate(problem, rho, Y, T, law), law.spread[..., None] * lam


def order_at_hot_end(of: Mixtures, law: Kinetics) -> Array:
    """s (*batch, n)."""
    a, b = law.orders
    xp = namespace(a, b)
    lean = like(of.lean, a)
    n_d = xp.where(lean > 0, a, xp.where(lean < 0, b, a + b))
    half = 0.5 * (1 + n_d)
    return xp.where(n_d > half, n_d, half)


def _room(problem: Problem, k: int) -> tuple[Floats, Floats]:
    """c (1 - c) W_k ξ_b and its t-derivative (n, K)."""
    c, most = problem.at.c, problem.of.progress[:, None] * problem.gas.W[k]
    return c * (1 - c) * most, problem.at.rise * (1 - 2 * c) * most


def _varied(local: Local) -> Local:
    """The same as dual numbers, whose variables are ln m, w, dw/dt, and Y_k and dY_k/dt of all species but the last."""
    xp, s = namespace(local.w), local.Y.shape[-1]
    one, zero = xp.ones_like(local.w), xp.zeros_like(local.w)
    many = 2 * s + 1

    def alone(value: Array, i: int) -> Dual:
        return Dual(value, xp.stack([one if j == i else zero for j in range(many)], axis=0))

    def shares(value: Array, first: int) -> Dual:
        none = xp.zeros_like(value)
        moved = []
        for j in range(many):
            if not first <= j < first + s - 1:
                moved.append(none)
                continue
            moved.append(xp.stack([one if k == j - first else -one if k == s - 1 else zero for k in range(s)], axis=-1))
        return Dual(value, xp.stack(moved, axis=0))

    return Local(
        alone(local.log_m, 0), alone(local.w, 1), alone(local.w_t, 2), shares(local.Y, 3), shares(local.Y_t, 2 + s)
    )


def _driven(problem: Problem, local: Local, law: Kinetics) -> Any:
    """z (*batch, n, K) [kmol/kg]."""
    order = order_at_hot_end(problem.of, law)[..., None]
    shape = like(problem.of.y, order) * namespace(order).exp(order * like(np.log(1 - problem.at.c), order))
    return shape * namespace(local.w).exp(local.w)


def _terms(problem: Problem, local: Local, law: Kinetics) -> list[Any]:
    """s residuals (*batch, n, K): of the progress, and of the fluxes of all species but the last."""
    gas, at, of = problem.gas, problem.at, problem.of
    xp, some = namespace(local.Y), law.ln_A
    y, slope, S, T = (like(part, some) for part in (of.y, of.slope, of.S, of.T))
    span = like((of.T_b - of.T_u)[:, None] * at.rise, some)
    spread = law.spread[..., None]
    Y = xp.maximum(local.Y, LEAST_SHARE + xp.zeros_like(local.Y))
    X, weight = mole_fractions(gas, Y), mean_weight(gas, Y)
    rho = like(of.p[:, None], some) * weight / (GAS_CONSTANT * T)
    lam = spread * mixed_conductivity(X, like(of.conductivities, some))
    z = _driven(problem, local, law)
    fast = _rate(problem, rho, Y, T, law) / (slope * S * z)
    order = order_at_hot_end(of, law)[..., None]
    bent = 1 - order * like(at.rise / (1 - at.c), some) * y / (span * slope) + local.w_t * (y / (span * slope))
    terms = [z / y * bent - 1 + lam * fast * xp.exp(-2.0 * local.log_m)]
    if problem.lewis is None:
        D = spread[..., None] * mixed_diffusivities(gas, X, Y, like(of.diffusivities, some))
    else:
        heat = rho * xp.sum(Y * like(of.heat_capacities, some), axis=-1)
        D = (lam / heat)[..., None] * (1 / like(problem.lewis, some))
    nuW = like(problem.step.nu * gas.W, some)
    j = like(of.fresh[:, None], some) + nuW * (y - z)[..., None] - local.Y
    a = 1 / (like(gas.W, some) * D)
    j = j - Y * (xp.sum(a * j, axis=-1) / xp.sum(a * Y, axis=-1))[..., None]
    each = local.Y_t / like(gas.W, some)
    X_t = (each - X * xp.sum(each, axis=-1)[..., None]) * weight[..., None]
    flux = X_t / a * (rho / weight * S * z / (lam * span))[..., None] + j
    for k in range(len(gas.names) - 1):
        terms.append(flux[..., k] / like(of.progress[:, None] * gas.W[k], some))
    return terms


def _rate(problem: Problem, rho: Any, Y: Any, T: Array, law: Kinetics) -> Any:
    """r [kmol/(m³ s)] (*batch, n, K)."""
    c = rho[..., None] * Y * (1 / like(problem.gas.W, T))
    return rate(problem.step, law.over_points(), T, c)
