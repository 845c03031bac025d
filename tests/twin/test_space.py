import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.priors import Beta, HalfNormal, LogNormal, Normal, Prior, Uniform
from twin.space import Floats, Parameter, Space, nearest

jax.config.update("jax_enable_x64", True)


def parameter(name: str, prior: Prior, nominal: float, lower: float = -math.inf, upper: float = math.inf) -> Parameter:
    return Parameter(name, "1", prior, nominal, f"meaning of {name}", "invented", lower, upper)


SPACE = Space(
    (
        parameter("offset", Normal(-1.0, 2.0), -1.0),
        parameter("half_line", HalfNormal(0.3), 0.2),
        parameter("factor", LogNormal(1.0, 0.5), 1.0, 0.3, 3.0),
        parameter("share", Uniform(-0.1, 0.4), 0.0),
        parameter("fraction", Beta(2.0, 3.0), 0.5),
        parameter("below", Normal(0.0, 1.0), -1.0, upper=2.0),
        parameter("above", Normal(0.0, 1.0), 0.0, lower=-1.5),
        parameter("cut", Normal(0.9, 0.03), 0.9, 0.5, 0.95),
    )
)
P = len(SPACE)
unconstrained = st.lists(st.floats(-8, 8), min_size=P, max_size=P).map(np.array)


@given(z=unconstrained)
@settings(deadline=None)
def test_unconstrain_undoes_constrain_and_bounds_hold(z: Floats) -> None:
    theta = SPACE.constrain(z)
    assert np.all(theta > SPACE.bounds[:, 0])
    assert np.all(theta < SPACE.bounds[:, 1])
    np.testing.assert_allclose(SPACE.unconstrain(theta), z, atol=1e-9)


@given(u=st.lists(st.floats(1e-4, 1 - 1e-4), min_size=P, max_size=P).map(np.array))
@settings(deadline=None)
def test_constrain_undoes_unconstrain(u: Floats) -> None:
    theta = SPACE.from_unit(u[None])[0]
    np.testing.assert_allclose(SPACE.constrain(SPACE.unconstrain(theta)), theta, rtol=1e-12, atol=1e-14)


def test_values_are_packed_and_unpacked_by_name() -> None:
    values = SPACE.unpack(SPACE.nominal)
    assert tuple(values) == SPACE.names
    np.testing.assert_array_equal(SPACE.pack(values), SPACE.nominal)


def test_the_transforms_are_identity_exponential_and_logistic() -> None:
    z = np.array([0.7, -1.2, 0.3, -2.0, 1.0, 0.5, 0.2, -0.4])
    bounded = {2: (0.3, 3.0), 3: (-0.1, 0.4), 4: (0.0, 1.0), 7: (0.5, 0.95)}
    expected = {0: z[0], 1: math.exp(z[1]), 5: 2 - math.exp(z[5]), 6: math.exp(z[6]) - 1.5}
    expected |= {i: low + (high - low) / (1 + math.exp(-z[i])) for i, (low, high) in bounded.items()}
    np.testing.assert_allclose(SPACE.constrain(z), [expected[i] for i in range(P)], rtol=1e-14)


@given(z=unconstrained)
@settings(max_examples=25, deadline=None)
def test_the_log_jacobian_is_that_of_automatic_and_finite_differentiation(z: Floats) -> None:
    ours = float(SPACE.log_jacobian(z))
    by_jax = np.linalg.slogdet(np.asarray(jax.jacfwd(SPACE.constrain)(jnp.asarray(z))))[1]
    by_torch = torch.autograd.functional.jacobian(SPACE.constrain, torch.tensor(z))
    assert ours == pytest.approx(by_jax, abs=1e-9)
    assert ours == pytest.approx(float(torch.linalg.slogdet(by_torch)[1]), abs=1e-9)
    step = 1e-4
    slopes = (SPACE.constrain(z + step) - SPACE.constrain(z - step)) / (2 * step)
    assert ours == pytest.approx(float(np.sum(np.log(np.abs(slopes)))), abs=1e-6)


