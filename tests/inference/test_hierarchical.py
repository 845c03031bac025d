"""A population of units: the closed form, both samplers against it, and what must fail where it should."""

from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from twin.arrays import Array, like
from twin.experiment import Experiment
from twin.inference import _arviz
from twin.inference.density import Whitening
from twin.inference.likelihood import Likelihood
from twin.inference.pooling import hierarchical
from twin.inference.pooling.checks import check_pooled
from twin.inference.pooling.conditional import Conditional
from twin.inference.pooling.evidence import Evidence, no_evidence
from twin.inference.pooling.hierarchical import pool_units
from twin.inference.pooling.law import Law, Pooling
from twin.inference.pooling.nuts import Drawn, PoolChains, PoolSampler
from twin.inference.pooling.pooled import Pooled
from twin.inference.pooling.refined_evidence import refined
from twin.inference.pooling.two_stage import pool_answers
from twin.inference.units.door import UnitData, admit
from twin.inference.units.likelihood import Row
from twin.inference.units.solve import UnitAnswer, Units, solve_units
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

    space: Space = field(
        default=Space(tuple(Parameter(name, "V", STANDARD, 0.0, "", "test") for name in ("level", "slope")))
    )
    conditions: Space = field(default=Space((Parameter("k", "1", STANDARD, 0.0, "", "test"),)))
    coordinates: tuple[Coordinate, ...] = (Coordinate("place", "m", "place"),)
    observables: tuple[Observable, ...] = (Observable("v", "V", "v", None, 1.0),)

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        return (theta[..., 0, None] + theta[..., 1, None] * like(x, theta)[:, 0])[..., None]

    def error(self, c: Array, x: Array) -> None:
        return None


DESIGN = np.concatenate([np.ones_like(X), X], axis=1)


@dataclass(frozen=True, eq=False)
class Made:
    """Lines of a fleet, read with ``sd`` (U,)."""

    y: Floats
    sd: Floats

    @property
    def evidence(self) -> Evidence:
        """Exact, as all is Gaussian."""
        precision = DESIGN.T @ DESIGN / self.sd[:, None, None] ** 2
        pull = self.y @ DESIGN / self.sd[:, None] ** 2
        return Evidence(np.zeros_like(pull), pull, precision)

    @property
    def known(self) -> Floats:
        """Standard deviations (U, n, 1)."""
        return np.broadcast_to(self.sd[:, None, None], (*self.y.shape, 1)).copy()

    @property
    def data(self) -> UnitData:
        return UnitData(self.y[..., None], np.ones(self.known.shape, dtype=bool), sd=self.known)

    @property
    def rows(self) -> tuple[Row, ...]:
        d = self.data
        shape = (len(self.y), *X.shape)
        return (Row(d.y, d.mask, np.zeros((len(self.y), 1)), np.broadcast_to(X, shape).copy(), self.known**2),)


def fleet(seed: int, sd: Floats, spread: float, mean: float = 0.5, slopes: float = 0.3) -> Made:
    """Levels scatter by ``spread`` about ``mean``, slopes about 0."""
    rng = np.random.default_rng(seed)
    truth = np.array([mean, 0.0]) + np.array([spread, slopes]) * rng.standard_normal((len(sd), 2))
    return Made(truth @ DESIGN.T + sd[:, None] * rng.standard_normal((len(sd), POINTS)), sd)


MIXED = fleet(1, np.where(np.arange(COUNT) % 3 < 2, 0.004, 1.0), 0.25)
WEAK = fleet(2, np.full(COUNT, 1.5), 0.1)
HALF = fleet(3, np.where(np.arange(COUNT) % 2 < 1, 0.05, 0.9), 0.4)


