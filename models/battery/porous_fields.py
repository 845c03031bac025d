"""All fields of a porous cell from one network, so that their equations can teach it: no step in time, no solver.

Over time t and the depth ξ of a layer, C the C-rate, x̄ and ȳ the electrodes' mean surfaces (``porous_form.py``),

    reaction:   J(ξ, t) = C [1 + Σ_k r_k P_k(2ξ - 1)],                       k = 1 … N - 1 in each electrode
    salt:       ĉ(x, t) = 1 + C Σ_k (1 - e^(-κ_k t)) (p_k + s_k) ψ_k(x)
    surfaces:   y_s(ξ, t) = ȳ ± what J - C has made of them (``porous_memory.py``)
    potentials: φ_s - φ_e at the first point of an electrode, such that its kinetics hold in the mean.

ψ_k are the modes of diffusion in the electrolyte at rest, κ_k their rates and C p_k what they come to under an even
reaction: with outputs of 0 the fields are those of even reactions, linear salt and single particles. r_k are series in
an electrode's own mean surface, shorter ones in the other's and terms that decay; s_k series in both and decays. So the
state at rest, each electrode's current and lithium, and the salt hold exactly, whatever the network's weights are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from scipy.linalg import eigh

from twin.arrays import Array, like, namespace, to_numpy
from twin.chebyshev import polynomials
from twin.field import ExactField
from twin.model import Fields
from twin.models.battery.cell import Draw, arrhenius, flux_ratio, rounded
from twin.models.battery.layers import Layer, Layers
from twin.models.battery.porous import Porous
from twin.models.battery.porous_drawn import Stage, Unknowns, drawn_over_time
from twin.models.battery.porous_form import DECAYS, Form, frozen_surfaces
from twin.models.battery.porous_memory import memory
from twin.models.battery.porous_particles import uniform
from twin.models.battery.porous_stage import equations
from twin.models.battery.sphere import surface_response
from twin.models.battery.voltage import over_time
from twin.space import Floats

OWN, OTHER, EACH = 32, 8, 16
"""Terms of a reaction's series in its electrode's mean surface and in the other's, and of a salt mode's in either."""
EVENNESS, FALLS = 0.3, 0.6
"""Size of r_1 for outputs of 1, and of each next one over the last."""
APART = 1e-5
"""Half the distance, over t, of two times whose difference is a derivative."""
LEAST_SALT = 3e-3
"""ĉ that coefficients of the electrolyte see at least, about."""
MOMENTS = np.concatenate([[0.0], np.geomspace(2e-5, 0.012, 12), np.linspace(0.012, 1.0, 84)[1:]])
"""Of the memory, over the time at which a mean surface is empty or full."""
WALLS = (0.012, 0.999)
"""Mean surfaces, negative and positive, that end a discharge."""


@dataclass(frozen=True)
class Trunk:
    """Shapes over depth of a porous cell whose particles' diffusivities are constant; ValueError if they are not."""

    porous: Porous
    layers: Layers

    def __post_init__(self) -> None:
        if any(law is not uniform for law in self.porous.particles):
            raise ValueError("fields of a network need particles of constant diffusivity; march other cells")

    @property
    def electrodes(self) -> tuple[Layer, Layer]:
        """Points of both."""
        return self.layers.each[0], self.layers.each[2]

    @property
    def outputs(self) -> int:
        """Coefficients that the network gives."""
        reactions = sum(len(layer.xi) - 1 for layer in self.electrodes)
        return reactions * (OWN + OTHER + len(DECAYS)) + (self.layers.points - 1) * (2 * EACH + len(DECAYS))

    def reactions(self, k: int) -> Floats:
        """P_1 … P_{N-1} at an electrode's points, times their sizes (N - 1, N): none has a mean."""
        layer = self.electrodes[k]
        count = len(layer.xi)
        shapes = np.polynomial.legendre.legvander(2 * layer.xi - 1, count - 1)[:, 1:].T
        return np.asarray(EVENNESS * FALLS ** np.arange(count - 1)[:, None] * shapes)

    @cached_property
    def salts(self) -> tuple[Floats, Floats, Floats, Floats]:
        """κ_k [1/s] and p_k (M - 1,), ψ_k (M - 1, M), which carry no salt, and sizes for outputs of 1 (M - 1,)."""
        return _salt_modes(self.porous, self.layers)


