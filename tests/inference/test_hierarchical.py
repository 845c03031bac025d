"""A population of units: the closed form, both samplers against it, and what must fail where it should."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from twin.arrays import Array, like
from twin.experiment import Experiment
from twin.inference import _arviz, hierarchical
from twin.inference.conditional import Conditional
from twin.inference.hierarchical import pool_units, whitened
from twin.inference.likelihood import Likelihood
from twin.inference.pool_nuts import Drawn, PoolChains, PoolSampler
from twin.inference.pooled import Pooled
from twin.inference.pooled_checks import check_pooled
from twin.inference.pooling import Law, Pooling
from twin.inference.two_stage import pool_answers
from twin.inference.unit_door import UnitData
from twin.inference.unit_evidence import Evidence, no_evidence
from twin.inference.unit_likelihood import Row
from twin.inference.units import UnitAnswer, Units, solve_units
from twin.model import Coordinate, Observable
from twin.priors import HalfNormal, Normal
from twin.space import Floats, Parameter, Space

STANDARD = Normal(0.0, 1.0)
COUNT, POINTS = 12, 6
X = np.linspace(-1.0, 1.0, POINTS)[:, None]
CHAINS = PoolChains(draws=500, warmup=300, max_tree_depth=7)
LEVEL = Pooling(("level",))


@dataclass(frozen=True, eq=False)
class Line:
    """level + slope x, both N(0, 1) before: prior-whitened coordinates are the parameters themselves."""

    space: Space = Space(
        (
            Parameter("level", "V", STANDARD, 0.0, "", "test"),
            Parameter("slope", "V", STANDARD, 0.0, "", "test"),
        )
    )
    conditions: Space = Space((Parameter("k", "1", STANDARD, 0.0, "", "test"),))
    coordinates: tuple[Coordinate, ...] = (Coordinate("place", "m", "place"),)
    observables: tuple[Observable, ...] = (Observable("v", "V", "v", None, 1.0),)

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        return (theta[..., 0, None] + theta[..., 1, None] * like(x, theta)[:, 0])[..., None]

    def error(self, c: Array, x: Array) -> None:
        return None


DESIGN = np.concatenate([np.ones_like(X), X], axis=1)


@dataclass(frozen=True, eq=False)
class Made:
    """Lines of a fleet whose levels scatter by ``spread`` about 0.5, read with ``sd`` (U,)."""

    y: Floats
    sd: Floats

    @property
    def evidence(self) -> Evidence:
        """Exact, as all is Gaussian."""
        precision = DESIGN.T @ DESIGN / self.sd[:, None, None] ** 2
        pull = self.y @ DESIGN / self.sd[:, None] ** 2
        return Evidence(np.zeros_like(pull), pull, precision)

    @property
    def data(self) -> UnitData:
        known = np.broadcast_to(self.sd[:, None, None], (*self.y.shape, 1)).copy()
        return UnitData(self.y[..., None], np.ones(known.shape, dtype=bool), sd=known)

    @property
    def rows(self) -> tuple[Row, ...]:
        d = self.data
        shape = (len(self.y), *X.shape)
        return (Row(d.y, d.mask, np.zeros((len(self.y), 1)), np.broadcast_to(X, shape).copy(), np.square(d.sd)),)


def fleet(seed: int, sd: Floats, spread: float) -> Made:
    rng = np.random.default_rng(seed)
    truth = np.stack([0.5 + spread * rng.standard_normal(len(sd)), 0.3 * rng.standard_normal(len(sd))], axis=-1)
    return Made(truth @ DESIGN.T + sd[:, None] * rng.standard_normal((len(sd), POINTS)), sd)


MIXED = fleet(1, np.where(np.arange(COUNT) % 3 < 2, 0.004, 1.0), 0.25)
WEAK = fleet(2, np.full(COUNT, 1.5), 0.1)


def units_of(made: Made) -> Units:
    e = Experiment("unit", {"k": 0.0}, ("place",), X, ("v",), made.y[0, :, None], {"v": "V"}, sd=made.data.sd[0])
    return Units(Likelihood(Line(), [e]))


def on_a_grid(made: Made) -> dict[str, Floats]:
    """Mean and sd of m, s and every level, with the slopes integrated out by hand and m, s on a grid."""
    m, s = (g.ravel() for g in np.meshgrid(np.linspace(-1.0, 2.0, 241), np.linspace(0.002, 1.6, 240), indexing="ij"))
    log = stats.norm.logpdf(m) + stats.halfnorm(scale=0.5).logpdf(s)
    moments = []
    for y, sd in zip(made.y, made.sd, strict=True):
        noise = X @ X.T + sd**2 * np.eye(POINTS)
        inverse = np.linalg.inv(noise)
        worth, pull = inverse.sum(), inverse.sum(axis=0) @ y / inverse.sum()
        log = log + stats.norm.logpdf(pull, m, np.sqrt(s**2 + 1 / worth))
        variance = 1 / (worth + 1 / s**2)
        moments.append((variance * (worth * pull + m / s**2), variance))
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    levels = np.array([w for mean, _ in moments for w in [weight @ mean]])
    second = np.array([weight @ (variance + mean**2) for mean, variance in moments])
    means = np.array([weight @ m, weight @ s])
    sds = np.sqrt(np.array([weight @ m**2, weight @ s**2]) - means**2)
    return {"mean": np.concatenate([means, levels]), "sd": np.concatenate([sds, np.sqrt(second - levels**2)])}


def moments_of(hyper: Floats, u: Floats) -> tuple[Floats, Floats]:
    """Of m, s and every level."""
    every = np.concatenate([hyper.reshape(-1, 2), u.reshape(-1, COUNT, 2)[..., 0]], axis=-1)
    return every.mean(axis=0), every.std(axis=0)


@pytest.fixture(scope="module")
def sampler() -> PoolSampler:
    """Compiled once for all fleets of this size."""
    units = units_of(MIXED)
    return PoolSampler(units.density, Law(LEVEL, units.likelihood.space), CHAINS)


def conditional(sampler: PoolSampler, made: Made, evidence: Evidence | None = None) -> Conditional:
    return Conditional(sampler.law, evidence or made.evidence, np.zeros(COUNT, dtype=np.int64))


def run(sampler: PoolSampler, made: Made, evidence: Evidence | None = None) -> Drawn:
    """Always with the good whitening of m and s; only the units' coordinates are those of ``evidence``."""
    whitening = whitened(conditional(sampler, made), 0)
    return sampler.sample(conditional(sampler, made, evidence), whitening, made.rows, 0)


