import json
import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from twin.arrays import to_numpy
from twin.networks import MLP, ChebyshevKAN, ModifiedMLP, Network, Stack, below, glorot, is_frozen, onto, sine
from twin.space import Floats
from twin.specification import network_from, specification_of

jax.config.update("jax_enable_x64", True)

NETWORKS: tuple[Network, ...] = (
    MLP(3, (8, 5), 2),
    MLP(3, (), 2),
    MLP(3, (8,), 2, activation=sine, output_scale=0.1),
    ModifiedMLP(3, 7, 3, 2),
    ChebyshevKAN(3, (4,), 2),
    ChebyshevKAN(3, (), 2, degree=1),
    Stack(MLP(3, (8,), 2), MLP(3, (6,), 2, activation=sine), 0.01),
    Stack(Stack(MLP(3, (4,), 2), ModifiedMLP(3, 5, 2, 2), 0.1), ChebyshevKAN(3, (4,), 2), 0.01),
)
every_network = pytest.mark.parametrize("network", NETWORKS, ids=lambda n: type(n).__name__)


def fresh(network: Network, seed: int = 0) -> dict[str, torch.Tensor]:
    """Weights with biases that are not zero, so that a lost one shows."""
    generator = torch.Generator().manual_seed(seed)
    weights = network.init(generator)
    return {k: w + 0.1 * torch.randn(w.shape, generator=generator, dtype=w.dtype) for k, w in weights.items()}


def points(*batch: int) -> Floats:
    return np.random.default_rng(1).uniform(-1, 1, (*batch, 3))


@every_network
def test_numpy_torch_and_jax_give_one_answer(network: Network) -> None:
    weights, x = fresh(network), points(2, 5)
    ours = network({k: to_numpy(w) for k, w in weights.items()}, x)
    assert ours.shape == (2, 5, network.outputs)
    by_torch = network(weights, torch.tensor(x)).numpy()
    by_jax = np.asarray(jax.jit(network)({k: jnp.asarray(to_numpy(w)) for k, w in weights.items()}, jnp.asarray(x)))
    np.testing.assert_allclose(by_torch, ours, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(by_jax, ours, rtol=1e-12, atol=1e-13)


@every_network
def test_samples_do_not_mix(network: Network) -> None:
    weights, x = fresh(network), torch.tensor(points(6))
    one_by_one = torch.stack([network(weights, row) for row in x])
    np.testing.assert_allclose(network(weights, x).numpy(), one_by_one.numpy(), rtol=1e-12, atol=1e-14)


@every_network
def test_every_weight_matters(network: Network) -> None:
    weights = {k: w.clone().requires_grad_() for k, w in fresh(network).items()}
    gradients = torch.autograd.grad(network(weights, torch.tensor(points(9))).square().sum(), list(weights.values()))
    for name, gradient in zip(weights, gradients, strict=True):
        assert torch.all(gradient != 0), name


@every_network
def test_a_network_returns_from_its_written_specification(network: Network) -> None:
    written = json.loads(json.dumps(specification_of(network)))
    assert network_from(written) == network
    assert (network.inputs, network.outputs) == (3, 2)


@every_network
def test_fresh_weights_repeat_by_seed_in_double_precision(network: Network) -> None:
    first, again, other = (network.init(torch.Generator().manual_seed(seed)) for seed in (4, 4, 5))
    assert all(torch.equal(first[k], again[k]) and first[k].dtype == torch.float64 for k in first)
    assert not all(torch.equal(first[k], other[k]) for k in first)


def test_an_mlp_is_the_formula_of_its_docstring() -> None:
    network = MLP(3, (4,), 2)
    w, x = {k: v.numpy() for k, v in fresh(network).items()}, points(5)
    np.testing.assert_allclose(network(w, x), np.tanh(x @ w["w0"] + w["b0"]) @ w["w1"] + w["b1"], rtol=1e-14)


def test_a_modified_mlp_mixes_two_encodings() -> None:
    network = ModifiedMLP(3, 4, 2, 2)
    w, x = {k: v.numpy() for k, v in fresh(network).items()}, points(5)
    u, v = np.tanh(x @ w["u"] + w["bias_u"]), np.tanh(x @ w["v"] + w["bias_v"])
    h = x
    for i in range(2):
        gate = np.tanh(h @ w[f"w{i}"] + w[f"bias_w{i}"])
        h = (1 - gate) * u + gate * v
    np.testing.assert_allclose(network(w, x), h @ w["out"] + w["bias_out"], rtol=1e-14)


def test_a_chebyshev_layer_sums_polynomials_of_the_squashed_input() -> None:
    network = ChebyshevKAN(3, (), 2, degree=4)
    w, x = fresh(network)["w0"].numpy(), points(5)
    terms = np.polynomial.chebyshev.chebvander(np.tanh(x), 4)  # (5, 3, degree + 1)
    flat = np.moveaxis(terms, -1, -2).reshape(5, -1)
    np.testing.assert_allclose(network({"w0": w}, x), flat @ w, rtol=1e-12)


def test_a_stack_is_its_parent_plus_the_scaled_child() -> None:
    parent, child = MLP(3, (8,), 2), ModifiedMLP(3, 5, 2, 2)
    stack = Stack(parent, child, 0.03)
    trained = fresh(parent, seed=7)
    weights = stack.on_top(trained, torch.Generator().manual_seed(8))
    x = torch.tensor(points(6))
    expected = parent(trained, x) + 0.03 * child(below(weights, "child."), x)
    np.testing.assert_allclose(stack(weights, x).numpy(), expected.numpy(), rtol=1e-13)
    assert all(weights[f"parent.{k}"] is w for k, w in trained.items())
    assert {k for k in weights if is_frozen(k)} == {f"parent.{k}" for k in trained}


def test_glorot_weights_have_the_variance_of_their_fans() -> None:
    w = glorot(300, 100, torch.Generator().manual_seed(0))
    assert w.std().item() == pytest.approx(math.sqrt(2 / 400), rel=0.02)


def test_the_output_scale_shrinks_the_last_layer_alone() -> None:
    plain, small = (MLP(3, (4,), 2, output_scale=s).init(torch.Generator().manual_seed(0)) for s in (1.0, 0.1))
    np.testing.assert_allclose(small["w1"].numpy(), 0.1 * plain["w1"].numpy())
    assert torch.equal(small["w0"], plain["w0"])


def test_unknown_networks_are_refused_with_the_known_ones() -> None:
    class Other:
        pass

    with pytest.raises(ValueError, match="a Other cannot be written to a file; known: MLP, ModifiedMLP"):
        specification_of(Other())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="unknown network 'GPT'; known: MLP"):
        network_from({"kind": "GPT"})


@every_network
def test_a_network_onto_a_matrix_is_its_outputs_times_the_matrix(network: Network) -> None:
    weights = {k: to_numpy(w) for k, w in fresh(network).items()}
    matrix = np.array([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]])
    x = points(4, 5)
    bound = partial(network, weights)
    np.testing.assert_allclose(onto(bound, matrix)(x), bound(x) @ matrix, rtol=1e-12, atol=1e-14)
