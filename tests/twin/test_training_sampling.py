import numpy as np
import pytest
import torch

from twin.networks import MLP
from twin.training.first_order import Adam
from twin.training.loop import train
from twin.training.problem import Problem, TorchRows, TorchWeights
from twin.training.residual import Residual
from twin.training.sampling import R3, Sampler, Sobol, sobol


def hidden_source(cells: int, cell: int) -> Problem:
    """u = Σ_k w_k 1_k(x) must meet f = 1_cell: the residual lives in one cell of many, the failure mode of
    Daw et al. 2022 (arXiv 2207.02338): few points ever fall where there is something to learn."""
    network = MLP(cells, (), 1)

    def rows(weights: TorchWeights, points: torch.Tensor) -> TorchRows:
        inside = torch.nn.functional.one_hot((cells * points[:, 0]).long(), cells).to(points.dtype)
        return {"source": inside @ weights["w0"] - inside[:, cell, None]}

    return Problem(network, 1, rows)


def miss(problem: Problem, sampler: Sampler, cell: int, seed: int) -> float:
    start = {k: torch.zeros_like(v) for k, v in problem.network.init(torch.Generator()).items()}
    stage = Adam(steps=300, rate=0.03, batch=16, warmup=0)
    result = train(problem, (stage,), seed=seed, weights=start, sampler=sampler)
    return float(abs(1 - result.weights["w0"][cell, 0]))


@pytest.mark.parametrize("seed", [0, 1])
def test_r3_keeps_to_a_hidden_source_that_uniform_points_mostly_miss(seed: int) -> None:
    problem = hidden_source(1000, 617)
    uniform, r3 = miss(problem, Sobol(), 617, seed), miss(problem, R3(), 617, seed)
    assert r3 < 0.1
    assert uniform > 3 * r3


def test_r3_retains_what_is_above_the_mean_releases_the_rest_and_draws_anew() -> None:
    points = torch.tensor([[0.1], [0.2], [0.3], [0.4]], dtype=torch.float64)
    residual = Residual({"a": torch.tensor([[0.0], [3.0], [0.1], [-4.0]])}, {"data": torch.ones(9, 1)})
    state = R3().update(points, residual, {})
    drawn, _ = R3().draw(4, 1, (0, 1), state)
    assert torch.equal(drawn[:2], points[[1, 3]])
    assert not np.isin(drawn[2:], points).any()
    released = R3().update(drawn, Residual({"a": torch.tensor([[0.0], [0.0], [0.0], [1.0]])}, {}), state)
    assert torch.equal(R3().draw(4, 1, (0, 2), released)[0][0], drawn[3])


def test_points_follow_the_counter_and_nothing_else() -> None:
    assert torch.equal(sobol(64, 3, (5, 7)), sobol(64, 3, (5, 7)))
    others = [sobol(64, 3, (5, 8)), sobol(64, 3, (6, 7)), sobol(64, 3, (7, 5))]
    assert all(not torch.equal(sobol(64, 3, (5, 7)), other) for other in others)


def test_sobol_points_integrate_better_than_random_ones() -> None:
    def f(x: torch.Tensor) -> torch.Tensor:
        return (x.sin() + 1).prod(dim=1)

    exact = (2 - np.cos(1.0)) ** 2
    nets = [float(f(sobol(256, 2, (0, k))).mean()) - exact for k in range(20)]
    rng = np.random.default_rng(0)
    plain = [float(f(torch.as_tensor(rng.random((256, 2)))).mean()) - exact for _ in range(20)]
    assert np.std(nets) < 0.1 * np.std(plain)
    assert Sobol().draw(8, 2, (0, 0), {})[0].shape == (8, 2)
