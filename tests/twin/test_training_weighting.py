import math

import numpy as np
import pytest
import torch

from twin.arrays import like
from twin.basis import Chebyshev
from twin.networks import MLP
from twin.training.first_order import SOAP, Adam
from twin.training.loop import train
from twin.training.problem import Problem, TorchRows, TorchWeights
from twin.training.residual import Residual, term_losses, total
from twin.training.weighting import Causal, Fixed, SelfAdaptive, Weighting

BASIS = Chebyshev(8, 0.0, 1.0)
RESIDUAL = Residual({"a": torch.tensor([[1.0, 2.0], [0.0, 0.0]])}, {"data": torch.tensor([[3.0]])})
POINTS = torch.tensor([[0.25], [0.75]])
TIMED = Problem(MLP(1, (), 1), 1, time_column=0)


def faint_start(scale: float) -> Problem:
    """u' = -2 u on [0, 1] in Chebyshev polynomials, the soft start value ``scale`` times as loud."""
    network = MLP(8, (), 1)

    def rows(weights: TorchWeights, points: torch.Tensor) -> TorchRows:
        at = points[:, 0].numpy()
        u_t = like(BASIS.derivative().matrix(at), points) @ weights["w0"]
        return {"equation": u_t + 2 * network(weights, like(BASIS.matrix(at), points))}

    def start(weights: TorchWeights) -> TorchRows:
        return {"start": scale * (network(weights, like(BASIS.matrix(np.zeros(1)), weights["w0"])) - 1)}

    return Problem(network, 1, rows, start)


def start_error(weighting: Weighting, resample: int, seed: int) -> float:
    stage = Adam(steps=800, rate=2e-2, batch=32, resample=resample)
    problem = faint_start(1e-2)
    zero = {k: torch.zeros_like(v) for k, v in problem.network.init(torch.Generator()).items()}
    weights = train(problem, (stage,), seed=seed, weights=zero, weighting=weighting).weights
    x = np.linspace(0, 1, 50)
    u = problem.network(weights, torch.as_tensor(BASIS.matrix(x)))[:, 0].numpy()
    return float(np.linalg.norm(u - np.exp(-2 * x)) / np.linalg.norm(np.exp(-2 * x)))


@pytest.mark.parametrize("seed", [0, 1])
def test_self_adaptive_weights_find_a_faint_term_that_fixed_ones_neglect(seed: int) -> None:
    assert start_error(Fixed(), 1, seed) > 0.3
    assert start_error(SelfAdaptive(rate=100.0, terms=("start",)), 1, seed) < 0.1
    assert start_error(SelfAdaptive(rate=100.0, per_point=True, terms=("start",)), 800, seed) < 0.1


def test_self_adaptive_multipliers_climb_by_the_gradient_of_the_loss() -> None:
    rule, rate = SelfAdaptive(rate=0.1), 0.1
    state = rule.update(TIMED, POINTS, RESIDUAL, {})
    losses = term_losses(RESIDUAL, {})
    lam = {k: torch.ones((), requires_grad=True) for k in losses}
    total({k: lam[k].square() * losses[k] for k in losses}).backward()
    for name, start in lam.items():
        assert start.grad is not None
        torch.testing.assert_close(state["multipliers"][name], start.detach() + rate * start.grad)
        assert rule.weigh(TIMED, POINTS, RESIDUAL, state)[name] == pytest.approx(float(state["multipliers"][name]) ** 2)


def test_multipliers_per_point_climb_where_the_residual_is_and_refuse_points_that_move() -> None:
    rule = SelfAdaptive(rate=0.1, per_point=True)
    state = rule.update(TIMED, POINTS, RESIDUAL, {})
    torch.testing.assert_close(state["multipliers"]["a"], torch.tensor([[1 + 0.2 * 2.5], [1.0]]))
    with pytest.raises(ValueError, match="resample >= steps"):
        rule.weigh(TIMED, POINTS + 0.1, RESIDUAL, state)


def test_fixed_weights_scale_their_term_and_refuse_names_that_are_no_terms() -> None:
    weights = Fixed({"data": 10.0}).weigh(TIMED, POINTS, RESIDUAL, {})
    assert float(total(term_losses(RESIDUAL, weights))) == pytest.approx(5 / 4 + 90)
    with pytest.raises(ValueError, match="terms: a, data"):
        Fixed({"b": 1.0}).weigh(TIMED, POINTS, RESIDUAL, {})


def test_causal_weights_are_the_exponential_of_the_losses_before() -> None:
    rule = Causal(bins=2, epsilons=(0.1, 1.0))
    weights = rule.weigh(TIMED, POINTS, RESIDUAL, {})
    torch.testing.assert_close(weights["a"], torch.tensor([[1.0], [math.exp(-0.1 * 2.5)]]))
    assert "data" not in weights
    with pytest.raises(ValueError, match="time_column"):
        rule.weigh(Problem(MLP(1, (), 1), 1), POINTS, RESIDUAL, {})


def test_causal_weights_grow_stricter_only_once_every_time_counts() -> None:
    rule = Causal(bins=2, epsilons=(0.1, 1.0))
    solved = Residual({"a": torch.full((2, 1), 1e-3)}, {})
    assert rule.update(TIMED, POINTS, RESIDUAL, {}) == {"level": 0}
    assert rule.update(TIMED, POINTS, solved, {}) == {"level": 1}
    assert rule.update(TIMED, POINTS, solved, {"level": 1}) == {"level": 1}


GROWTH = 5.0


def growth() -> Problem:
    """u' = k u on [0, 1] with u = 1 + t N(t): the loud late rows drown the early ones they depend on."""
    network = MLP(1, (16, 16), 1)

    def rows(weights: TorchWeights, points: torch.Tensor) -> TorchRows:
        u, u_t = grown(weights, points)
        return {"equation": u_t / GROWTH - u}

    return Problem(network, 1, rows, time_column=0)


def grown(weights: TorchWeights, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """u and u' by Taylor propagation through the tanh layers."""
    h, h_t = 4 * t - 2, torch.full_like(t, 4.0)
    for i in range(2):
        h = torch.tanh(h @ weights[f"w{i}"] + weights[f"b{i}"])
        h_t = (1 - h**2) * (h_t @ weights[f"w{i}"])
    n, n_t = h @ weights["w2"] + weights["b2"], h_t @ weights["w2"]
    return 1 + t * n, n + t * n_t


def growth_error(weighting: Weighting, seed: int) -> float:
    """Root mean square of the relative error."""
    stage = SOAP(steps=600, batch=64, rate=1e-2)
    weights = train(growth(), (stage,), seed=seed, weighting=weighting).weights
    t = torch.linspace(0, 1, 201, dtype=torch.float64)[:, None]
    return float((grown(weights, t)[0] / torch.exp(GROWTH * t) - 1).square().mean().sqrt())


@pytest.mark.parametrize("seed", [0, 1])
def test_causal_weights_solve_more_of_a_growing_solution_in_the_same_steps(seed: int) -> None:
    plain, causal = growth_error(Fixed(), seed), growth_error(Causal(epsilons=(1.0, 10.0, 100.0)), seed)
    assert causal < 0.75 * plain
