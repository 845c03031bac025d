"""Steady states of a turbocharged diesel engine over speed and fuel: torque, exhaust flow and temperature, closed form.

With N = n_e/1000, fuel per cycle m_f = 120 W_f/n_e, fuel per stroke m = m_f/n_cyl and P = n_e m/(n_0 m_0):

    4π M_e = η_i m_f q_HV - V_d 10⁵ (f_0 + f_1 N + f_2 N²)
    p_im = p_amb + L tanh(a P^b/L),    x_egr = x_0 σ((m_1 - m)/W_M) σ((n_1 - n_e)/W_N)
    W_exh = W_f + η_vol p_im n_e V_d/(120 R T_im) (1 - x_egr)
    T_exh = T_amb + (χ_0 + χ_n (N - N_0) + χ_m (m/m_0 - 1)) W_f q_HV/(W_exh c_pe) exp(-G/(W_exh c_pe))

The torque is that of the air path's cylinders (Wahlström and Eriksson 2011) with the pumping work in the friction's
polynomial, since pressures of intake and exhaust are not measured. Boost and recirculation are smooth stand-ins for a
turbocharger and a valve that are not seen either. χ is the share of the fuel's heat in the exhaust behind the turbine,
G what the pipes lose per kelvin: a T_exh behind the turbine is no T_em of the air path.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from twin.arrays import Array, like, namespace, to_numpy
from twin.experiment import Experiment
from twin.field import ExactField
from twin.model import Coordinate, Fields, Mask, Observable
from twin.priors import HalfNormal, LogNormal, Normal, Uniform
from twin.space import Floats, Parameter, Space
from twin.table import Table

R_AIR, C_EXHAUST, HEATING = 287.0, 1130.0, 42.9e6
"""R [J/(kg K)], c_pe [J/(kg K)] of lean exhaust at 600 K, q_HV [J/kg]."""
REFERENCE = (2000.0, 30.0)
"""n_0 [rpm] and m_0 [mg]."""
MIDDLE = 2.5
"""N_0 [krpm]."""
LOAD_WIDTH, SPEED_WIDTH = 4.0, 150.0
"""W_M [mg] and W_N [rpm]: how softly recirculation ends."""
RANGES = {"n_e": (200.0, 6000.0), "fuel": (1e-4, 100.0)}
"""Of inputs, in the coordinates' units."""
FEWEST = 20
TORQUE = "W&E 2011: η_igch (1 - r_c^(1-γ)) = 0.43; friction of car diesels 1 to 3 bar, Heywood 1988, ch. 13"
AIR = "turbochargers and valves of passenger car diesels, weakly informative"
EXHAUST = "a quarter to a third of the fuel's heat leaves with the exhaust: Heywood 1988, ch. 12"