def failures(drawn: Drawn) -> tuple[int, float, float]:
    """Divergences, the largest R-hat and the smallest ESS of m and s."""
    own = [drawn.hyper[..., j] for j in range(2)]
    return int(drawn.stats["diverging"].sum()), max(map(_arviz.rhat, own)), min(map(_arviz.ess_bulk, own))


@pytest.mark.parametrize("made", [MIXED, WEAK], ids=["mixed", "weak"])
def test_all_units_together_have_the_posterior_of_the_closed_form(sampler: PoolSampler, made: Made) -> None:
    drawn, exact = run(sampler, made), on_a_grid(made)
    mean, sd = moments_of(drawn.hyper, drawn.u)
    np.testing.assert_allclose((mean - exact["mean"]) / exact["sd"], 0.0, atol=0.1)
    np.testing.assert_allclose(sd / exact["sd"], 1.0, atol=0.1)
    divergences, rhat, ess = failures(drawn)
    assert divergences == 0
    assert rhat < 1.01
    assert ess > 800


def test_without_its_own_centredness_strongly_informed_units_are_not_met(sampler: PoolSampler) -> None:
    """The control: non-centred coordinates, where the units' own data say far more than their population."""
    divergences, rhat, ess = failures(run(sampler, MIXED, no_evidence(COUNT, 2)))
    assert divergences > 0 or rhat > 1.01
    assert ess < 200


def test_without_its_own_centredness_the_funnel_of_weakly_informed_units_is_not_met(sampler: PoolSampler) -> None:
    """The control of the other side: coordinates that are the units themselves, up to a factor."""
    centred = Evidence(np.zeros((COUNT, 2)), np.zeros((COUNT, 2)), np.tile(1e4 * np.eye(2), (COUNT, 1, 1)))
    divergences, rhat, ess = failures(run(sampler, WEAK, centred))
    assert divergences > 0
    assert rhat > 1.01 or ess < 200
