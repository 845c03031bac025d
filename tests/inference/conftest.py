"""A tiny forward map, data made with it, and densities whose answers are known."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from decaying import Decay, Voltage

from twin.arrays import Array, namespace
from twin.experiment import Experiment
from twin.inference.density import LogDensity
from twin.inference.likelihood import Likelihood
from twin.inference.posterior import Posterior, assemble
from twin.inference.sample import Sample
from twin.model import Forward
from twin.priors import LogNormal, Normal
from twin.space import Floats, Parameter, Space

TRUTH = np.array([1.3, 0.9, 20.0])
NOISE = {"voltage": 0.02, "heat": 15.0}

VOLTAGE = ("voltage",)

MakeExperiment = Callable[..., Experiment]


@pytest.fixture(scope="session")
def make_experiment() -> MakeExperiment:
    """Data of the decay at the true parameters with Gaussian noise."""

    def make(
        name: str = "first",
        *,
        n: int = 40,
        rate: float = 1.0,
        seed: int = 0,
        observables: tuple[str, ...] = VOLTAGE,
    ) -> Experiment:
        forward, rng = Decay(), np.random.default_rng(seed)
        x = np.linspace(0.0, 3.0, n)[:, None]
        columns = [("voltage", "heat").index(o) for o in observables]
        y = forward(TRUTH, np.array([rate]), x)[:, columns]
        y = y + rng.standard_normal(y.shape) * [NOISE[o] for o in observables]
        units = {o.name: o.unit for o in forward.observables if o.name in observables}
        return Experiment(name, {"rate": rate}, ("time",), x, observables, y, units)

    return make


@pytest.fixture(scope="session")
def decay() -> type[Decay]:
    return Decay


@pytest.fixture(scope="session")
def voltage_only() -> Forward:
    """The decay without its offset, which a voltage says nothing about."""
    return Voltage(space=Decay().space.without(("offset",)))


@dataclass(frozen=True, eq=False)
class Target:
    """A density with the moments of g(θ) known exactly; ``gaussian`` columns have normal margins."""

    density: LogDensity
    read: Callable[[Floats], Floats]
    mean: Floats
    sd: Floats
    gaussian: tuple[bool, ...]


def correlated(power: float = 1.0) -> Target:
    """log θ normal: LogNormal priors times exp(-½ power (log θ - m)ᵀ A (log θ - m))."""
    precision, centre = np.array([[40.0, -30.0], [-30.0, 30.0]]), np.array([0.2, -0.4])
    space = Space(tuple(Parameter(n, "1", LogNormal(1.0, 1.0), 1.0, "", "test") for n in "ab"))

    def log_likelihood(theta: Array) -> Array:
        xp = namespace(theta)
        u, v = xp.log(theta[..., 0]) - centre[0], xp.log(theta[..., 1]) - centre[1]
        return -0.5 * power * (precision[0, 0] * u**2 + 2 * precision[0, 1] * u * v + precision[1, 1] * v**2)

    covariance = np.linalg.inv(precision + np.eye(2))
    sd = np.sqrt(np.diag(covariance))
    return Target(LogDensity(space, log_likelihood), np.log, covariance @ precision @ centre, sd, (True, True))


def banana() -> Target:
    """a ~ N(0, 1), b | a ~ N(a²/2, 0.5²); the wide prior of b moves nothing that can be seen."""
    space = Space(tuple(Parameter(n, "1", Normal(0.0, s), 0.0, "", "test") for n, s in (("a", 1.0), ("b", 100.0))))

    def log_likelihood(theta: Array) -> Array:
        return -0.5 * ((theta[..., 1] - 0.5 * theta[..., 0] ** 2) / 0.5) ** 2

    exact_sd = np.array([1.0, np.sqrt(0.25 + 0.5)])
    return Target(LogDensity(space, log_likelihood), lambda t: t, np.array([0.0, 0.5]), exact_sd, (True, False))


def conjugate() -> Target:
    """y = X β + ε with known noise 0.3 and β ~ N(0, 2²): posterior N(Σ Xᵀy/0.09, Σ), Σ⁻¹ = XᵀX/0.09 + I/4."""
    rng = np.random.default_rng(3)
    design = np.stack([np.ones(20), np.linspace(0, 1, 20), np.linspace(0, 1, 20) ** 2], axis=-1)
    y = design @ np.array([1.0, -2.0, 0.5]) + 0.3 * rng.standard_normal(20)
    space = Space(tuple(Parameter(f"b{i}", "1", Normal(0.0, 2.0), 0.0, "", "test") for i in range(3)))

    def log_likelihood(theta: Array) -> Array:
        xp = namespace(theta)
        fit = sum(theta[..., i, None] * xp.asarray(design[:, i]) for i in range(3))
        return -0.5 * xp.sum(((xp.asarray(y) - fit) / 0.3) ** 2, axis=-1)

    covariance = np.linalg.inv(design.T @ design / 0.09 + np.eye(3) / 4.0)
    mean = covariance @ design.T @ y / 0.09
    return Target(LogDensity(space, log_likelihood), lambda t: t, mean, np.sqrt(np.diag(covariance)), (True,) * 3)


@pytest.fixture(scope="session")
def targets() -> dict[str, Callable[..., Target]]:
    return {"correlated": correlated, "banana": banana, "conjugate": conjugate}


@pytest.fixture(scope="session")
def made_posterior(make_experiment: MakeExperiment, voltage_only: Forward) -> Callable[..., Posterior]:
    """A posterior record around draws that a test makes up; the defaults are good in every way."""

    def make(
        *, likelihood: Likelihood | None = None, spoil: Callable[[Floats], None] | None = None, **changes: Any
    ) -> Posterior:
        like = likelihood or Likelihood(voltage_only, [make_experiment(n=60)])
        centre = np.array([1.3, 0.9, 0.02])
        theta = centre * (1 + 0.003 * np.random.default_rng(5).standard_normal((4, 500, 3)))
        if spoil is not None:
            spoil(theta)
        rng = np.random.default_rng(6)
        stats = {"diverging": np.zeros((4, 500), dtype=bool), "energy": rng.standard_normal((4, 500))}
        sample = Sample("nuts", "nuts", theta, seed=1, seconds=2.5, stats=stats, reason="made up")
        return assemble(like, replace(sample, **changes), metadata={"model": "decay", "preset": "test"})

    return make