@pytest.mark.parametrize("batch", [(), (4,), (2, 3)])
def test_numpy_torch_and_jax_agree_on_batches_of_any_shape(batch: tuple[int, ...]) -> None:
    z = np.random.default_rng(0).normal(size=(*batch, P))
    theta = SPACE.constrain(z)
    assert theta.shape == (*batch, P)
    assert SPACE.log_prior(theta).shape == SPACE.log_jacobian(z).shape == batch
    for function, at in ((SPACE.constrain, z), (SPACE.unconstrain, theta), (SPACE.log_jacobian, z)):
        np.testing.assert_allclose(function(torch.tensor(at)).numpy(), function(at), rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(np.asarray(function(jnp.asarray(at))), function(at), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(SPACE.log_prior(torch.tensor(theta)).numpy(), SPACE.log_prior(theta), rtol=1e-12)
    np.testing.assert_allclose(np.asarray(SPACE.log_prior(jnp.asarray(theta))), SPACE.log_prior(theta), rtol=1e-12)


def test_the_joint_log_prior_is_the_sum_over_parameters() -> None:
    theta = SPACE.draw(5, seed=3)
    by_hand = sum(p.prior.scipy().logpdf(theta[:, i]) for i, p in enumerate(SPACE.parameters))
    np.testing.assert_allclose(SPACE.log_prior(theta), by_hand, rtol=1e-12)


def test_draws_have_the_quantiles_of_the_truncated_prior() -> None:
    n = 20_000
    draws = SPACE.draw(n, seed=11)
    assert np.all(draws >= SPACE.bounds[:, 0])
    assert np.all(draws <= SPACE.bounds[:, 1])
    for i, p in enumerate(SPACE.parameters):
        law, (low, high) = p.prior.scipy(), p.bounds
        mass = (law.cdf(np.sort(draws[:, i])) - law.cdf(low)) / (law.cdf(high) - law.cdf(low))
        steps = np.abs(mass - (np.arange(n) + 0.5) / n)
        assert steps.max() < 1.95 / math.sqrt(n), p.name  # Kolmogorov-Smirnov at 0.1 %


def test_from_unit_maps_the_ends_to_the_bounds_and_halves_the_truncated_mass() -> None:
    ends = SPACE.from_unit(np.array([[0.0] * P, [1.0] * P]))
    np.testing.assert_allclose(ends.T, SPACE.bounds)
    cut = SPACE["cut"].prior.scipy()
    middle = SPACE.from_unit(np.full((1, P), 0.5))[0, SPACE.index("cut")]
    assert cut.cdf(middle) == pytest.approx((cut.cdf(0.5) + cut.cdf(0.95)) / 2)


def test_sobol_points_repeat_by_seed_and_fill_more_evenly_than_random_ones() -> None:
    uniform = Space((parameter("a", Uniform(0, 1), 0.5), parameter("b", Uniform(0, 1), 0.5)))
    points = uniform.sobol(64, seed=5)
    np.testing.assert_array_equal(points, uniform.sobol(64, seed=5))
    assert not np.array_equal(points, uniform.sobol(64, seed=6))
    counts, _, _ = np.histogram2d(points[:, 0], points[:, 1], bins=8, range=[[0, 1], [0, 1]])
    assert np.all(counts == 1)
    assert len(uniform.sobol(5, seed=0)) == 5


def test_draws_repeat_by_seed() -> None:
    np.testing.assert_array_equal(SPACE.draw(7, seed=1), SPACE.draw(7, seed=1))
    assert not np.any(SPACE.draw(7, seed=1) == SPACE.draw(7, seed=2))


def test_pack_fills_by_name_and_takes_the_nominal_elsewhere() -> None:
    theta = SPACE.pack({"share": 0.25, "offset": 3.0})
    assert theta[SPACE.index("share")] == 0.25
    assert theta[SPACE.index("offset")] == 3.0
    rest = [i for i, name in enumerate(SPACE.names) if name not in ("share", "offset")]
    np.testing.assert_array_equal(theta[rest], SPACE.nominal[rest])


def test_a_wrong_name_is_answered_with_the_nearest_and_all_others() -> None:
    with pytest.raises(ValueError, match="no parameter 'facto'; did you mean 'factor'") as caught:
        SPACE.index("facto")
    for name in SPACE.names:
        assert name in str(caught.value)
    with pytest.raises(ValueError, match="no parameter 'qqqq'; known: offset") as caught:
        SPACE.pack({"qqqq": 1.0})
    assert "did you mean" not in str(caught.value)
    for use in (SPACE.without, lambda names: SPACE.within({names[0]: (0.0, 1.0)})):
        with pytest.raises(ValueError, match="did you mean 'share'"):
            use(("shar",))
    assert "(none)" in nearest("x", ())


def test_a_value_outside_the_box_is_refused_with_the_box() -> None:
    SPACE.require_inside({"factor": 0.3, "share": 0.4}, "file.csv")
    with pytest.raises(ValueError, match=r"file.csv: factor = 3.5 1 lies outside the valid range \[0.3, 3\] 1"):
        SPACE.require_inside({"factor": 3.5}, "file.csv")
    with pytest.raises(ValueError, match="outside"):
        SPACE.require_inside({"factor": math.nan}, "file.csv")


def test_narrowing_cuts_the_bounds_and_keeps_the_prior() -> None:
    narrow = SPACE.within({"factor": (0.1, 1.5), "offset": (-2.0, math.inf)})
    assert narrow["factor"].bounds == (0.3, 1.5)
    assert narrow["offset"].bounds == (-2.0, math.inf)
    assert narrow["factor"].prior == SPACE["factor"].prior
    assert narrow.without(("factor",)).names == tuple(n for n in SPACE.names if n != "factor")


def test_names_must_differ() -> None:
    with pytest.raises(ValueError, match="must differ"):
        SPACE + Space((parameter("share", Uniform(0, 1), 0.5),))
