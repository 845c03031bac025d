"""The equations of a porous cell at one implicit stage of time, and their Jacobian.

With i_e the current in the electrolyte [C-rate], J = a L j F A/I₁ the local reaction current (I₁ nominal, ξ across a
layer) and ĉ the salt's concentration over that at rest, j counted out of the negative and into the positive particles,

    salt:         ε L ∂_t ĉ = -∂_ξ N ± i₁ J/(F c₀),        N = -D ε^b ∂_ξ ĉ/L + t₊ i₁ i_e/(F c₀)
    electrolyte:  ∂_ξ φ_e = -L i₁ i_e/(κ ε^b) + (2 R T/F)(1 - t₊) χ ∂_ξ ln ĉ
    solid:        ∂_ξ φ_s = -L i₁ (C - i_e)/σ
    kinetics:     φ_s - φ_e = U(y_s) ± (2 R T/F) asinh(F j/(2 i₀(y_s) √ĉ)),        ∫ J dξ = C

i₁ = I₁/A. Salt is held in the weak form at Gauss-Lobatto points, so what leaves one layer enters the next and none is
lost. Particles answer linearly to J: at a stage y_s = A + G J (``porous_particles.py``), their means exactly, so that
lithium is conserved too. The unknowns are ĉ, and in each electrode J and φ_s - φ_e at ξ = 0. Kinetics are written as an
asinh, which never overflows.
"""

from typing import Any, NamedTuple

import numpy as np

from twin.arrays import Array, like, namespace
from twin.dual import Dual
from twin.models.battery.cell import FARADAY
from twin.models.battery.layers import Layer, Layers
from twin.models.battery.porous import Porous
from twin.models.battery.porous_drawn import Drawn, Stage, Unknowns
from twin.space import Floats


class _Salt(NamedTuple):
    """Of a layer: i_e (*batch, N), its sensitivity to J (N, N) or None; N and -∂_ξ φ_e as duals in (i_e, ĉ, ∂_ξ ĉ)."""

    current: Array
    by_reaction: Floats | None
    flux: Dual
    drop: Dual


def equations(drawn: Drawn, stage: Stage, q: Unknowns) -> tuple[Array, Array]:
    """Residuals (*batch, M + N_n + N_p + 2), relative or in volts, and their Jacobian."""
    xp = namespace(q.salt)
    known = _in_layers(drawn, q)
    salt, salt_by = _salt(drawn, stage, q, known)
    rows, blocks = [salt], [salt_by]
    for k in range(2):
        residual, by = _kinetics(drawn, stage, q, known[2 * k], k)
        rows.append(residual)
        blocks.append(by)
    return xp.concat(rows, axis=-1), xp.concat(blocks, axis=-2)


def voltage(drawn: Drawn, q: Unknowns) -> Array:
    """φ_s at the positive less that at the negative collector (*batch,) [V], without series resistance."""
    known = _in_layers(drawn, q)
    layers = drawn.layers.each
    drop = sum(_sum(layer, one.drop.value) for layer, one in zip(layers, known, strict=True))
    across = _sum(layers[2], _rise(drawn, known[2], 1).value)
    return (q.start_p - q.start_n)[..., 0] + across - drop


def heating(drawn: Drawn, stage: Stage, q: Unknowns) -> Array:
    """What is set free (*batch,) [W], without heats of mixing: I₁ (Σ ± ∫ J (U - T dU/dT) dξ - C V) + I² R₀.

    The reactions' power less what the cell delivers is what polarises the kinetics and the conductors' loss, all of it,
    and the heat of entropy, which may be negative.
    """
    power = -drawn.current[..., 0] * voltage(drawn, q)
    for k, side in enumerate(drawn.sides):
        surface = stage.surface(k, q.reaction[k])
        potential = side.electrode.potential_at(surface, 0.0, drawn.porous.cell.temperature)
        power = power + side.sign * _sum(drawn.layers.each[2 * k], q.reaction[k] * potential)
    nominal = drawn.porous.cell.capacity
    return nominal * power + nominal**2 * (drawn.current**2 * drawn.resistance)[..., 0]