def units_of(made: Made) -> Units:
    e = Experiment("unit", {"k": 0.0}, ("place",), X, ("v",), made.y[0, :, None], {"v": "V"}, sd=made.known[0])
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
    levels = np.array([weight @ mean for mean, _ in moments])
    second = np.array([weight @ (variance + mean**2) for mean, variance in moments])
    means = np.array([weight @ m, weight @ s])
    sds = np.sqrt(np.array([weight @ m**2, weight @ s**2]) - means**2)
    z = np.stack([m, np.log(s)])
    centre = z @ weight
    return {
        "mean": np.concatenate([means, levels]),
        "sd": np.concatenate([sds, np.sqrt(second - levels**2)]),
        "z_mean": centre,
        "z_sd": np.sqrt((z - centre[:, None]) ** 2 @ weight),
    }


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
    exact = on_a_grid(made)
    whitening = Whitening(exact["z_mean"], np.diag(exact["z_sd"]))
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


@pytest.fixture(scope="module")
def answers() -> tuple[Units, list[UnitAnswer]]:
    """Of half strongly, half weakly informed units."""
    units = units_of(HALF)
    return units, list(solve_units(units, [HALF.data], workers=1))


@pytest.fixture(scope="module")
def both(answers: tuple[Units, list[UnitAnswer]], sampler: PoolSampler) -> tuple[Pooled, Pooled]:
    """Joint and two-stage answers of one fleet."""
    units, own = answers
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hierarchical, "PoolSampler", lambda *_: sampler)
        together = pool_units(units, [HALF.data], own, LEVEL, seed=0, chains=CHAINS)
    return together, pool_answers(units, own, LEVEL, seed=0)


def test_two_stages_give_what_all_units_together_give(both: tuple[Pooled, Pooled]) -> None:
    exact = on_a_grid(HALF)
    for found in both:
        mean, sd = moments_of(found.hyper, found.u)
        np.testing.assert_allclose((mean - exact["mean"]) / exact["sd"], 0.0, atol=0.15)
        np.testing.assert_allclose(sd / exact["sd"], 1.0, atol=0.15)
        assert [c.name for c in check_pooled(found) if not c.passed] == []
    one, other = (np.median(p.spread, axis=0)[0, 0] for p in both)
    assert one == pytest.approx(other, rel=0.1)


def test_the_evidence_where_the_population_sees_a_unit_is_that_of_its_data(
    answers: tuple[Units, list[UnitAnswer]], sampler: PoolSampler
) -> None:
    """All is Gaussian: information DᵀD/σ² wherever it is taken, slope Dᵀ(y - D u)/σ² at u, and u the mode."""
    units, _ = answers
    rows, h, exact = np.arange(COUNT), np.array([0.5, 0.2]), HALF.evidence
    wrong = conditional(sampler, HALF, no_evidence(COUNT, 2))
    data = admit(units.likelihood, [HALF.data]).data
    found = refined(units.climb, wrong, h, data, rows)
    np.testing.assert_allclose(found.precision, exact.precision, rtol=1e-6, atol=1e-9)
    pull = exact.slope - (exact.precision @ found.centre[..., None])[..., 0]
    np.testing.assert_allclose(found.slope, pull, rtol=1e-4, atol=1e-5 * np.abs(exact.slope).max())
    mode = conditional(sampler, HALF).place(h, np.zeros((COUNT, 2))).u
    np.testing.assert_allclose(found.centre, mode, atol=1e-5)


def test_units_that_know_little_are_pulled_more(both: tuple[Pooled, Pooled]) -> None:
    weak = HALF.sd == HALF.sd.max()
    for found in both:
        assert found.narrowing[weak, 0].max() < 0.9 < 0.97 < found.narrowing[~weak, 0].min()
        assert np.abs(found.shift[~weak, 0]).max() < 0.5
        assert 0.05 < found.shrinkage[0] < 0.8


def test_a_new_unit_scatters_as_the_population_does(both: tuple[Pooled, Pooled]) -> None:
    for found in both:
        h = found.hyper.reshape(-1, 2)
        new = found.new_unit(0)[:, 0, 0]
        assert new.mean() == pytest.approx(h[:, 0].mean(), abs=0.03)
        assert new.var() == pytest.approx(h[:, 0].var() + np.mean(h[:, 1] ** 2), rel=0.1)
        np.testing.assert_allclose(found.median[:, 0, 0], h[:, 0], atol=1e-12)
        np.testing.assert_allclose(found.spread[:, 0, 0], h[:, 1], atol=1e-12)


