import numpy as np
import pytest
import torch

from twin.arrays import like
from twin.basis import Chebyshev
from twin.networks import MLP
from twin.training.conflict import config
from twin.training.first_order import Adam, Combine
from twin.training.loop import train
from twin.training.problem import Problem, TorchRows, TorchWeights


def test_config_agrees_with_every_term_where_the_plain_sum_works_against_one() -> None:
    gradients = torch.tensor([[10.0, 0.0, 0.0], [-1.0, 1.0, 0.0], [-1.0, 0.5, 2.0]])
    assert (gradients @ gradients.sum(dim=0)).min() < 0
    g = config(gradients)
    cosines = (gradients @ g) / (gradients.norm(dim=1) * g.norm())
    assert cosines.min() > 0
    torch.testing.assert_close(cosines, cosines.mean().expand(3))


def test_the_length_of_config_is_the_sum_of_the_projections_of_the_gradients() -> None:
    generator = torch.Generator().manual_seed(0)
    gradients = torch.randn(3, 20, generator=generator, dtype=torch.float64)
    g = config(gradients)
    torch.testing.assert_close(g.norm(), (gradients @ (g / g.norm())).sum())


def test_config_of_one_term_is_its_gradient_and_a_term_without_gradient_has_no_say() -> None:
    gradient = torch.tensor([[3.0, -4.0]])
    torch.testing.assert_close(config(gradient), gradient[0])
    torch.testing.assert_close(config(torch.cat([gradient, torch.zeros(1, 2)])), gradient[0])
    assert torch.equal(config(torch.zeros(2, 2)), torch.zeros(2))


@pytest.mark.parametrize("seed", [0, 1])
def test_config_meets_a_faint_term_that_the_plain_sum_neglects(seed: int) -> None:
    """u' = -2 u on [0, 1] in Chebyshev polynomials, its soft start value a thousand times fainter."""
    network, basis = MLP(8, (), 1), Chebyshev(8, 0.0, 1.0)

    def rows(weights: TorchWeights, points: torch.Tensor) -> TorchRows:
        at = points[:, 0].numpy()
        u_t = like(basis.derivative().matrix(at), points) @ weights["w0"]
        start = network(weights, like(basis.matrix(np.zeros(1)), points)) - 1
        return {"equation": u_t + 2 * network(weights, like(basis.matrix(at), points)), "start": 1e-3 * start}

    def error(combine: Combine | None) -> float:
        stage = Adam(steps=600, rate=2e-2, batch=32, combine=combine)
        zero = {k: torch.zeros_like(v) for k, v in network.init(torch.Generator()).items()}
        weights = train(Problem(network, 1, rows), (stage,), seed=seed, weights=zero).weights
        x = np.linspace(0, 1, 50)
        u = network(weights, torch.as_tensor(basis.matrix(x)))[:, 0].numpy()
        return float(np.linalg.norm(u - np.exp(-2 * x)) / np.linalg.norm(np.exp(-2 * x)))

    assert error(config) < 0.1
    assert error(None) > 0.3
