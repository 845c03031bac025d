"""What a fleet is asked to be watched for, as the command line says it, and the likelihood of its windows."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from twin import units
from twin.atomic import replaced
from twin.case_studies.forwards import forward_of, weights_of, with_fixed
from twin.case_studies.sampling import NOISES
from twin.experiment import Experiment
from twin.inference.fleet.solve import Fleet
from twin.inference.fleet.store import require_about
from twin.inference.fleet.watch import Watched
from twin.inference.likelihood import Likelihood
from twin.inference.monitor.monitor import Monitor
from twin.inference.monitor.record import Rules
from twin.inference.monitor.self_starting import LEAST, SelfStarting
from twin.models import catalogue
from twin.space import Space, nearest
from twin.surrogate import read_header

VALUE = re.compile(r"(?P<number>[-+0-9.eE]+)\s*(?P<unit>.*)")
RATE, PACE = 0.05, 0.0005
"""Wear that may be met, in tenths of a parameter per window, and how much it changes its pace per √window."""
LEAST_APART, MOST_APART = 10.0, 1e9
"""Windows between false alarms below and above which a rule is no rule."""
MOST_WORN = 10.0
"""Times its baseline that a parameter may be before it is worn; above it a per cent was meant."""


@dataclass(frozen=True)
class FleetStudy:
    """Options of ``twin monitor``."""

    model: str
    table: Path
    unit: str
    time: str
    out: Path
    preset: str | None = None
    window: float | None = None
    select: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    column: Mapping[str, str] = field(default_factory=dict)
    condition: Mapping[str, float] = field(default_factory=dict)
    fix: Mapping[str, float] = field(default_factory=dict)
    noise: str = "gaussian"
    surrogate: Path | None = None
    watch: tuple[str, ...] = ()
    wear: tuple[str, ...] = ()
    limit: Mapping[str, float] = field(default_factory=dict)
    floor: Mapping[str, str] = field(default_factory=dict)
    ceiling: Mapping[str, str] = field(default_factory=dict)
    baseline: int = 20
    false_alarms: float = 1000.0
    seed: int = 0
    workers: int | None = None
    scheduler: str | None = None
    resume: bool = False
    time_budget: float | None = None

    @property
    def store(self) -> Path:
        """The folder of the posteriors."""
        return self.out / "store"


def require_options(study: FleetStudy) -> None:
    """ValueError for numbers that cannot be meant, and for a folder that has nothing to resume."""
    if study.noise not in NOISES:
        raise ValueError(f"no noise law {study.noise!r}{nearest(study.noise, tuple(NOISES))}")
    if study.baseline < LEAST:
        raise ValueError(f"--baseline {study.baseline}: expected at least {LEAST} windows; 20 is a good number")
    if not LEAST_APART <= study.false_alarms <= MOST_APART:
        raise ValueError(
            f"--false-alarms {study.false_alarms:g}: expected at least {LEAST_APART:g} windows between false alarms, "
            f"and at most {MOST_APART:g}"
        )
    for name, share in study.limit.items():
        if not 0 < share <= MOST_WORN or share == 1:
            raise ValueError(
                f"--limit {name}={share:g}: expected a share of the unit's baseline other than 1, as {name}=0.8; "
                f"give a value with --floor or --ceiling"
            )
    if study.time_budget is not None and not study.time_budget >= 0:
        raise ValueError(f"--time-budget {study.time_budget:g}: expected seconds, 0 or more")
    if study.workers is not None and study.scheduler is not None:
        raise ValueError("--workers and --scheduler: a Dask cluster has its own workers; give one of the two")
    if study.resume and not study.store.is_dir():
        raise ValueError(f"--resume: {study.out} holds no run to go on with; check --out, or leave --resume away")


def fleet_of(study: FleetStudy, shape: Experiment) -> Fleet:
    """What is shipped to workers, and what a store keeps to."""
    fixed = tuple(sorted(study.fix.items()))
    likelihood = partial(fleet_likelihood, study.model, study.preset, study.surrogate, fixed, study.noise, shape)
    windows = {"windows like": hashlib.sha256(json.dumps(_plain(shape)).encode()).hexdigest()[:32]}
    return Fleet(likelihood, identity_of(study) | windows, seed=study.seed)


def identity_of(study: FleetStudy) -> dict[str, str]:
    """What its forward map is: model, preset, the surrogate's checksum, the fixed values."""
    model = catalogue.model(study.model, study.preset)
    weights = weights_of(model, study.surrogate)
    return {
        "model": model.name,
        "preset": model.preset,
        "surrogate": "" if weights is None else read_header(weights).get("sha256", ""),
        "fixed": ", ".join(f"{name}={value:.15g}" for name, value in sorted(study.fix.items())),
    }