@dataclass(frozen=True)
class SteadyMap:
    """The unknowns of a preset."""

    preset: str
    space: Space

    name = "engine_steady_map"
    source = "torque: Wahlström and Eriksson 2011, DOI 10.1177/0954407011398177; filling: Guzzella and Onder 2010"
    conditions = Space(
        (
            Parameter("displacement", "L", Uniform(0.3, 30.0), 1.896, "swept volume of all cylinders", "known input"),
            Parameter("cylinders", "1", Uniform(1.0, 16.0), 4.0, "number of cylinders", "known input"),
            Parameter("p_amb", "kPa", Uniform(60.0, 110.0), 101.0, "ambient pressure", "known input"),
            Parameter("T_amb", "K", Uniform(240.0, 330.0), 298.0, "ambient temperature", "known input"),
            Parameter("T_im", "K", Uniform(250.0, 420.0), 320.0, "temperature of the charge", "known input"),
        )
    )  # fmt: skip
    coordinates: tuple[Coordinate, ...] = (
        Coordinate("n_e", "rpm", "engine speed"),
        Coordinate("fuel", "g/s", "fuel flow of all cylinders"),
    )
    observables: tuple[Observable, ...] = (
        Observable("torque", "N*m", "torque at the crankshaft", HalfNormal(5.0)),
        Observable("W_exh", "g/s", "exhaust flow", HalfNormal(3.0)),
        Observable("T_exh", "degC", "exhaust temperature behind the turbine", HalfNormal(20.0)),
    )

    def exact(self, theta: Array, c: Array) -> Fields:
        """``torque`` [N m], ``W_exh`` [kg/s] and ``T_exh`` [°C] over n_e [rpm] and fuel [g/s]."""
        at = {name: theta[..., i, None] for i, name in enumerate(self.space.names)}
        given = dict(zip(self.conditions.names, to_numpy(c).tolist(), strict=True))

        def flow(n_e: Array, fuel: Array) -> Array:
            return exhaust_flow(at, given, like(n_e, theta), like(fuel, theta))

        return {
            "torque": ExactField(("n_e", "fuel"), lambda n, w: torque(at, given, like(n, theta), like(w, theta))),
            "W_exh": ExactField(("n_e", "fuel"), flow),
            "T_exh": ExactField(
                ("n_e", "fuel"),
                lambda n, w: exhaust_temperature(at, given, like(n, theta), like(w, theta), flow(n, w)),
            ),
        }

    def observe(self, u: Fields, theta: Array, c: Array, x: Array) -> Array:
        """Torque [N m], exhaust flow [g/s] and temperature [°C] (*batch, n, 3)."""
        found = [u[o.name](x[:, 0], x[:, 1]) for o in self.observables]
        return namespace(theta).stack([found[0], 1e3 * found[1], found[2]], axis=-1)

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        """The same at operating points (n, 2)."""
        return self.observe(self.exact(theta, c), theta, c, x)

    def error(self, c: Array, x: Array) -> None:
        """None: the form is exact."""

    def simulate(self, theta: Floats, c: Floats, x: Floats) -> Floats:
        """The closed form (b, n, 3): there is nothing to be solved."""
        return np.asarray(self(theta, c, x))

    def valid(self, y: Floats) -> Mask:
        """True everywhere: operating points do not end."""
        return np.ones(y.shape[:-1], dtype=bool)

    def abscissa(self, c: Floats, n: int) -> Floats:
        """n operating points (n, 2): speeds one after the other, loads up and down."""
        k = np.arange(n)
        n_e = np.linspace(1000.0, 4200.0, n)
        stroke = 6.0 + 34.0 * ((0.25 + k * 0.754878) % 1.0)
        cylinders = float(c[self.conditions.index("cylinders")])
        return np.stack([n_e, 1e-3 * stroke * cylinders * n_e / 120.0], axis=1)

    def experiments(self, table: Table, given: Mapping[str, float]) -> Experiment:
        """Operating points, a row each, with any of the three readings. ValueError for what is missing or cannot be."""
        for name in given:
            self.conditions.index(name)
        conditions = self.conditions.unpack(self.conditions.nominal) | dict(given)
        self.conditions.require_inside(conditions, table.path)
        if len(table) < FEWEST:
            raise ValueError(f"{table.path}: {len(table)} rows in {table.label}; a map needs at least {FEWEST}")
        inputs = [table.within(co.name, co.unit, *RANGES[co.name]) for co in self.coordinates]
        y = {o.name: table.sparse(o.name, o.unit) for o in self.observables if table.has(o.name)}
        if not y:
            raise ValueError(f"{table.path}: no measurement to calibrate with; expected torque, W_exh or T_exh")
        return Experiment(
            name=table.label, conditions=conditions, coordinates=tuple(co.name for co in self.coordinates),
            x=np.stack(inputs, axis=1), observables=tuple(y), y=np.stack(list(y.values()), axis=1),
            units={o.name: o.unit for o in self.observables} | {co.name: co.unit for co in self.coordinates},
            source=table.source,
        )  # fmt: skip


def torque(at: Mapping[str, Array], given: Mapping[str, float], n_e: Array, fuel: Array) -> Array:
    """M_e [N m] (*batch, n) of n_e [rpm] and fuel [g/s]."""
    N = n_e / 1000.0
    work = at["eta_i"] * 0.12 * fuel / n_e * HEATING
    friction = 100.0 * given["displacement"] * (at["fmep_0"] + at["fmep_1"] * N + at["fmep_2"] * N**2)
    return (work - friction) / (4 * np.pi)


def stroke(given: Mapping[str, float], n_e: Array, fuel: Array) -> Array:
    """m [mg]: fuel per stroke and cylinder."""
    return 1000.0 * 120.0 * fuel / n_e / given["cylinders"]


