"""A seeded engine in service: one window of a minute per hour, with wear, faults, and a model that is not quite true.

Nothing here uses the surrogate. The engine that makes the data differs from the model in what that takes for known:
shapes of its submodels, volumes and inertia are off, which makes errors of a few percent as Wahlström and Eriksson
(2011) found them, and in every window fuel and vanes stray from what is logged (an Ornstein-Uhlenbeck process), so that
the equations' right-hand sides are disturbed. It is solved by Radau IIA with Newton's method run to the end.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from twin.case_studies.engine_window import LEVELS, NOISE
from twin.models.engine.actuators import Commands
from twin.models.engine.air_path import Drive
from twin.models.engine.channels import measured
from twin.models.engine.constants import Engine
from twin.models.engine.parameters import AMBIENT, NOMINAL, ambient_of, engine_of
from twin.models.engine.path import Grid, Solver, hold, readings, steps
from twin.models.engine.steady import steady_state
from twin.models.engine.transient import Reach, random_transient
from twin.models.engine.windows import stacked
from twin.models.engine_air_path import health
from twin.space import Floats

Law = Callable[[Floats], Floats]
"""Hours in service -> what a parameter is multiplied by (or, of offsets, what is added)."""
CORRECTIONS = 5
SERVICE: Reach = ((1000.0, 1700.0, 300.0), (40.0, 170.0, 60.0), (5.0, 75.0, 30.0), (28.0, 80.0, 20.0))
"""Within the ranges of the standard transient."""
IDLE: Reach = ((600.0, 640.0, 10.0), (10.0, 14.0, 1.0), (0.0, 2.0, 1.0), (26.0, 28.0, 1.0))
"""Next to no load, hardly moving: the compressor's efficiency is at its floor."""
STRAY = {"u_delta": 0.01, "u_vgt": 0.01}
"""Relative standard deviation by which fuel and vanes stray from what is logged."""
STRAY_TIME = 5.0
"""[s]"""
SUBMODELS: Mapping[str, float] = {
    "c_vol": 0.01, "c_egr": 0.02, "c_wPsi": 0.005, "c_wPhi": 0.005, "Q_c": 0.03, "W_copt": 0.02, "pi_copt": 0.02,
    "eta_tmmax": 0.02, "V_im": 0.1, "V_em": 0.1, "J_t": 0.1, "k_vol": 0.01,
}  # fmt: skip
"""Relative standard deviations of constants that the model takes for known."""


@dataclass(frozen=True)
class Scenario:
    """``laws`` by parameter over hours; ``idle``: the share of windows at idle."""

    name: str
    laws: Mapping[str, Law] = field(default_factory=dict)
    idle: float = 0.1


@dataclass(frozen=True, eq=False)
class Service:
    """Hours (W,), drives as logged, readings (W, n, 7) with noise, and the true parameters (W, p) by ``health``."""

    hours: Floats
    grid: Grid
    y: Floats
    truth: Floats
    idle: npt.NDArray[np.bool_]


def fouled(depth: float, hours: float) -> Law:
    """1 - depth (1 - exp(-t/hours)): a layer that grows ever more slowly."""
    return lambda t: 1 - depth * (1 - np.exp(-t / hours))


def worn(depth: float, hours: float) -> Law:
    """1 - depth t/hours."""
    return lambda t: 1 - depth * t / hours


def broken(value: float, at: float) -> Law:
    """1 before, ``value`` from the hour ``at`` on."""
    return lambda t: np.where(t < at, 1.0, value)


def shifted(value: float, at: float) -> Law:
    """0 before, ``value`` from the hour ``at`` on."""
    return lambda t: np.where(t < at, 0.0, value)


def serve(scenario: Scenario, windows: int, seed: int) -> Service:
    """The data of an engine of its own build. Same seed, same engine, windows and noise, whatever its laws are."""
    rng = np.random.default_rng([seed, 20261127])
    hours = np.arange(windows, dtype=float)
    engine, theta = _built(rng)
    worn_out = {
        name: theta[name] * np.ones(windows) if name not in scenario.laws
        else _applied(name, theta[name], scenario.laws[name](hours))
        for name in health.space.names
    }  # fmt: skip
    idle = rng.uniform(size=windows) < scenario.idle
    logged = [random_transient(int(rng.integers(2**31)), reach=IDLE if still else SERVICE) for still in idle]
    real = [_strayed(commands, rng) for commands in logged]
    clean = solved(real, engine_of(worn_out, engine), worn_out)
    noise = np.array([NOISE[o.name] * LEVELS[o.name] for o in health.observables])
    y = clean + noise * rng.standard_normal(clean.shape)
    return Service(hours, stacked(logged), y, np.stack(list(worn_out.values()), axis=1), idle)


def solved(windows: list[Commands], engine: Engine, values: Mapping[str, Floats]) -> Floats:
    """Readings (W, n, 7) without noise of engines (W,), each in its own window."""
    air = ambient_of(AMBIENT.nominal)
    grid = stacked(windows, axis=-1)
    first = Drive(*(column[0] for column in grid.readings))
    with np.errstate(all="ignore"):
        begin = steady_state(first, engine, air, np.zeros(len(windows)))
        y = readings(grid, *steps(grid, begin, engine, air, Solver(hold, CORRECTIONS)))
        return np.asarray(measured(y, grid.readings, engine, air, values))


def _built(rng: np.random.Generator) -> tuple[Engine, dict[str, float]]:
    """An engine that is not quite as the model says, and its healthy parameters."""
    changes: dict[str, Any] = {}
    for name, size in SUBMODELS.items():
        value = getattr(NOMINAL, name)
        if isinstance(value, tuple):
            changes[name] = tuple(v * float(np.exp(size * rng.standard_normal())) for v in value)
        else:
            changes[name] = value * float(np.exp(size * rng.standard_normal()))
    nominal = health.space.unpack(health.space.nominal)
    own = {name: 0.02 * rng.standard_normal() for name in ("A_egrmax", "eta_sc", "h_tot", "A_vgtmax")}
    return replace(NOMINAL, **changes), nominal | {name: nominal[name] * float(np.exp(v)) for name, v in own.items()}


def _applied(name: str, healthy: float, law: Floats) -> Floats:
    return healthy + law if name.startswith("offset") else healthy * law


def _strayed(commands: Commands, rng: np.random.Generator) -> Commands:
    """What fuel and vanes really were."""
    keep = np.exp(-np.diff(commands.time) / STRAY_TIME)
    changed = {}
    for name, size in STRAY.items():
        x = np.empty(len(commands.time))
        x[0] = rng.standard_normal()
        for i, k in enumerate(keep.tolist()):
            x[i + 1] = k * x[i] + np.sqrt(1 - k**2) * rng.standard_normal()
        changed[name] = getattr(commands, name) * (1 + size * x)
    return commands._replace(**changed)