def salt_amount(drawn: Drawn, salt: Array) -> Array:
    """∫ ε ĉ dx [m] (*batch,): constant."""
    return salt @ like(salt_masses(drawn.porous, drawn.layers), salt)


def salt_masses(porous: Porous, layers: Layers) -> Floats:
    """ε L w (M,) [m]."""
    parts = zip(layers.each, porous.thickness, porous.porosity, strict=True)
    total = np.zeros(layers.points)
    for layer, size, share in parts:
        total[layer.span] += size * share * layer.weights
    return total


def _in_layers(drawn: Drawn, q: Unknowns) -> list[_Salt]:
    found = []
    for k, layer in enumerate(drawn.layers.each):
        c = q.salt[..., layer.span]
        slope = c @ like(layer.slope.T, c)
        if k == 0:
            current, by = q.reaction_n @ like(layer.integral.T, c), layer.integral
        elif k == 1:
            current, by = drawn.current + 0 * c, None
        else:
            current, by = drawn.current - q.reaction_p @ like(layer.integral.T, c), -layer.integral
        found.append(_Salt(current, by, *_electrolyte(drawn, k, current, c, slope)))
    return found


def _electrolyte(drawn: Drawn, k: int, current: Array, c: Array, slope: Array) -> tuple[Dual, Dual]:
    porous = drawn.porous
    salt, T, density = porous.electrolyte, drawn.temperature, drawn.density
    thickness, effective = porous.thickness[k], porous.porosity[k] ** porous.bruggeman
    i_e, c_hat, steep = _variables(current, c, slope)
    at = salt.concentration * c_hat
    carried = salt.transference(at, T)
    flux = -effective / thickness * salt.diffusivity(at, T) * steep
    flux = flux + density / (FARADAY * salt.concentration) * carried * i_e
    ohmic = thickness * density / effective * i_e / salt.conductivity(at, T)
    return flux, ohmic - drawn.thermal * (1 - carried) * salt.thermodynamic_factor(at, T) * steep / c_hat


def _salt(drawn: Drawn, stage: Stage, q: Unknowns, known: list[_Salt]) -> tuple[Array, Array]:
    """ε L (ĉ - ĉ before) - γ Δt (inflow), over the cell's length, and its Jacobian (*batch, M, all)."""
    xp = namespace(q.salt)
    masses = like(salt_masses(drawn.porous, drawn.layers) / sum(drawn.porous.thickness), q.salt)
    length = stage.length / sum(drawn.porous.thickness)
    source = drawn.density / (FARADAY * drawn.porous.electrolyte.concentration)
    total, by_salt = 0.0, 0.0
    by_reaction: list[Any] = [None, None]
    for k, (layer, one) in enumerate(zip(drawn.layers.each, known, strict=True)):
        place, spread = like(_place(drawn, layer), q.salt), like((layer.slope * layer.weights[:, None]).T, q.salt)
        total = total + (one.flux.value @ spread.T) @ place
        inner = spread * one.flux.slope[1][..., None, :] + (spread * one.flux.slope[2][..., None, :]) @ like(
            layer.slope, q.salt
        )
        by_salt = by_salt + place.T @ inner @ place
        if one.by_reaction is None:
            continue
        side, sign = k // 2, 1.0 if k == 0 else -1.0
        weights = sign * source * like(layer.weights, q.salt)
        total = total + (weights * q.reaction[side]) @ place
        moved = (spread * one.flux.slope[0][..., None, :]) @ like(one.by_reaction, q.salt)
        by_reaction[side] = place.T @ (moved + xp.diag(weights))
    residual = masses * (q.salt - stage.salt) - length * total
    none = 0 * q.start_n[..., None] + 0 * masses[:, None]
    scaled = [-length[..., None] * part for part in (by_salt, *by_reaction)]
    return residual, xp.concat([xp.diag(masses) + scaled[0], scaled[1], none, scaled[2], none], axis=-1)


