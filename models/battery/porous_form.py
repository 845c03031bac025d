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

from dataclasses import dataclass
from typing import Any, NamedTuple

from twin.arrays import Array, namespace
from twin.chebyshev import chebyshev_series, chebyshev_sums
from twin.field import ExactField
from twin.model import Fields
from twin.models.battery.cell import Cell, Draw, Electrode, arrhenius, flux_ratio
from twin.models.battery.sphere import surface_response
from twin.models.battery.spm import soft_floor
from twin.models.battery.voltage import inner_voltage, kinetic_ratios, over_time

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


class Corrections(NamedTuple):
    """What stands beside the closed form, each (*batch, n)."""

    volts: Array
    """W [V]"""
    x: Array
    """x̄ + m_x"""
    x_spread: Array
    """s_x"""
    y: Array
    """ȳ + m_y"""
    y_spread: Array
    """s_y"""


def fields(form: Form, cell: Cell, draw: Draw, outputs: Array) -> Fields:
    """Over t: ``temperature`` [K], mean surfaces, and ``corrections`` (``Corrections``)."""
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
        return frozen_surfaces(cell, drawn, T, t + 0 * rate)

    def corrected(t: Array) -> Corrections:
        means = closed(t)
        at = [2 * (y - low) / (high - low) - 1 for y, (low, high) in zip(means, form.ranges, strict=True)]
        sums = chebyshev_sums(series, xp.stack(at, axis=-2))
        f_x, f_y = (xp.unstack(of_one, axis=-2) for of_one in xp.unstack(sums, axis=-3))
        drop = f_x[1] + f_y[1]
        for k, span in enumerate(DECAYS):
            drop = drop + transient[..., k : k + 1] * xp.exp(-t / span)
        x, y = (
            mean + rate * size * f[2] if form.shifts else mean
            for mean, size, f in zip(means, SHIFT, (f_x, f_y), strict=True)
        )
        volts = rate * (DROP * drop - MEAN_DROP)
        return Corrections(volts, x, rate * SPREAD[0] * f_x[0], y, rate * SPREAD[1] * f_y[0])

    return {
        "temperature": ExactField(("t",), temperature),
        "negative surface": ExactField(("t",), lambda t: closed(t)[0]),
        "positive surface": ExactField(("t",), lambda t: closed(t)[1]),
        "corrections": ExactField(("t",), corrected),
    }


def voltage(cell: Cell, draw: Draw, u: Fields, times: Array) -> Array:
    """V [V] at times (*batch, n)."""
    drawn, temperature, at = over_time(draw), u["temperature"](times), u["corrections"](times)
    xp = namespace(at.volts)
    x_s = soft_floor(xp.stack([at.x + at.x_spread, at.x - at.x_spread], axis=0))
    y_s = xp.stack([at.y + at.y_spread, at.y - at.y_spread], axis=0)
    both = xp.unstack(inner_voltage(cell, x_s, y_s, kinetic_ratios(cell, drawn), temperature), axis=0)
    return at.volts + 0.5 * (both[0] + both[1]) - drawn.current * drawn.resistance


def frozen_surfaces(cell: Cell, drawn: Draw, temperature: Array, t: Array) -> tuple[Array, Array]:
    """x̄ and ȳ (*batch, n) at times (*batch, n) of a draw with a last axis, diffusivities as they are at the moment."""
    xp = namespace(t)
    sides: tuple[tuple[Electrode, float, Array, Any, Any, Any], ...] = (
        (cell.negative, -1.0, drawn.stoichiometry_n, drawn.active_n, drawn.diffusivity_n, drawn.energy_n),
        (cell.positive, 1.0, drawn.stoichiometry_p, drawn.active_p, drawn.diffusivity_p, drawn.energy_p),
    )
    fillings, speeds = [], []
    for electrode, sign, start, active, factor, energy in sides:
        filling = sign * flux_ratio(electrode, cell, active, drawn.current)
        law = electrode.diffusivity(start + filling * t, temperature)
        warmth = arrhenius(energy, temperature, cell.temperature)
        fillings.append(filling)
        speeds.append(factor * law * warmth / electrode.particle_radius**2)
    answers = xp.unstack(surface_response(xp.stack([speed * t for speed in speeds], axis=-2)), axis=-2)
    x, y = (sides[k][2] + fillings[k] / (3 * speeds[k]) * answers[k] for k in range(2))
    return x, y


def _warming(drawn: Draw, t: Array) -> Array:
    """I² (r + R₀) (1 - exp(-H t/C_th))/H [K]."""
    power = drawn.current * drawn.current * (RESISTANCE + drawn.resistance)
    rate = drawn.heat_transfer / drawn.heat_capacity
    return power / drawn.heat_transfer * -namespace(t).expm1(-rate * t)
