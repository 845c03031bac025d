"""Charge air of a turbocharged diesel engine without a turbocharger's own sensors: closed form over a road log.

    P = n_e m_f/(n_0 m_0),   β = a P^b,   τ dz/dt = β - z,   p_im = p_amb + p_0 + L tanh(z/L)
    W_air = g η_vol p_im n_e V_d/(120 R T_inlet)

m_f is the fuel per stroke, so P is the heat release relative to ``REFERENCE``. The turbocharger makes the more boost
the more heat there is, late by τ, and the wastegate holds it at L. W_air is what a hot-film sensor of gain g says; g
and the volumetric efficiency η_vol act only as their product, so g is as good as η_vol's prior. β is linear between
rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp

from twin.arrays import Array, like, namespace, to_numpy
from twin.experiment import Experiment
from twin.field import ExactField
from twin.model import Coordinate, Fields, Mask, Observable
from twin.priors import HalfNormal, LogNormal, Normal, Uniform
from twin.scan import scan
from twin.space import Floats, Parameter, Space
from twin.table import Table

R_AIR = 287.0
"""[J/(kg K)]"""
REFERENCE = (2000.0, 30.0)
"""n_0 [rpm] and m_0 [mg]."""
LEAST = 1e-3
"""Least P: an engine that is pushed injects nothing."""
FEWEST = 20
RANGES = {"n_e": (200.0, 6000.0), "fuel": (0.0, 150.0), "p_amb": (50.0, 110.0), "T_inlet": (230.0, 420.0)}
"""Of inputs, in the coordinates' units."""
BOOST = "turbochargers of passenger car diesels, weakly informative"
SPEED_DENSITY = (
    "the control unit's own air by speed and density implies 0.997 with a spread of 0.010 on 60 rows under boost of "
    "the Td5 log; three times that for the maker's tolerance"
)


@dataclass(frozen=True)
class ChargeAir:
    """The unknowns of a preset."""

    preset: str
    space: Space

    name = "engine_charge_air"
    source = (
        "filling and emptying with a first-order turbocharger: Guzzella and Onder 2010, DOI 10.1007/978-3-642-10775-7"
    )
    conditions = Space(
        (
            Parameter("displacement", "L", Uniform(0.3, 30.0), 2.495, "swept volume of all cylinders", "known input"),
            Parameter("air_from", "kPa", Uniform(0.0, 400.0), 150.0, "intake pressure from which on air flow is "
                      "scored: below it an unknown share of exhaust is recirculated", "chosen"),
        )
    )  # fmt: skip
    coordinates: tuple[Coordinate, ...] = (
        Coordinate("time", "s", "time since the record began"),
        Coordinate("n_e", "rpm", "engine speed"),
        Coordinate("fuel", "mg", "injected fuel per stroke and cylinder"),
        Coordinate("p_amb", "kPa", "ambient pressure"),
        Coordinate("T_inlet", "K", "temperature of the charge air"),
    )
    observables: tuple[Observable, ...] = (
        Observable("p_im", "kPa", "pressure in the intake manifold", HalfNormal(6.0)),
        Observable("W_air", "kg/h", "air flow, as the sensor says", HalfNormal(15.0)),
    )

    def named(self, theta: Array) -> Mapping[str, Array]:
        """θ by name, each (*batch,)."""
        return {name: theta[..., i] for i, name in enumerate(self.space.names)}

    def exact(self, theta: Array, c: Array, x: Floats | None = None) -> Fields:
        """``boost`` z [kPa] over the rows of a record (n, 5)."""
        values, record = self.named(theta), self.abscissa(to_numpy(c), 100) if x is None else x
        z = boost(values, record)
        return {"boost": ExactField(("t",), lambda t: z)}

    def observe(self, u: Fields, theta: Array, c: Array, x: Array) -> Array:
        """Readings (*batch, n, 2)."""
        values, record = self.named(theta), to_numpy(x)
        z, limit = u["boost"](record[:, 0]), values["boost_max"][..., None]
        xp = namespace(z)
        p = like(record[:, 3], z) + values["p_offset"][..., None] + limit * xp.tanh(z / limit)
        volume = 1e-3 * float(to_numpy(c)[self.conditions.index("displacement")])
        per_pressure = 3600e3 * record[:, 1] * volume / (120 * R_AIR * record[:, 4])
        air = (values["gain_W_air"] * values["eta_vol"])[..., None] * p * like(per_pressure, z)
        return xp.stack([p, air], axis=-1)

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        """Readings (*batch, n, 2) at the rows of a record (n, 5)."""
        return self.observe(self.exact(theta, c, to_numpy(x)), theta, c, x)

    def error(self, c: Array, x: Array) -> None:
        """None: the form is exact."""

    def simulate(self, theta: Floats, c: Floats, x: Floats) -> Floats:
        """The same with LSODA for the turbocharger's lag (b, n, 2)."""
        rows = []
        for draw in theta:
            values = self.space.unpack(draw)
            aim = np.asarray(target({k: np.asarray(v) for k, v in values.items()}, x))
            z = followed(x[:, 0], aim, values["tau"])
            u: Fields = {"boost": ExactField(("t",), lambda t, z=z: z)}
            rows.append(self.observe(u, draw, c, x))
        return np.stack(rows)

    def valid(self, y: Floats) -> Mask:
        """True everywhere: a record has no end of its own."""
        return np.ones(y.shape[:-1], dtype=bool)

    def abscissa(self, c: Floats, n: int) -> Floats:
        """n rows (n, 5) over a minute of stop and go."""
        t = np.linspace(0.0, 60.0, n)
        pedal = 0.5 * (1 + np.sin(2 * np.pi * t / 15.0))
        air = np.full((2, n), [[97.0], [303.0]])
        return np.stack([t, 900.0 + 1600.0 * pedal**2, 8.0 + 28.0 * pedal, *air], axis=1)

    def experiments(self, table: Table, given: Mapping[str, float]) -> Experiment:
        """A record of speed, fuel and air, and of p_im, W_air or both. ValueError for what is missing or impossible."""
        for name in given:
            self.conditions.index(name)
        conditions = self.conditions.unpack(self.conditions.nominal) | dict(given)
        self.conditions.require_inside(conditions, table.path)
        times = table.increasing("time", "s")
        if len(times) < FEWEST:
            raise ValueError(f"{table.path}: {len(times)} rows in {table.label}; a record needs at least {FEWEST}")
        inputs = [table.within(co.name, co.unit, *RANGES[co.name]) for co in self.coordinates[1:]]
        y = {o.name: table.number(o.name, o.unit) for o in self.observables if table.has(o.name)}
        if not y:
            raise ValueError(f"{table.path}: no measurement to calibrate with; expected p_im, W_air or both")
        notes = []
        if "W_air" in y:
            boosted = y["p_im"] >= conditions["air_from"] if "p_im" in y else np.zeros(len(times), dtype=bool)
            y["W_air"] = np.where(boosted, y["W_air"], np.nan)
            notes.append(
                f"W_air: {int(boosted.sum())} of {len(times)} rows scored, from {conditions['air_from']:g} kPa on"
            )
        return Experiment(
            name=table.label, conditions=conditions, coordinates=tuple(co.name for co in self.coordinates),
            x=np.stack([times - times[0], *inputs], axis=1), observables=tuple(y), y=np.stack(list(y.values()), axis=1),
            units={o.name: o.unit for o in self.observables} | {co.name: co.unit for co in self.coordinates},
            source=table.source, notes=tuple(notes),
        )  # fmt: skip