def _kinetics(drawn: Drawn, stage: Stage, q: Unknowns, one: _Salt, k: int) -> tuple[Array, Array]:
    """U ± η - (φ_s - φ_e) [V] and ∫ J dξ - C, and their Jacobian (*batch, N + 1, all)."""
    xp = namespace(q.salt)
    side, layer = drawn.sides[k], drawn.layers.each[2 * k]
    place, integral = like(_place(drawn, layer), q.salt), like(layer.integral, q.salt)
    reaction, c = q.reaction[k], q.salt[..., layer.span]
    J, c_hat = _variables(reaction, c)
    surface = stage.offset[k] + stage.gain[k] * J
    i0 = (
        side.exchange
        * side.electrode.exchange_current_density(surface, drawn.temperature)
        * namespace(c_hat).sqrt(c_hat)
    )
    bent = namespace(J).asinh(side.local * J / (2 * i0))
    rested = side.electrode.potential_at(surface, drawn.temperature, drawn.porous.cell.temperature)
    kinetic = rested - side.sign * drawn.thermal * bent
    rise = _rise(drawn, one, k)
    residual = kinetic.value - q.start[k] - rise.value @ integral.T
    assert one.by_reaction is not None
    by_reaction = _diagonal(kinetic.slope[0]) - (integral * rise.slope[0][..., None, :]) @ like(one.by_reaction, c)
    by_salt = _diagonal(kinetic.slope[1]) - integral * rise.slope[1][..., None, :]
    by_salt = (by_salt - (integral * rise.slope[2][..., None, :]) @ like(layer.slope, c)) @ place
    by_start = -xp.ones_like(residual)[..., None]
    weights = like(layer.weights, c)
    balance = xp.sum(weights * reaction, axis=-1)[..., None] - drawn.current
    own = [by_reaction, by_start]
    other = drawn.layers.each[2 - 2 * k]
    blank = [0 * by_start + like(0 * other.xi, c), 0 * by_start]
    upper = xp.concat([by_salt, *(own + blank if k == 0 else blank + own)], axis=-1)
    lower = [0 * by_salt[..., :1, :], (weights + 0 * reaction)[..., None, :], 0 * by_start[..., :1, :]]
    rest = [part[..., :1, :] for part in blank]
    last = xp.concat([lower[0], *(lower[1:] + rest if k == 0 else rest + lower[1:])], axis=-1)
    return xp.concat([residual, balance], axis=-1), xp.concat([upper, last], axis=-2)


def _rise(drawn: Drawn, one: _Salt, k: int) -> Dual:
    """∂_ξ (φ_s - φ_e) [V] as a dual in (i_e, ĉ, ∂_ξ ĉ)."""
    side = drawn.sides[k]
    solid = side.electrode.thickness * drawn.density / side.conductivity
    drop = one.drop
    return Dual(
        drop.value - solid * (drawn.current - one.current),
        namespace(drop.slope).stack([drop.slope[0] + solid, drop.slope[1], drop.slope[2]], axis=0),
    )


def _variables(*values: Array) -> tuple[Dual, ...]:
    """Duals in each of the values, at each point on its own."""
    xp = namespace(*values)
    one, zero = xp.ones_like(values[0]), xp.zeros_like(values[0])
    return tuple(
        Dual(value, xp.stack([one if i == j else zero for j in range(len(values))], axis=0))
        for i, value in enumerate(values)
    )


def _diagonal(values: Array) -> Array:
    """(*batch, N) on the diagonal of (*batch, N, N)."""
    return values[..., None] * namespace(values).eye(values.shape[-1], dtype=values.dtype)


def _sum(layer: Layer, values: Array) -> Array:
    return values @ like(layer.weights, values)


def _place(drawn: Drawn, layer: Layer) -> Floats:
    """(N, M): which points of the cell the layer's are."""
    found: Floats = np.eye(drawn.layers.points)[layer.span]
    return found
