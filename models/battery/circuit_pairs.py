"""Resistor-capacitor pairs in series under a given current.

    dv/dt = (I R - v)/τ,   v = 0 at t = 0,   τ = R C

(Hu, Li, Peng 2012, J. Power Sources 198, 359, DOI 10.1016/j.jpowsour.2011.10.013, sections 2.4 and 2.6). Both forms
below are exact: one for a constant current, one for a current that is constant between samples.
"""

from typing import Any

from twin.arrays import Array, namespace
from twin.scan import scan


def step_response(resistance: Array, tau: Array, current: Array, times: Array) -> Array:
    """v = I R (1 - exp(-t/τ)) [V] (*batch, n) of one pair, R [Ω] and τ [s] (*batch, 1), I [A], t [s] (n,)."""
    return -current * resistance * namespace(tau).expm1(-times / tau)


def recursion(resistance: Array, tau: Array, currents: Array, times: Array) -> Array:
    """The sum [V] (*batch, n) over pairs, R [Ω] and τ [s] (*batch, K), at rising times t [s] (n,).

        v_i = v_{i-1} exp(-Δt/τ) + I_i R (1 - exp(-Δt/τ)),   Δt = t_i - t_{i-1},   v = 0 at t = 0

    The current I_i [A] flowed from sample i - 1, or from t = 0, to sample i.
    """
    xp = namespace(tau)
    begun = xp.concat([0 * times[:1], times[:-1]])
    column = (-1, *(1 for _ in tau.shape))
    exponent = -xp.reshape(times - begun, column) / tau
    kept, gained = xp.exp(exponent), -xp.expm1(exponent) * resistance * xp.reshape(currents, column)

    def step(carry: Any, row: Any) -> tuple[Any, Any]:
        v = carry[0] * row[0] + row[1]
        return (v,), (v,)

    _, (across,) = scan(step, (0 * tau,), (kept, gained))
    return xp.moveaxis(xp.sum(across, axis=-1), 0, -1)