def test_draws_that_a_narrow_population_cannot_use_again_are_named(answers: tuple[Units, list[UnitAnswer]]) -> None:
    units, _ = answers
    alike = fleet(4, np.full(COUNT, 0.9), 0.002)
    own = list(solve_units(units, [alike.data], workers=1))
    found = pool_answers(units, own, Pooling(("level",), spread=HalfNormal(0.01)), seed=0, draws=400)
    assert found.reweighting is not None
    assert set(found.reweighting.by_gaussian) == set(range(COUNT))
    assert all("ESS" in reason for reason in found.reweighting.by_gaussian.values())
    assert "gaussian_units" in [c.name for c in check_pooled(found) if not c.passed]


def test_units_that_cannot_be_used_are_refused_by_name(answers: tuple[Units, list[UnitAnswer]]) -> None:
    units, own = answers
    bad = {2: replace(own[2], theta=np.empty((0, 2)), rung="none", reason="no finite value"), 5: doubtful(own[5])}
    found = pool_answers(units, [bad.get(a.unit, a) for a in own], LEVEL, seed=0, draws=400)
    assert found.refused == {2: "no finite value", 5: "its own answer did not converge: R-hat 2"}
    assert found.rows.tolist() == [0, 1, 3, 4, 6, 7, 8, 9, 10, 11]
    assert found.u.shape[2] == 10
    assert "refused_units" in [c.name for c in check_pooled(found) if not c.passed]


def doubtful(answer: UnitAnswer) -> UnitAnswer:
    return replace(answer, converged=False, reason="R-hat 2")


def test_what_does_not_fit_is_refused(answers: tuple[Units, list[UnitAnswer]]) -> None:
    units, own = answers
    space = units.likelihood.space
    for law, message in (
        (Pooling(()), "at least one pooled parameter"),
        (Pooling(("levle",)), "no parameter 'levle'; did you mean 'level'"),
        (Pooling(("level",), ("level",)), "either pooled or common and named once, got level, level"),
        (Pooling(("level",), spread=STANDARD), "a spread must live on positive numbers"),
        (Pooling(("level", "slope"), concentration=0.0), "must be positive, got 0"),
    ):
        with pytest.raises(ValueError, match=message):
            Law(law, space)
    with pytest.raises(ValueError, match="no common parameters, got slope"):
        pool_answers(units, own, Pooling(("level",), ("slope",)), seed=0)
    with pytest.raises(ValueError, match="expected a label for each of 12 units, got 1"):
        pool_answers(units, own, LEVEL, seed=0, groups=["all"])
    with pytest.raises(ValueError, match="at least 3 units that can be used, got 2"):
        pool_answers(units, own[:2], LEVEL, seed=0)


EVERY = Pooling(("slope", "level"), concentration=2.0)
LAWS = {
    "independent": Pooling(("slope", "level")),
    "correlated": EVERY,
    "own": LEVEL,
    "common": Pooling(("level",), ("slope",)),
}