def fleet_likelihood(
    model: str,
    preset: str | None,
    surrogate: Path | None,
    fixed: tuple[tuple[str, float], ...],
    noise: str,
    shape: Experiment,
) -> Likelihood:
    """The likelihood of windows like ``shape``."""
    forward = with_fixed(forward_of(catalogue.model(model, preset), surrogate), dict(fixed))
    return Likelihood(forward=forward, experiments=[shape], noise=NOISES[noise])


def kept_shape(study: FleetStudy, found: Experiment) -> Experiment:
    """The experiment that a store's windows are like: that of its first run, else ``found``, which is then kept.

    ValueError for a store of another forward map, and for a file that is no experiment.
    """
    require_about(study.store, identity_of(study))
    path = study.store / "shape.json"
    if not path.exists():
        with replaced(path) as temporary:
            temporary.write_text(json.dumps(_plain(found)) + "\n")
    try:
        data = json.loads(path.read_text())
        sd = None if data["sd"] is None else np.array(data["sd"], dtype=np.float64)
        return Experiment(
            name=data["name"],
            conditions=data["conditions"],
            coordinates=tuple(data["coordinates"]),
            x=np.array(data["x"], dtype=np.float64),
            observables=tuple(data["observables"]),
            y=np.array(data["y"], dtype=np.float64),
            units=data["units"],
            sd=sd,
            mask=np.array(data["mask"], dtype=bool),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: expected what the windows of this store are like, got {error!r}") from error


def _plain(shape: Experiment) -> dict[str, Any]:
    return {
        "name": shape.name,
        "conditions": dict(shape.conditions),
        "coordinates": list(shape.coordinates),
        "observables": list(shape.observables),
        "units": dict(shape.units),
        "x": shape.x.tolist(),
        "y": np.where(shape.mask, shape.y, 0.0).tolist(),
        "sd": None if shape.sd is None else shape.sd.tolist(),
        "mask": shape.mask.tolist(),
    }


def monitor_of(study: FleetStudy, likelihood: Likelihood) -> Monitor[Watched]:
    """The monitor. ValueError for names that are no parameter of the model, and limits that cannot be reached."""
    free = likelihood.forward.space
    for option, names in (
        ("watch", study.watch), ("wear", study.wear), ("limit", study.limit), ("floor", study.floor),
        ("ceiling", study.ceiling),
    ):  # fmt: skip
        for name in names:
            if name not in free.names:
                raise ValueError(f"--{option} {name}: no such free parameter{nearest(name, free.names)}")
    named = (*study.watch, *study.wear, *study.limit, *study.floor, *study.ceiling)
    chosen = tuple(p for p in free.parameters if not study.watch or p.name in named)
    wear = tuple(p.name in study.wear for p in chosen)
    rules = Rules(
        limits=dict(study.limit),
        floors=_values(study.floor, free, "floor"),
        ceilings=_values(study.ceiling, free, "ceiling"),
        between=study.false_alarms,
        baseline=study.baseline,
        rate=RATE,
        rate_walk=PACE,
    )
    return Monitor(Watched(Space(chosen)), rules, SelfStarting(wear))


def _values(given: Mapping[str, str], space: Space, option: str) -> dict[str, float]:
    """Numbers with a unit behind them, or without, in the parameters' units."""
    found = {}
    for name, text in given.items():
        match, wanted = VALUE.fullmatch(text), space[name].unit
        try:
            number = float(match["number"]) if match else float("nan")
            unit = match["unit"] if match else ""
            found[name] = number if unit in ("", wanted) else float(units.convert(np.array(number), unit, wanted))
        except (units.UnitError, ValueError) as error:
            raise ValueError(f"--{option} {name}={text}: expected a number in {wanted} ({error})") from error
        if not np.isfinite(found[name]):
            raise ValueError(f"--{option} {name}={text}: expected a number in {wanted}")
    return found