@cache
def _salt_modes(porous: Porous, layers: Layers) -> tuple[Floats, Floats, Floats, Floats]:
    """From the salt's equation, linear about rest: M ∂_t c = -F c + C b."""
    cell, one = porous.cell, np.ones((1, 1, 1))
    draw = Draw(one[0, 0] * cell.capacity, one[0, 0] * cell.temperature, 0.5 * one[0, 0], 0.5 * one[0, 0])
    drawn = drawn_over_time(porous, draw, layers)
    parts = [np.ones((1, 1, len(layer.xi))) for layer in layers.each[::2]]
    q = Unknowns(np.ones((1, 1, layers.points)), parts[0], one, parts[1], one)
    still, moved = (
        equations(drawn, Stage(h * one, q.salt, (0.5 * one, 0.5 * one), (0 * one, 0 * one)), q) for h in (0.0, 1.0)
    )
    M = layers.points
    masses, source = np.diag(still[1][0, 0, :M, :M]), -moved[0][0, 0, :M]
    stiffness = moved[1][0, 0, :M, :M] - np.diag(masses)
    rates, shapes = eigh((stiffness + stiffness.T) / 2, np.diag(masses))
    driven = source @ shapes[:, 1:]
    return rates[1:], driven / rates[1:], shapes[:, 1:].T, 0.2 * np.linalg.norm(driven) / rates[1:]


def fields(trunk: Trunk, draw: Draw, outputs: Array) -> Fields:
    """Of draws (*batch,) over t (*batch, n): ``salt`` (*batch, n, M), which knows its derivative by time, ``reactions``
    and ``surfaces`` of both electrodes, one after the other (*batch, n, N_n + N_p).
    """
    cell, timed = trunk.porous.cell, over_time(draw)
    rate = (draw.current / cell.capacity + 0 * outputs[..., 0])[..., None, None]
    xp, pieces = namespace(outputs), _pieces(trunk, outputs)
    shapes = [like(trunk.reactions(k), outputs) for k in range(2)]

    def means(t: Array) -> tuple[Array, Array]:
        return frozen_surfaces(cell, timed, timed.temperature, t)

    def spread(t: Array) -> list[Array]:
        """J - C of both electrodes."""
        at, gone = means(t), _decays(t)
        rows = [xp.concat([_terms(at[k], k, OWN), _terms(at[1 - k], 1 - k, OTHER), gone], axis=-1) for k in range(2)]
        return [rate * (rows[k] @ pieces[k] @ shapes[k]) for k in range(2)]

    def salt(t: Array) -> Array:
        at = means(t)
        rates, even, modes, size = (like(part, outputs) for part in trunk.salts)
        terms = xp.concat([_terms(at[0], 0, EACH), _terms(at[1], 1, EACH), _decays(t)], axis=-1) @ pieces[2]
        return 1 + (rate * -xp.expm1(-rates * t[..., None]) * (even + size * terms)) @ modes

    end = like(ending(trunk, draw), outputs)[..., None]
    moments = end * like(MOMENTS, outputs)

    def surfaces(t: Array) -> Array:
        at, before, found = means(t), spread(moments), []
        for k, (sign, active) in enumerate(((-1.0, draw.active_n), (1.0, draw.active_p))):
            electrode = (cell.negative, cell.positive)[k]
            fill = sign * flux_ratio(electrode, cell, active, cell.capacity) + 0 * end[..., 0]
            weights = memory(speed(trunk, draw, k)[..., None] + 0 * end, t, moments)
            found.append(at[k][..., None] + fill[..., None, None] * (weights @ before[k]))
        return xp.concat(found, axis=-1)

    return {
        "salt": ExactField(("t",), salt, {"t": ExactField(("t",), lambda t: _difference(salt, t))}),
        "reactions": ExactField(("t",), lambda t: rate + xp.concat(spread(t), axis=-1)),
        "surfaces": ExactField(("t",), surfaces),
    }


def _difference(function: Callable[[Array], Array], t: Array) -> Array:
    """d/dt at t > 0: within 1e-6 of itself where the function bends over a hundredth of t or more."""
    xp, n = namespace(t), t.shape[-1]
    both = function(xp.concat([t * (1 + APART), t * (1 - APART)], axis=-1))
    return (both[..., :n, :] - both[..., n:, :]) / (2 * APART * t[..., None])