@pytest.mark.parametrize("pooling", LAWS.values(), ids=LAWS.keys())
def test_the_closed_form_is_that_of_the_data(pooling: Pooling) -> None:
    """y of unit i is N(X m, X S Xᵀ + σ²) with the units' parameters integrated out, by SciPy."""
    law = Law(pooling, Line().space, ("first", "second"))
    groups = np.arange(COUNT) % 2
    two = Conditional(law, MIXED.evidence, groups)
    h = law.hyper.draw(5, seed=1)
    found = two.log_evidence(h)
    order = [*law.pooled, *law.own]
    for k in range(len(h)):
        s = np.zeros((2, 2))
        factor = law.factor(h)[k]
        s[np.ix_(order, order)] = np.eye(len(order))
        s[np.ix_(law.pooled, law.pooled)] = factor @ factor.T
        for i in range(COUNT):
            mean = np.zeros(2)
            mean[law.pooled] = law.mean(h)[k, groups[i]]
            mean[law.common] = h[k, -len(law.common) or len(h[k]) :]
            covariance = DESIGN @ s @ DESIGN.T + MIXED.sd[i] ** 2 * np.eye(POINTS)
            exact = stats.multivariate_normal.logpdf(MIXED.y[i], DESIGN @ mean, covariance)
            nothing = stats.norm.logpdf(MIXED.y[i], 0.0, MIXED.sd[i]).sum()
            assert found[k, i] == pytest.approx(exact - nothing, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("pooling", LAWS.values(), ids=LAWS.keys())
def test_in_its_coordinates_a_gaussian_unit_is_standard_normal(pooling: Pooling) -> None:
    law = Law(pooling, Line().space)
    one = Conditional(law, MIXED.evidence, np.zeros(COUNT, dtype=np.int64))
    h, rng = law.hyper.draw(4, seed=2), np.random.default_rng(0)
    xi = rng.standard_normal((4, *one.shape))
    placed, e = one.place(h, xi), MIXED.evidence
    says = np.sum(e.slope * placed.u, axis=-1) - 0.5 * np.einsum("kui,uij,kuj->ku", placed.u, e.precision, placed.u)
    own = -0.5 * np.sum(placed.u[..., law.own] ** 2, axis=(-1, -2))
    density = says.sum(axis=-1) - 0.5 * np.sum(placed.z**2, axis=(-1, -2)) + own + placed.log_jacobian
    np.testing.assert_allclose(
        density, one.log_evidence(h).sum(axis=-1) - 0.5 * np.sum(xi**2, axis=(-1, -2)), rtol=1e-6
    )


def test_numpy_and_jax_agree_on_the_closed_form() -> None:
    law = Law(EVERY, Line().space)
    one = Conditional(law, MIXED.evidence, np.zeros(COUNT, dtype=np.int64))
    h = law.hyper.draw(3, seed=3)
    with jax.enable_x64(True):
        np.testing.assert_allclose(jax.jit(one.log_evidence)(jnp.asarray(h)), one.log_evidence(h), rtol=1e-9)


def test_correlations_have_the_law_of_lewandowski_kurowicka_and_joe() -> None:
    """Every off-diagonal correlation of d parameters is Beta(η - 1 + d/2) on (-1, 1), whichever pair it is of."""
    space = Space(tuple(Parameter(n, "1", STANDARD, 0.0, "", "test") for n in "abcd"))
    law = Law(Pooling(tuple("abcd"), concentration=1.5), space)
    h = law.hyper.draw(4000, seed=4)
    factor = law.factor(h)
    both = factor @ factor.swapaxes(-1, -2) / law.deviation(h)[:, :, None] / law.deviation(h)[:, None, :]
    np.testing.assert_allclose(law.deviation(h), h[:, 4:8], rtol=1e-9)
    for i, j in ((1, 0), (3, 0), (2, 1), (3, 2)):
        assert stats.kstest(0.5 + 0.5 * both[:, i, j], stats.beta(2.5, 2.5).cdf).pvalue > 1e-3


def test_intervals_of_mean_and_spread_hold_the_truth_as_often_as_they_say() -> None:
    """Over 200 fleets from the prior; the posterior by weights on 1,024 prior draws, whatever samples it."""
    law = Law(LEVEL, Line().space)
    truths, proposal = law.hyper.draw(200, seed=5), law.hyper.sobol(1024, seed=6)
    ranks = []
    for k, (m, s) in enumerate(truths):
        made = fleet(100 + k, np.random.default_rng(k).uniform(0.3, 2.0, 8), s, m, 1.0)
        one = Conditional(law, made.evidence, np.zeros(8, dtype=np.int64))
        log = one.log_evidence(proposal).sum(axis=-1)
        weight = np.exp(log - np.logaddexp.reduce(log))
        ranks.append(weight @ (proposal < truths[k]))
    held = np.abs(np.array(ranks) - 0.5) < 0.45
    low, high = stats.binom.interval(0.999, 200, 0.9)
    assert np.all((low <= held.sum(axis=0)) & (held.sum(axis=0) <= high))
    for column in np.array(ranks).T:
        assert stats.kstest(column, "uniform").pvalue > 1e-3