def exhaust_flow(at: Mapping[str, Array], given: Mapping[str, float], n_e: Array, fuel: Array) -> Array:
    """W_exh [kg/s] (*batch, n)."""
    xp, m = namespace(n_e), stroke(given, n_e, fuel)
    heat = n_e * m / (REFERENCE[0] * REFERENCE[1])
    boost = at["boost_gain"] * xp.exp(at["boost_exponent"] * xp.log(heat))
    p_im = given["p_amb"] + at["boost_max"] * xp.tanh(boost / at["boost_max"])
    low_load, slow = (at["egr_load"] - m) / LOAD_WIDTH, (at["egr_speed"] - n_e) / SPEED_WIDTH
    egr = at["egr_max"] * 0.25 * (1 + xp.tanh(low_load / 2)) * (1 + xp.tanh(slow / 2))
    filled = at["eta_vol"] * p_im * n_e * given["displacement"] / (120.0 * R_AIR * given["T_im"])
    return 1e-3 * fuel + filled * (1 - egr)


def exhaust_temperature(
    at: Mapping[str, Array], given: Mapping[str, float], n_e: Array, fuel: Array, W_exh: Array
) -> Array:
    """T_exh [°C] (*batch, n)."""
    m = stroke(given, n_e, fuel)
    share = at["chi"] + at["chi_speed"] * (n_e / 1000.0 - MIDDLE) + at["chi_load"] * (m / REFERENCE[1] - 1)
    carried = W_exh * C_EXHAUST
    kept = namespace(carried).exp(-at["G_loss"] / carried)
    return given["T_amb"] - 273.15 + share * 1e-3 * fuel * HEATING / carried * kept


MODEL = SteadyMap(
    "car",
    Space(
        (
            Parameter("eta_i", "1", Normal(0.43, 0.03), 0.43, "indicated efficiency", TORQUE, 0.3, 0.6),
            Parameter("fmep_0", "bar", Normal(1.2, 0.5), 1.2, "friction and pumping at no speed", TORQUE, -1.0, 4.0),
            Parameter("fmep_1", "bar", Normal(0.0, 0.4), 0.0, "friction per 1000 rpm", TORQUE, -2.0, 2.0),
            Parameter("fmep_2", "bar", Normal(0.1, 0.1), 0.1, "friction per (1000 rpm)²", TORQUE, -0.5, 1.0),
            Parameter("boost_gain", "kPa", LogNormal(40.0, 0.5), 40.0, "boost that the reference heat makes", AIR,
                      2.0, 400.0),
            Parameter("boost_exponent", "1", LogNormal(1.5, 0.3), 1.5, "by which power of the heat boost rises", AIR,
                      0.3, 5.0),
            Parameter("boost_max", "kPa", LogNormal(80.0, 0.4), 80.0, "boost that the wastegate allows", AIR,
                      10.0, 400.0),
            Parameter("eta_vol", "1", Normal(0.95, 0.08), 0.95, "volumetric efficiency", AIR, 0.5, 1.4),
            Parameter("egr_max", "1", Normal(0.35, 0.15), 0.35, "share of exhaust in the charge at low load", AIR,
                      0.0, 0.8),
            Parameter("egr_load", "mg", Normal(18.0, 6.0), 18.0, "fuel per stroke at which recirculation ends", AIR,
                      2.0, 50.0),
            Parameter("egr_speed", "rpm", Normal(2800.0, 400.0), 2800.0, "speed at which recirculation ends", AIR,
                      1200.0, 5000.0),
            Parameter("chi", "1", Normal(0.3, 0.05), 0.3, "share of the fuel's heat in the exhaust", EXHAUST, 0.1, 0.6),
            Parameter("chi_speed", "1", Normal(0.0, 0.04), 0.0, "that share's rise per 1000 rpm", EXHAUST, -0.2, 0.2),
            Parameter("chi_load", "1", Normal(0.0, 0.05), 0.0, "that share's rise from 0 to 30 mg", EXHAUST, -0.3, 0.3),
            Parameter("G_loss", "W/K", LogNormal(6.0, 0.5), 6.0, "conductance of the exhaust's walls", EXHAUST,
                      0.2, 40.0),
        )
    ),
)  # fmt: skip
PRESETS = {MODEL.preset: MODEL}