def speed(trunk: Trunk, draw: Draw, k: int) -> Array:
    """v = D/R² [1/s] (*batch,) of an electrode's particles."""
    cell = trunk.porous.cell
    electrode, factor, energy, start = (
        (cell.negative, draw.diffusivity_n, draw.energy_n, draw.stoichiometry_n)
        if k == 0
        else (cell.positive, draw.diffusivity_p, draw.energy_p, draw.stoichiometry_p)
    )
    law = electrode.diffusivity(start, draw.temperature) * arrhenius(energy, draw.temperature, cell.temperature)
    return factor * law / electrode.particle_radius**2 + 0 * start


def ending(trunk: Trunk, draw: Draw) -> Floats:
    """When the first mean surface is at its wall [s] (*batch,): the end of what fields are asked for. It looks at
    values, so JAX cannot trace fields, and no derivative flows through it: the memory's moments need none.
    """
    cell, ends = trunk.porous.cell, []
    for k, (electrode, wall) in enumerate(zip((cell.negative, cell.positive), WALLS, strict=True)):
        active, start = (draw.active_n, draw.stoichiometry_n) if k == 0 else (draw.active_p, draw.stoichiometry_p)
        fill = to_numpy(flux_ratio(electrode, cell, active, draw.current))
        room, v = np.abs(to_numpy(start) - wall), to_numpy(speed(trunk, draw, k))
        low, high = 0 * room / fill, room / fill
        for _ in range(50):
            middle = (low + high) / 2
            within = fill / (3 * v) * np.asarray(surface_response(v * middle)) < room
            low, high = np.where(within, middle, low), np.where(within, high, middle)
        ends.append(high)
    return np.asarray(np.minimum(*ends))


def unknowns(trunk: Trunk, u: Fields, t: Array) -> tuple[Unknowns, tuple[Array, Array]]:
    """Of the cross-section at t (*batch, n), potentials left at 0 V, and both surfaces."""
    salt = rounded(u["salt"](t), LEAST_SALT)
    none, J, y = 0 * salt[..., :1], u["reactions"](t), u["surfaces"](t)
    n = len(trunk.electrodes[0].xi)
    return Unknowns(salt, J[..., :n], none, J[..., n:], none), (y[..., :n], y[..., n:])


def balanced(trunk: Trunk, q: Unknowns, rows: Array) -> tuple[Unknowns, Array]:
    """Potentials such that kinetics hold in each electrode's mean, and the rows of ``equations`` then, if ``rows`` are
    those with potentials of 0 V.
    """
    xp, begin, found = namespace(rows), trunk.layers.points, [rows[..., : trunk.layers.points]]
    starts = []
    for layer in trunk.electrodes:
        kinetics = rows[..., begin : begin + len(layer.xi)]
        starts.append(kinetics @ like(layer.weights[:, None], rows))
        begin += len(layer.xi) + 1
        found += [kinetics - starts[-1], rows[..., begin - 1 : begin]]
    return q._replace(start_n=starts[0], start_p=starts[1]), xp.concat(found, axis=-1)


def _pieces(trunk: Trunk, outputs: Array) -> tuple[Array, Array, Array]:
    """Coefficients (*batch, terms, modes) of both reactions and of the salt."""
    xp, found, begin = namespace(outputs), [], 0
    counts = [(OWN + OTHER + len(DECAYS), len(layer.xi) - 1) for layer in trunk.electrodes]
    for terms, modes in (*counts, (2 * EACH + len(DECAYS), trunk.layers.points - 1)):
        part = outputs[..., begin : begin + terms * modes]
        found.append(xp.reshape(part, (*part.shape[:-1], terms, modes)))
        begin += terms * modes
    return found[0], found[1], found[2]


def _terms(at: Array, k: int, count: int) -> Array:
    """T_0 … T_{count-1} (*batch, n, count) at a mean surface of electrode k."""
    low, high = Form().ranges[k]
    xp = namespace(at)
    return xp.moveaxis(polynomials(xp.clip(2 * (at - low) / (high - low) - 1, -1.0, 1.0), count), -2, -1)


def _decays(t: Array) -> Array:
    xp = namespace(t)
    return xp.stack([xp.exp(-t / span) for span in DECAYS], axis=-1)
