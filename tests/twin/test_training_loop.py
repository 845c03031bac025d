import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from twin.field import NeuralField
from twin.networks import MLP, Network, Stack
from twin.training.first_order import SOAP, Adam
from twin.training.gauss_newton import GaussNewton, line_search, next_damping
from twin.training.jacobian import at_anchors, at_points
from twin.training.lbfgs import LBFGS
from twin.training.loop import Progress, Trained, train
from twin.training.problem import Problem, TorchRows, TorchWeights
from twin.training.sampling import R3
from twin.training.stage import Stage
from twin.training.weighting import Causal, SelfAdaptive

SHORT: dict[str, tuple[Stage, ...]] = {
    "Adam": (Adam(steps=20, rate=2e-2, batch=32, warmup=5),),
    "SOAP": (SOAP(steps=20, rate=1e-2, batch=32, warmup=5),),
    "L-BFGS": (LBFGS(steps=20, iterations=3, batch=32, resample=7),),
    "Gauss-Newton": (GaussNewton(steps=20, batch=32, resample=7),),
    "two stages": (SOAP(steps=9, batch=32), GaussNewton(steps=11, batch=32)),
}


def decay(network: Network) -> Problem:
    """u' = -k u, u(0) = 1, k in [1, 2], with the start value built in and three exact values as anchors."""

    def u(weights: TorchWeights) -> NeuralField:
        def at(t: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
            n: torch.Tensor = network(weights, torch.stack([2 * t - 1, 2 * k - 3], dim=-1))
            return 1 + t * n[..., 0]

        return NeuralField(("t", "k"), at)

    def rows(weights: TorchWeights, points: torch.Tensor) -> TorchRows:
        t, k = points[:, 0], 1 + points[:, 1]
        return {"ode": (u(weights).d("t")(t, k) + k * u(weights)(t, k))[:, None]}

    def anchors(weights: TorchWeights) -> TorchRows:
        like = next(iter(weights.values()))
        t, k = like.new_tensor([0.2, 0.5, 0.9]), like.new_tensor([1.1, 1.5, 1.9])
        return {"data": (u(weights)(t, k) - torch.exp(-k * t))[:, None]}

    return Problem(network, 2, rows, anchors, time_column=0)


DECAY = decay(MLP(2, (8, 8), 1))


def identical(a: Trained, b: Trained) -> bool:
    return a.weights.keys() == b.weights.keys() and all(
        a.weights[k].numpy().tobytes() == b.weights[k].numpy().tobytes() for k in a.weights
    )


def stop_after(n: int, error: type[BaseException]) -> Callable[[Progress], None]:
    seen: list[Progress] = []

    def progress(state: Progress) -> None:
        seen.append(state)
        if len(seen) == n:
            raise error

    return progress


@pytest.mark.parametrize("stages", SHORT.values(), ids=SHORT.keys())
def test_an_interrupted_and_resumed_run_is_the_unbroken_run_bit_by_bit(
    stages: tuple[Stage, ...], tmp_path: Path
) -> None:
    path = tmp_path / "run.pt"
    sampler, weighting = R3(), Causal(bins=4)
    unbroken = train(DECAY, stages, seed=3, sampler=sampler, weighting=weighting)
    stop = stop_after(11, KeyboardInterrupt)
    part = train(DECAY, stages, seed=3, checkpoint=path, progress=stop, sampler=sampler, weighting=weighting)
    whole = train(DECAY, stages, seed=3, checkpoint=path, resume=True, sampler=sampler, weighting=weighting)
    assert (part.ended, part.steps, part.finished) == ("interrupted", 11, False)
    assert whole.finished
    assert whole.steps == 20
    assert not identical(part, unbroken)
    assert identical(whole, unbroken)
    assert [h[2] for h in whole.history] == [h[2] for h in unbroken.history]


def test_a_run_that_was_killed_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    path, stages = tmp_path / "run.pt", SHORT["two stages"]
    weighting = SelfAdaptive(rate=0.1)
    stop = stop_after(14, RuntimeError)
    with pytest.raises(RuntimeError):
        train(DECAY, stages, seed=0, checkpoint=path, checkpoint_seconds=0.0, progress=stop, weighting=weighting)
    steps: list[int] = []
    whole = train(
        DECAY,
        stages,
        seed=0,
        checkpoint=path,
        resume=True,
        progress=lambda p: steps.append(p.step),
        weighting=weighting,
    )
    assert len(steps) == 7
    assert identical(whole, train(DECAY, stages, seed=0, weighting=weighting))
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    stages = SHORT["SOAP"]
    first = train(DECAY, stages, seed=1)
    assert identical(first, train(DECAY, stages, seed=1))
    assert not identical(first, train(DECAY, stages, seed=2))


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    path, stages = tmp_path / "run.pt", SHORT["Adam"]
    train(DECAY, stages, seed=0, checkpoint=path)
    with pytest.raises(ValueError, match="another run"):
        train(DECAY, stages, seed=1, checkpoint=path, resume=True)
    with pytest.raises(ValueError, match="another run"):
        train(DECAY, SHORT["SOAP"], seed=0, checkpoint=path, resume=True)
    other = Problem(DECAY.network, 2, DECAY.rows, lambda w: {"data": 2 * DECAY.anchors(w)["data"]})  # type: ignore[misc]
    with pytest.raises(ValueError, match="another problem"):
        train(other, stages, seed=0, checkpoint=path, resume=True)
    with pytest.raises(ValueError, match="checkpoint=None"):
        train(DECAY, stages, seed=0, resume=True)


def test_the_time_budget_ends_a_run_and_keeps_what_is_done() -> None:
    result = train(DECAY, (SOAP(steps=10**6, batch=32),), seed=0, time_budget=0.5)
    start = train(DECAY, (SOAP(steps=1, batch=32),), seed=0, time_budget=0.0)
    assert result.ended == "time budget"
    assert 0 < result.steps < 10**6
    assert result.seconds < 2.0
    assert not identical(result, start)


def test_a_run_that_diverges_says_so_and_returns_finite_weights() -> None:
    result = train(DECAY, (Adam(steps=200, rate=1e30, warmup=0),), seed=0)
    assert result.ended == "diverged"
    assert not result.finished
    assert all(bool(w.isfinite().all()) for w in result.weights.values())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_stage_sets_the_precision_and_the_result_is_float64(dtype: torch.dtype) -> None:
    seen: set[torch.dtype] = set()

    def rows(weights: TorchWeights, points: torch.Tensor) -> TorchRows:
        assert DECAY.rows is not None
        found = DECAY.rows(weights, points)
        seen.add(found["ode"].dtype)
        return found

    result = train(Problem(DECAY.network, 2, rows), (Adam(steps=3, dtype=dtype),), seed=0)
    assert dtype in seen
    assert {w.dtype for w in result.weights.values()} == {torch.float64}
    assert all(torch.equal(w, w.to(dtype).double()) for w in result.weights.values())


@pytest.mark.parametrize("stages", SHORT.values(), ids=SHORT.keys())
def test_training_lowers_the_loss_and_leaves_a_frozen_parent_as_it_was(stages: tuple[Stage, ...]) -> None:
    stack = Stack(MLP(2, (4,), 1), MLP(2, (8,), 1), scale=0.5)
    start = stack.init(torch.Generator().manual_seed(0))
    result = train(decay(stack), stages, seed=0, weights=start)
    parent = [k for k in start if k.startswith("parent.")]
    assert parent
    assert all(torch.equal(result.weights[k], start[k]) for k in parent)
    assert all(not torch.equal(result.weights[k], start[k]) for k in start if k not in parent)
    assert result.history[-1][2] < 0.8 * result.history[0][2]


def test_gauss_newton_solves_a_linear_least_squares_problem_in_two_steps() -> None:
    network = MLP(1, (), 2)

    def rows(weights: TorchWeights, points: torch.Tensor) -> TorchRows:
        target = torch.cat([3 * points - 1, 0.5 - 2 * points], dim=1)
        return {"fit": 100 * (network(weights, points) - target)}

    result = train(Problem(network, 1, rows), (GaussNewton(steps=2, batch=16, geodesic=False),), seed=0)
    np.testing.assert_allclose(result.weights["w0"], [[3.0, -2.0]], rtol=1e-8)
    np.testing.assert_allclose(result.weights["b0"], [-1.0, 0.5], rtol=1e-8)


def test_the_jacobian_agrees_with_finite_differences_through_forward_mode_rows() -> None:
    weights = DECAY.network.init(torch.Generator().manual_seed(0))
    points = torch.rand(5, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    direction = {
        k: torch.randn(v.shape, dtype=v.dtype, generator=torch.Generator().manual_seed(2)) for k, v in weights.items()
    }
    flat = torch.cat([d.flatten() for d in direction.values()])
    assert DECAY.rows is not None
    assert DECAY.anchors is not None
    h = 1e-6
    ahead, behind = ({k: weights[k] + s * h * direction[k] for k in weights} for s in (1, -1))
    rows = (DECAY.rows(ahead, points)["ode"] - DECAY.rows(behind, points)["ode"])[:, 0] / (2 * h)
    anchors = (DECAY.anchors(ahead)["data"] - DECAY.anchors(behind)["data"])[:, 0] / (2 * h)
    torch.testing.assert_close(at_points(DECAY, weights, {}, points) @ flat, rows, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(at_anchors(DECAY, weights, {}, 2) @ flat, anchors, rtol=1e-6, atol=1e-8)


def test_gauss_newton_does_not_depend_on_the_chunks_of_its_jacobian() -> None:
    small, large = (
        train(DECAY, (GaussNewton(steps=3, batch=50, chunk=chunk, damping=1e-4),), seed=0) for chunk in (7, 64)
    )
    for k, w in small.weights.items():
        torch.testing.assert_close(w, large.weights[k], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("best", [1.0, 0.25, 2.0**-9])
def test_the_line_search_halves_while_the_loss_falls(best: float) -> None:
    assert line_search(lambda s: (s - best) ** 2 / best**2) == best


def test_the_line_search_gives_zero_where_nothing_decreases_and_survives_nan() -> None:
    assert line_search(lambda s: 1 + s) == 0.0
    assert line_search(lambda s: 1 - s if s <= 0.25 else math.nan) == 0.25


@pytest.mark.parametrize(("s", "factor"), [(1.0, 1 / 3), (0.5, 1.0), (0.01, 3.0), (0.0, 10.0)])
def test_the_damping_follows_the_step_fraction(s: float, factor: float) -> None:
    assert next_damping(1e-6, s) == pytest.approx(1e-6 * factor)
    assert next_damping(1e-14, 1.0) == 1e-14


def test_a_problem_without_rows_trains_on_its_anchors_alone() -> None:
    problem = Problem(DECAY.network, 0, None, DECAY.anchors)
    result = train(problem, (GaussNewton(steps=10, damping=1e-4),), seed=0)
    assert result.history[-1][2] < 1e-12


def test_bad_problems_are_refused_at_the_door() -> None:
    net = MLP(1, (), 1)
    with pytest.raises(ValueError, match="got neither"):
        train(Problem(net, 1), SHORT["Adam"], seed=0)
    with pytest.raises(ValueError, match="shape"):
        train(Problem(net, 1, lambda w, x: {"a": net(w, x)[:, 0]}), SHORT["Adam"], seed=0)
    with pytest.raises(ValueError, match="different names"):
        train(Problem(net, 1, lambda w, x: {"a": net(w, x)}, lambda w: {"a": w["w0"]}), SHORT["Adam"], seed=0)
