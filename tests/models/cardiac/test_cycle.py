"""The batched differentiable solver: order, agreement with LSODA under the same valve law, implicit gradient."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from tests.models.cardiac.anchors import patient
from twin.models.cardiac import cycle as solver
from twin.models.cardiac.cycle import VALVE_WIDTH, Cycles, graded_mesh, limit_cycles
from twin.models.cardiac.loop import Loop, stressed_volume
from twin.models.cardiac.reference import as_numbers, limit_cycle

PATIENTS = [patient("A"), patient("A", Emax=1.0), patient("A", HR=110.0, Emax=2.5)]
NAMES = [f.name for f in fields(Loop)]


def valve(u: float) -> float:
    z = min(max(u / VALVE_WIDTH, 0.0), 1.0)
    return u * z**2 * (3 - 2 * z)


@pytest.fixture(scope="module")
def solved() -> tuple[torch.Tensor, Cycles]:
    rows = [[float(getattr(p, name)) for name in NAMES] for p in PATIENTS]
    theta = torch.tensor(rows, dtype=torch.float64, requires_grad=True)
    return theta, limit_cycles(Loop(*theta.unbind(1)))


def test_extremes_are_those_of_the_reference_with_the_same_valves(solved: tuple[torch.Tensor, Cycles]) -> None:
    _, found = solved
    assert bool(found.closed.all())
    for i, loop in enumerate(PATIENTS):
        s = limit_cycle(loop, valve=valve).state
        for ours, exact in ((found.state.x, s.x), (found.state.P_ao, s.P_ao)):
            row = ours[i].detach().numpy()
            assert row.max() == pytest.approx(exact.max(), abs=0.05)
            assert row.min() == pytest.approx(exact.min(), abs=0.05)


def test_the_stressed_volume_is_kept_to_rounding(solved: tuple[torch.Tensor, Cycles]) -> None:
    theta, found = solved
    loop = Loop(*[column[:, None] for column in theta.detach().unbind(1)])
    total = stressed_volume(type(found.state)(*[s.detach() for s in found.state]), loop)
    np.testing.assert_allclose(total.numpy(), loop.SBV.expand_as(total).numpy(), rtol=1e-12)


def test_the_implicit_gradient_is_that_of_the_reference(solved: tuple[torch.Tensor, Cycles]) -> None:
    theta, found = solved
    stroke = found.state.x.amax(dim=1) - found.state.x.amin(dim=1)
    ours = [torch.autograd.grad(what.sum(), theta, retain_graph=True)[0][0].numpy()
            for what in (stroke, found.state.P_ao.amax(dim=1))]  # fmt: skip
    loop, phases = as_numbers(PATIENTS[0]), np.linspace(0.0, 1.0, 4001)
    exact = np.zeros((2, len(NAMES)))
    for j, name in enumerate(NAMES):
        both = []
        for sign in (1, -1):
            moved = replace(loop, **{name: getattr(loop, name) * (1 + sign * 1e-3)})
            s = limit_cycle(moved, valve=valve, phases=phases).state
            both.append([s.x.max() - s.x.min(), s.P_ao.max()])
        exact[:, j] = (np.array(both[0]) - np.array(both[1])) / 2e-3
    size = np.array([float(getattr(loop, name)) for name in NAMES])
    for row, numeric in zip(ours, exact, strict=True):
        np.testing.assert_allclose(row * size, numeric, rtol=0.01, atol=0.01 * np.abs(numeric).max())


def test_the_steps_are_of_second_order() -> None:
    loop = Loop(*[torch.tensor([float(getattr(PATIENTS[0], name))], dtype=torch.float64) for name in NAMES])
    x = torch.tensor([[128.0, 7.99, 84.8, 85.0, 4.37]], dtype=torch.float64)

    def late_diastole(steps: int) -> torch.Tensor:
        with torch.no_grad():
            return solver._path(loop, x, torch.linspace(0.7, 0.95, steps + 1, dtype=torch.float64))[-1]

    exact = late_diastole(320)
    errors = [float((late_diastole(n) - exact).abs().max()) for n in (20, 40)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.3)


def test_the_mesh_is_graded_as_documented() -> None:
    mesh = graded_mesh()
    assert len(mesh) == 251
    assert int(((mesh > 0) & (mesh <= 0.2 + 1e-9)).sum()) == 120
    assert solver.COARSE < 251
