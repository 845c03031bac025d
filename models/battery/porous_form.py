"""What a surrogate of a porous cell adds to the closed form, and how voltage follows from it.

The mean over an electrode of its particles' stoichiometries is known, ȳ_m = y₀ ± q̇ t, and were its diffusivity
constant, so would be the mean of the surfaces: particles answer linearly to the reaction, whose mean is the current.
Where the diffusivity depends on filling or temperature, it is taken as it is at the moment, v = D(ȳ_m, T(t))/R²,

    ȳ = ȳ_m ± (q̇/3v) [G(v t) - 3 v t],

which is exact for a constant one. What is left are how far surfaces spread about their mean, how much voltage the
electrolyte and solids take and, where v is not constant, a shift of the means:

    V = ½ Σ_± V_SPM(x̄ + m_x ± s_x, ȳ + m_y ± s_y; T) + W - I R₀
    s_x = C f₁(x̄),   s_y = C f₂(ȳ),   W = C (f₃(x̄) + f₄(ȳ) + f₅(t) - w),   m_x = C f₆(x̄),   m_y = C f₇(ȳ)
    T = T_a + I² (r + R₀) (1 - exp(-H t/C_th))/H · (1 + f₈(q))

V_SPM has potentials and kinetics of the closed form. Wiggles of a discharge stand at fixed stoichiometries, wherever
loss of lithium puts those along the curve: so f₁ … f₄ are Chebyshev series in x̄ and ȳ, f₅ decays in time, f₈ is a
series in the charge q, and a network gives all coefficients from the draw, once per curve.
"""

from dataclasses import dataclass, replace
from typing import Any

from twin.arrays import Array, namespace
from twin.chebyshev import chebyshev_series, chebyshev_sums
from twin.field import ExactField
from twin.model import Fields
from twin.models.battery.cell import Cell, Draw, Electrode, arrhenius, flux_ratio
from twin.models.battery.sphere import surface_response
from twin.models.battery.spm import soft_floor
from twin.models.battery.voltage import over_time, terminal_voltage

TERMS, WARMING = 32, 16
"""Of each series in a stoichiometry, and of that in the charge."""
DECAYS = (3.0, 15.0, 60.0, 240.0)
"""[s] of the terms of f₅."""
SPREAD, DROP, SHIFT, HEAT = (0.1, 0.03), 0.1, (0.03, 0.03), 1.0
"""Sizes of f₁ and f₂, of f₃ … f₅, of f₆ and f₇, and of f₈ for outputs of 1."""
MEAN_DROP = 0.05
"""w [V]: what electrolyte and solids take at 1C, typically."""
RESISTANCE = 0.04
"""r [Ω]: what heats a cell besides its series resistance, typically."""


@dataclass(frozen=True)
class Form:
    """Ranges of x̄ and ȳ, beyond which series stay as at the end; whether means shift; charge [nominal capacities] that
    f₈ spans, 0 where the temperature does not change.
    """

    ranges: tuple[tuple[float, float], tuple[float, float]] = ((0.0, 1.0), (0.2, 1.0))
    shifts: bool = False
    warms_over: float = 0.0

    @property
    def outputs(self) -> int:
        """Coefficients that the network gives."""
        return (6 if self.shifts else 4) * TERMS + len(DECAYS) + (WARMING if self.warms_over else 0)


