"""Single-particle model whose positive particle has a diffusivity that depends on its filling.

With y = c/c_max, ρ = r/R, τ = D(y_ref) t/R², d(y) = D(y)/D(y_ref) and g = (R/D(y_ref) c_max) · (flux into the
particle),

    ∂y/∂τ = ρ⁻² ∂_ρ(ρ² d(y) ∂_ρ y),   d ∂_ρ y = g at ρ = 1,   ∂_ρ y = 0 at ρ = 0,   y = y₀ at τ = 0.

There is no closed form; the unknown is written so that lithium is conserved whatever the network says,

    y(ρ, t) = y₀ + 3 g τ + g Σ_k b_k φ_k(ρ),    ∫ φ_k ρ² dρ = 0,    b = b_low + r (g/g₁) S N(features),

and the weak form with the same φ_k gives the rows, the flux entering as natural boundary condition:

    ḃ_k + (1/g) ∫ ρ² d(y) ∂_ρ y φ_k' dρ - φ_k(1) = 0.

N is the network, r(τ) a bounded diffusion length that vanishes at τ = 0 (the start is exact), S a diagonal of
typical sizes. b_low is a frozen lower level: the closed form with the diffusivity frozen at the mean filling, which
leaves to the network a correction of order g (``frozen_diffusivity``), or only the steady profile (``steady``). The
negative particle keeps its closed form.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from twin.arrays import Array, like, namespace, to_numpy
from twin.basis import BallPolynomials
from twin.experiment import Experiment
from twin.field import ExactField, SpectralField
from twin.model import Coordinate, Fields, Mask, Observable, Rows
from twin.models.battery import measurement, pybamm_reference
from twin.models.battery.cell import Cell, Draw, Rule, draw_at, flux_ratio
from twin.models.battery.diffusion_levels import (
    MODES,
    SURFACE,
    LowerLevel,
    quadrature,
    reach_of,
    sizes,
    sizes_at_surface,
    stiffness_modes,
)
from twin.models.battery.sphere import profile_response
from twin.models.battery.voltage import above_cut_off, over_time, surface_change, terminal_voltage
from twin.networks import onto
from twin.space import Floats, Space
from twin.table import Table
from twin.training.recipe import Recipe

TYPICAL_G = 0.05
"""g₁: the largest flux in the calibration range is about twice this."""


@dataclass(frozen=True, eq=False)
class Flow:
    """Dimensionless groups of one draw, each (*batch, 1) to stand against times (*batch, n)."""

    tau_rate: Array
    """D(y_ref)/R² [1/s]"""
    filling_rate: Array
    """dȳ/dt = 3 g tau_rate [1/s]"""
    start: Array
    """y₀"""

    @property
    def g(self) -> Array:
        """Flux into the particle over D(y_ref) c_max/R."""
        return self.filling_rate / (3 * self.tau_rate)

    def mean(self, times: Array) -> Array:
        """ȳ(t), exact."""
        return self.start + self.filling_rate * times


@dataclass(frozen=True)
class DiffusionSPM:
    """A cell whose positive particle a network resolves. ``charge_end`` bounds the filling ȳ - y₀ in training."""

    name: str
    preset: str
    source: str
    cell: Cell
    space: Space
    conditions: Space
    draw: Rule
    reference: pybamm_reference.Reference
    charge_end: float
    lower_level: LowerLevel
    recipe: Recipe
    coordinates: tuple[Coordinate, ...]
    observables: tuple[Observable, ...]

    inputs = 3
    outputs = MODES

    @property
    def trained_as(self) -> "DiffusionSPM":
        """Itself: no other preset shares its network."""
        return self

    def as_trained(self, theta: Array) -> Array:
        """The same: presets differ by their priors alone."""
        return theta

    @property
    def dimension(self) -> int:
        """Coordinates of a collocation point: parameters, conditions, time."""
        return len(self.space) + len(self.conditions) + 1

    def drawn(self, theta: Array, c: Array) -> Draw:
        """The cell that θ (*batch, p) and c (k,) or (*batch, k) describe."""
        return draw_at(self.draw, self.cell, self.space, self.conditions, theta, c)

    def lift(self, network: Callable[[Array], Array], theta: Array, c: Array) -> Fields:
        """Fields of a network: initial state and lithium balance hold whatever its weights are."""
        drawn = over_time(self.drawn(theta, c))
        flow = self._flow(drawn)

        def state(times: Array) -> tuple[Array, Array, Array, Array, Array]:
            tau, mean = flow.tau_rate * times, flow.mean(times)
            local = self._relative_diffusivity(mean, drawn.temperature)
            reach = reach_of(local * tau)
            return mean, tau, local, reach, self._features(flow, mean, reach)

        def coefficients(times: Array) -> Array:
            _, tau, local, reach, features = state(times)
            low = self.lower_level.coefficients(tau, local, reach)
            growth = (reach * flow.g / TYPICAL_G)[..., None]
            return flow.g[..., None] * (low + growth * network(features) * like(sizes(), tau))

        def surface(times: Array) -> Array:
            mean, tau, local, reach, features = state(times)
            low = self.lower_level.surface(tau, local, reach)
            correction = onto(network, like(sizes_at_surface(), tau))(features)[..., 0]
            return mean + flow.g * (low + reach * flow.g / TYPICAL_G * correction)

        positive = SpectralField(("t", "r"), BallPolynomials(MODES), coefficients, flow.mean)
        return {
            "positive": positive,
            "positive surface": ExactField(("t",), surface),
            "negative": ExactField(("t", "r"), self._negative_profile(drawn)),
            "negative surface": ExactField(("t",), self._negative_surface(drawn)),
        }

    def collocate(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """θ (N, p), c (N, k) and times (N, 1) of points in the unit cube, dense at early times."""
        bounds = np.concatenate([self.space.bounds, self.conditions.bounds])
        low, high = (like(bounds[:, i], points) for i in range(2))
        values = low + (high - low) * points[:, :-1]
        theta, c = values[:, : len(self.space)], values[:, len(self.space) :]
        flow = self._flow(self.drawn(theta, c))
        return theta, c, (self.charge_end / flow.filling_rate * points[:, -1] ** 2)[:, None]

    def residuals(self, u: Fields, theta: Array, c: Array, times: Array) -> Rows:
        """Galerkin rows (N, n·MODES) at times (N, n)."""
        drawn = over_time(self.drawn(theta, c))
        flow, y = self._flow(drawn), u["positive"]
        rho, volume = quadrature()
        basis = BallPolynomials(MODES)
        test = like(basis.matrix(rho) * volume[:, None], times)
        slope = like(basis.derivative().matrix(rho) * volume[:, None], times)
        local = self._relative_diffusivity(y(times, rho), drawn.temperature[..., None])
        storage = y.d("t")(times, rho) @ test / flow.tau_rate[..., None]
        transport = (local * y.d("r")(times, rho)) @ slope
        rows = (storage + transport) / flow.g[..., None] - like(basis.matrix(SURFACE)[0], times)
        return {"diffusion": rows}

    def precondition(self, rows: Rows, u: Fields, theta: Array, c: Array, times: Array) -> Rows:
        """τ (1 + τ d(ȳ) K)⁻¹ of each row: residuals become errors of b. K is the constant stiffness matrix."""
        drawn = over_time(self.drawn(theta, c))
        flow = self._flow(drawn)
        tau = (flow.tau_rate * times)[..., None]
        local = self._relative_diffusivity(flow.mean(times), drawn.temperature)[..., None]
        values, vectors = (like(a, times) for a in stiffness_modes())
        scaled = (rows["diffusion"] @ vectors) * (tau / (1 + tau * local * values))
        flat = scaled @ vectors.T
        return {"diffusion": flat.reshape(flat.shape[0], -1)}

    def observe(self, u: Fields, theta: Array, c: Array, x: Array) -> Array:
        """Voltage [V] (*batch, n, 1)."""
        drawn = over_time(self.drawn(theta, c))
        times = like(x, theta)[..., 0]
        surfaces = (u["negative surface"](times), u["positive surface"](times))
        return terminal_voltage(self.cell, drawn, *surfaces, drawn.current)[..., None]

    def simulate(self, theta: Floats, c: Floats, x: Floats) -> Floats:
        """PyBaMM's SPM at a converged mesh (b, n, 1); NaN after the cut-off."""
        return pybamm_reference.simulate(self.reference, self.drawn(theta, c), x, None)

    def valid(self, y: Floats) -> Mask:
        """True until the voltage first falls below the cut-off."""
        return above_cut_off(self.cell.cut_off, y)

    def abscissa(self, c: Floats, n: int) -> Floats:
        """n times (n, 1) over the filling that training covers."""
        rate = flux_ratio(self.cell.positive, self.cell, 1.0, c[self.conditions.index("c_rate")] * self.cell.capacity)
        return np.linspace(0.0, self.charge_end / float(rate), n)[:, None]

    def require_covered(self, c: Array, x: Array) -> None:
        """ValueError if an abscissa runs beyond the filling that training covers."""
        end = float(self.abscissa(to_numpy(c), 2)[-1, 0])
        last = float(np.max(to_numpy(x)[:, 0]))
        if last > end * (1 + 1e-9):
            raise ValueError(f"the data run to {last:g} s, the surrogate at this C-rate only to {end:g} s; cut them")

    def experiments(self, table: Table, given: Mapping[str, float]) -> Experiment:
        """A measured constant-current discharge as an experiment."""
        return measurement.read(self, self.cell, table, given, constant=True)

    @cached_property
    def _reference_diffusivity(self) -> float:
        at = np.asarray(self.cell.positive.start_stoichiometry)
        return float(self.cell.positive.diffusivity(at, np.asarray(self.cell.temperature)))

    def _relative_diffusivity(self, y: Array, temperature: Array) -> Array:
        return self.cell.positive.diffusivity(y, temperature) / self._reference_diffusivity

    def _flow(self, drawn: Draw) -> Flow:
        positive = self.cell.positive
        tau_rate = drawn.diffusivity_p * (self._reference_diffusivity / positive.particle_radius**2)
        return Flow(tau_rate, flux_ratio(positive, self.cell, drawn.active_p, drawn.current), drawn.stoichiometry_p)

    def _features(self, flow: Flow, mean: Array, reach: Array) -> Array:
        xp = namespace(mean)
        features = ((xp.log(flow.g) + 4.0) / 1.5, (mean - 0.6) / 0.2, 2 * reach - 1)
        return xp.stack(xp.broadcast_arrays(*features), axis=-1)

    def _negative_rates(self, drawn: Draw) -> tuple[Array, Array]:
        """D/R² and 3 j/(R c_max) [1/s]."""
        negative = self.cell.negative
        tau_rate = negative.diffusivity(drawn.stoichiometry_n, drawn.temperature) / negative.particle_radius**2
        return tau_rate, flux_ratio(negative, self.cell, drawn.active_n, drawn.current)

    def _negative_surface(self, drawn: Draw) -> Callable[[Array], Array]:
        tau_rate, rate = self._negative_rates(drawn)
        return lambda times: drawn.stoichiometry_n - surface_change(tau_rate, rate, times)

    def _negative_profile(self, drawn: Draw) -> Callable[[Array, Floats], Array]:
        tau_rate, rate = self._negative_rates(drawn)

        def profile(times: Array, r: Floats) -> Array:
            size = (rate / (3 * tau_rate) + 0 * times)[..., None]
            return (drawn.stoichiometry_n + 0 * times)[..., None] - size * profile_response(tau_rate * times, r)

        return profile