def target(values: Mapping[str, Array], record: Floats) -> Array:
    """β [kPa] (*batch, n) at the rows of a record."""
    power = np.maximum(record[:, 1] * record[:, 2] / (REFERENCE[0] * REFERENCE[1]), LEAST)
    gain, exponent = values["boost_gain"][..., None], values["boost_exponent"][..., None]
    return gain * namespace(gain).exp(exponent * like(np.log(power), gain))


def boost(values: Mapping[str, Array], record: Floats) -> Array:
    """z [kPa] (*batch, n): over a step h with β from β_0 at slope s, z ← a z + (1 - a) β_0 + s (h - τ (1 - a))."""
    aim, tau = target(values, record), values["tau"]
    xp = namespace(aim)
    rows = xp.moveaxis(aim, -1, 0)
    h = like(np.diff(record[:, 0]), aim)

    def step(carry: tuple[Array], row: tuple[Array, ...]) -> tuple[tuple[Array], tuple[Array]]:
        (z,), (h, first, last) = carry, row
        a = xp.exp(-h / tau)
        after = a * z + (1 - a) * first + (last - first) / h * (h - tau * (1 - a))
        return (after,), (after,)

    _, (later,) = scan(step, (rows[0],), (h, rows[:-1], rows[1:]))
    return xp.moveaxis(xp.concat([rows[:1], later], axis=0), 0, -1)


def followed(times: Floats, aim: Floats, tau: float) -> Floats:
    """z (n,) by LSODA, NaN where it fails."""
    found = solve_ivp(
        lambda t, z: (np.interp(t, times, aim) - z) / tau, (times[0], times[-1]), aim[:1], method="LSODA",
        t_eval=times, rtol=1e-8, atol=1e-8, max_step=float(np.diff(times).min()),
    )  # fmt: skip
    return np.asarray(found.y[0]) if found.success else np.full(len(times), np.nan)


MODEL = ChargeAir(
    "boost",
    Space(
        (
            Parameter("boost_gain", "kPa", LogNormal(60.0, 0.4), 60.0, "boost that the reference heat makes", BOOST,
                      5.0, 400.0),
            Parameter("boost_exponent", "1", LogNormal(1.5, 0.3), 1.5, "by which power of the heat boost rises", BOOST,
                      0.3, 5.0),
            Parameter("tau", "s", LogNormal(0.7, 0.5), 0.7, "lag of the turbocharger", BOOST, 0.05, 5.0),
            Parameter("boost_max", "kPa", LogNormal(120.0, 0.3), 120.0, "boost that the wastegate allows", BOOST,
                      20.0, 400.0),
            Parameter("p_offset", "kPa", Normal(0.0, 2.0), 0.0, "intake pressure less ambient without boost, as the "
                      "sensors say", "1 % of either sensor's range", -10.0, 10.0),
            Parameter("eta_vol", "1", Normal(1.0, 0.03), 1.0, "volumetric efficiency under boost", SPEED_DENSITY,
                      0.7, 1.3),
            Parameter("gain_W_air", "1", LogNormal(1.0, 0.2), 1.0, "reading over true air flow", "a sensor that may be "
                      "another engine's", 0.4, 2.5),
        )
    ),
)  # fmt: skip
PRESETS = {MODEL.preset: MODEL}