def fields(form: Form, cell: Cell, draw: Draw, outputs: Array) -> Fields:
    """Over t: ``temperature`` [K], mean surfaces, and ``corrections``: s_x, s_y, W [V], x̄ + m_x, ȳ + m_y."""
    xp = namespace(outputs)
    drawn = over_time(draw)
    rate = (draw.current / cell.capacity + 0 * outputs[..., 0])[..., None]
    count = 6 if form.shifts else 4
    flat = xp.reshape(outputs[..., : count * TERMS], (*outputs.shape[:-1], count // 2, 2, TERMS))
    series = xp.moveaxis(flat, -2, -3)
    transient = outputs[..., count * TERMS : count * TERMS + len(DECAYS)]

    def temperature(t: Array) -> Array:
        if not form.warms_over:
            return drawn.temperature + 0 * t
        charge = t * rate / (3600 * form.warms_over)
        extra = chebyshev_series(outputs[..., -WARMING:], 2 * charge - 1)
        return drawn.temperature + _warming(drawn, t) * (1 + HEAT * extra)

    def closed(t: Array) -> tuple[Array, Array]:
        T = temperature(t) if form.warms_over else drawn.temperature
        return (
            frozen_surface(cell.negative, cell, drawn, True, T, t) + 0 * rate,
            frozen_surface(cell.positive, cell, drawn, False, T, t) + 0 * rate,
        )

    def corrected(t: Array) -> Array:
        """s_x, s_y, W, and the means with their shifts (*batch, n, 5)."""
        means = closed(t)
        at = [2 * (y - low) / (high - low) - 1 for y, (low, high) in zip(means, form.ranges, strict=True)]
        found = chebyshev_sums(series, xp.stack(at, axis=-2))
        f = [found[..., k % 2, k // 2, :] for k in range(count)]
        drop = f[2] + f[3]
        for k, span in enumerate(DECAYS):
            drop = drop + transient[..., k : k + 1] * xp.exp(-t / span)
        shifts = [rate * SHIFT[k] * f[4 + k] if form.shifts else 0 * drop for k in range(2)]
        columns = [SPREAD[0] * f[0], SPREAD[1] * f[1], DROP * drop - MEAN_DROP]
        moved = [mean + shift for mean, shift in zip(means, shifts, strict=True)]
        return xp.stack([*(rate * column for column in columns), *moved], axis=-1)

    return {
        "temperature": ExactField(("t",), temperature),
        "negative surface": ExactField(("t",), lambda t: closed(t)[0]),
        "positive surface": ExactField(("t",), lambda t: closed(t)[1]),
        "corrections": ExactField(("t",), corrected),
    }


def voltage(cell: Cell, draw: Draw, u: Fields, times: Array) -> Array:
    """V [V] at times (*batch, n)."""
    drawn = over_time(draw)
    drawn = replace(drawn, temperature=u["temperature"](times))
    corrections = u["corrections"](times)
    s_x, s_y, volts, x_mean, y_mean = (corrections[..., k] for k in range(5))
    xp = namespace(volts)
    x_s = soft_floor(xp.stack([x_mean + s_x, x_mean - s_x], axis=0))
    y_s = xp.stack([y_mean + s_y, y_mean - s_y], axis=0)
    both = terminal_voltage(cell, drawn, x_s, y_s, drawn.current)
    return volts + 0.5 * (both[0] + both[1])


def frozen_surface(
    electrode: Electrode, cell: Cell, drawn: Draw, negative: bool, temperature: Array, t: Array
) -> Array:
    """ȳ (*batch, n) at times (*batch, n) of a draw with a last axis, the diffusivity as it is at the moment."""
    active: Any = drawn.active_n if negative else drawn.active_p
    factor: Any = drawn.diffusivity_n if negative else drawn.diffusivity_p
    energy: Any = drawn.energy_n if negative else drawn.energy_p
    start, sign = (drawn.stoichiometry_n, -1.0) if negative else (drawn.stoichiometry_p, 1.0)
    filling = flux_ratio(electrode, cell, active, drawn.current)
    mean = start + sign * filling * t
    law = electrode.diffusivity(mean, temperature) * arrhenius(energy, temperature, cell.temperature)
    speed = factor * law / electrode.particle_radius**2
    return start + sign * filling / (3 * speed) * surface_response(speed * t)


def _warming(drawn: Draw, t: Array) -> Array:
    """I² (r + R₀) (1 - exp(-H t/C_th))/H [K]."""
    power = drawn.current * drawn.current * (RESISTANCE + drawn.resistance)
    rate = drawn.heat_transfer / drawn.heat_capacity
    return power / drawn.heat_transfer * -namespace(t).expm1(-rate * t)
