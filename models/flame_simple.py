"""Case 1 of FlamePINN-1D: T and u along a flame of constant properties, to find its conductivity and its kinetics.

The front (``flame/simple.py``) begins at x = ``shift`` with T_u and the gradient that the conditions name; before it
thermal diffusion alone carries it on to lower temperatures. Its burning velocity is an eigenvalue, no parameter.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from twin.arrays import Array, namespace, to_numpy
from twin.experiment import Experiment
from twin.field import ExactField
from twin.model import Coordinate, Fields, Mask, Observable
from twin.models.flame import simple
from twin.models.flame.measured_profile import read_profile
from twin.models.flame.phase_plane import position
from twin.models.flame.simple_front import Found, Setting, front, profile
from twin.priors import HalfNormal, LogNormal, Normal, Uniform
from twin.space import Floats, Parameter, Space
from twin.table import Table

MM, MICRO, BAR, KILO = 1e-3, 1e-6, 1e5, 1e3
NEARLY, FINE = 0.9975, 2001
"""Share of T_b - T_u up to which the reference draws a front, at so many temperatures."""
SEED = (
    "FlamePINN-1D begins its search at 1.15 times the conductivity and 1.24 times the activation energy: Wu et al. 2025"
)


@dataclass(frozen=True)
class SimpleFlame:
    """The unknowns of a preset."""

    preset: str
    space: Space

    name = "flame_simple"
    source = "FlamePINN-1D, case 1: Wu et al. 2025, DOI 10.1016/j.combustflame.2025.113964"
    conditions = Space(
        (
            Parameter("phi", "1", Uniform(0.35, 0.6), 0.46, "equivalence ratio of methane in oxygen", "known input"),
            Parameter("T_u", "K", Uniform(280.0, 620.0), 298.0, "temperature of the fresh mixture", "known input"),
            Parameter("p", "bar", Uniform(0.5, 5.0), 1.01325, "pressure of the gas", "known input"),
            Parameter("gradient", "K/m", Uniform(1e3, 3e5), simple.GRADIENT, "dT/dx where the front begins", "chosen"),
        )
    )  # fmt: skip
    coordinates: tuple[Coordinate, ...] = (Coordinate("x", "mm", "distance along the flame"),)
    observables: tuple[Observable, ...] = (
        Observable("T", "K", "temperature", HalfNormal(100.0)),
        Observable("u", "m/s", "velocity of the gas", HalfNormal(0.1)),
    )

    def exact(self, theta: Array, c: Array) -> Fields:
        """``T`` [K] and ``u`` [m/s] over x (*batch, n) [m], x = 0 being where the front begins."""
        of, found = self.setting(to_numpy(c)), self._front(theta, c)
        conductivity, S_L = theta[..., self.space.index("conductivity")], found.flux / self._case(to_numpy(c)).density

        def temperature(x: Array) -> Array:
            return profile(of, found, conductivity, x)

        def speed(x: Array) -> Array:
            return simple.velocity(temperature(x), of.T_u, S_L)

        return {"T": ExactField(("x",), temperature), "u": ExactField(("x",), speed)}

    def burning_velocity(self, theta: Array, c: Array) -> Array:
        """S_L [m/s] (*batch,)."""
        return self._front(theta, c).flux / self._case(to_numpy(c)).density

    def observe(self, u: Fields, theta: Array, c: Array, x: Array) -> Array:
        """T and u (*batch, n, 2) at x (n, 1) [mm]."""
        shift = MICRO * theta[..., self.space.index("shift"), None]
        place = -1 * shift + namespace(shift).asarray(MM * to_numpy(x)[:, 0])
        return namespace(shift).stack([u["T"](place), u["u"](place)], axis=-1)

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        """T and u (*batch, n, 2) at x (n, 1) [mm]."""
        return self.observe(self.exact(theta, c), theta, c, x)

    def error(self, c: Array, x: Array) -> None:
        """None: burning velocities are exact to 1e-7, temperatures to 0.3 K."""

    def setting(self, c: Floats) -> Setting:
        """The flame's known numbers."""
        of = self._case(c)
        return Setting(of.T_u, of.T_b, of.p, of.Y_F0, float(c[self.conditions.index("gradient")]))

    def simulate(self, theta: Floats, c: Floats, x: Floats) -> Floats:
        """The same by LSODA in the phase plane (b, n, 2)."""
        G, rows = float(c[self.conditions.index("gradient")]), []
        for draw in theta:
            values = self.space.unpack(draw)
            of = self._case(c, values["conductivity"], KILO * values["Ea"])
            S_L = simple.burning_velocity(of, G)
            m = S_L * of.density
            T = of.T_u + (of.T_b - of.T_u) * NEARLY * np.linspace(0.0, 1.0, FINE) ** 2
            known = CubicSpline(position(simple.front(of), m, T), T)
            at = MM * x[:, 0] - MICRO * values["shift"]
            length = of.conductivity / (m * simple.C_P)
            before = of.T_u + G * length * np.expm1(np.minimum(at, 0.0) / length)
            seen = np.where(at < 0, before, known(np.clip(at, 0.0, known.x[-1])))
            rows.append(np.stack([seen, simple.velocity(seen, of.T_u, np.asarray(S_L))], axis=-1))
        return np.stack(rows)

    def valid(self, y: Floats) -> Mask:
        """True everywhere: flames do not end."""
        return np.ones(y.shape[:-1], dtype=bool)

    def abscissa(self, c: Floats, n: int) -> Floats:
        """n places (n, 1) over the 1.5 mm of FlamePINN-1D."""
        return np.linspace(0.0, 1.5, n)[:, None]

    def experiments(self, table: Table, given: Mapping[str, float]) -> Experiment:
        """A measured profile."""
        return read_profile(self, table, given)

    def _front(self, theta: Array, c: Array) -> Found:
        conductivity, Ea = (theta[..., self.space.index(name)] for name in ("conductivity", "Ea"))
        return front(self.setting(to_numpy(c)), conductivity, KILO * Ea)

    def _case(self, c: Floats, conductivity: float = simple.LAMBDA, Ea: float = simple.EA) -> simple.Simple:
        phi, T_u, p, _ = np.asarray(c, dtype=float).tolist()
        return simple.Simple(phi, T_u, BAR * p, conductivity, Ea)


MODEL = SimpleFlame(
    "transport_and_kinetics",
    Space(
        (
            Parameter("conductivity", "W/(m*K)", LogNormal(0.028, 0.3), simple.LAMBDA, "thermal conductivity", SEED,
                      0.009, 0.08),
            Parameter("Ea", "kJ/mol", LogNormal(130.0, 0.15), 1e-3 * simple.EA, "activation energy", SEED, 80.0, 180.0),
            Parameter("shift", "um", Normal(0.0, 100.0), 0.0, "where the front begins", "a tenth of the domain", -400.0,
                      400.0),
        )
    ),
)  # fmt: skip
PRESETS = {MODEL.preset: MODEL}
