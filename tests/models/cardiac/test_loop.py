"""The heart's equations: published limit cycles, an independent code's trace, conservation and symmetries."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.models.cardiac.anchors import ASSISTED, COUNTERFACTUAL, FOUND, patient
from twin.models.cardiac.activation import activation, peak_phase, periodic_activation
from twin.models.cardiac.loop import Loop, stressed_volume
from twin.models.cardiac.reference import Cycle, limit_cycle
from twin.models.cardiac.simulation import indices_of
from twin.models.cardiac.valves import smoothstep, smoothstep_slope

TRACE = Path(__file__).parents[3].parent / "shared" / "reference" / "cardiac_modularcirc_trace.csv"


def numbers(loop: Loop, **how: float) -> dict[str, float]:
    cycle = limit_cycle(loop, periodic=False, **how)  # type: ignore[arg-type]
    assert cycle.settled
    return {name: float(value) for name, value in indices_of(cycle, loop.V0)._asdict().items()}


@pytest.mark.parametrize("case", FOUND)
def test_published_limit_cycles_are_met(case: str) -> None:
    found = numbers(patient(case))
    for name, value in FOUND[case].items():
        assert found[name] == pytest.approx(value, rel=1e-3), name


def test_an_independent_code_traces_the_same_beat() -> None:
    if not TRACE.is_file():
        pytest.skip(f"no trace of ModularCirc at {TRACE.name}: it stands beside the repository's checkout")
    trace, cycle = pd.read_csv(TRACE), limit_cycle(patient("A"), periodic=False)
    s = cycle.state
    for name, ours in {"v_lv": s.x + 10.0, "p_lv": cycle.P_lv, "p_la": s.P_la, "p_art": s.P_s, "p_ao": s.P_ao}.items():
        assert np.max(np.abs(trace[name] - ours)) < 2e-3, name
    assert np.max(np.abs(trace["q_ao"] - s.Q)) < 5e-3


@pytest.mark.parametrize("speed", ASSISTED)
def test_an_assist_pump_carries_the_published_flow(speed: float) -> None:
    loop = patient("D")
    found = numbers(loop, speed=speed)
    for name, value in ASSISTED[speed].items():
        assert found[name] == pytest.approx(value, rel=5e-3), name
    cycle = limit_cycle(loop, speed=speed)
    assert cycle.pump is not None
    assert 0.06 * mean(cycle.pump) == pytest.approx(found["CO"], rel=1e-3), "the aortic valve stays shut"


def mean(values: np.ndarray) -> float:
    return float(np.mean(0.5 * (values[1:] + values[:-1])))


@pytest.mark.parametrize("speed", [None, 10000.0])
def test_the_stressed_volume_does_not_drift(speed: float | None) -> None:
    loop = patient("D")
    total = stressed_volume(limit_cycle(loop, speed=speed).state, loop)
    assert np.max(np.abs(total - loop.SBV)) < 1e-8


def test_the_cycle_forgets_where_it_began() -> None:
    loop = patient("E")
    start = np.array([loop.SBV - 1.0 - 1.41 * 20.0, 1.0 / 4.4, 20.0, 20.0, 0.0])
    ours, other = limit_cycle(loop), limit_cycle(loop, start=start)
    np.testing.assert_allclose(other.state.x, ours.state.x, rtol=1e-5)


def every(cycle: Cycle, volume: float, pressure: float, flow: float) -> np.ndarray:
    s = cycle.state
    return np.stack([s.x / volume, s.P_la / pressure, s.P_s / pressure, s.P_ao / pressure, s.Q / flow])


def test_stressed_volume_scales_volumes_pressures_and_flows_alike() -> None:
    loop = patient("B")
    more = replace(loop, SBV=1.7 * loop.SBV)
    ours, scaled = every(limit_cycle(loop), 1, 1, 1), every(limit_cycle(more), 1.7, 1.7, 1.7)
    np.testing.assert_allclose(scaled, ours, rtol=1e-6, atol=2e-5)


def test_impedances_scale_pressures_alone() -> None:
    loop, k = patient("E"), 1.4
    stiffer = replace(
        loop, **{name: k * getattr(loop, name) for name in ("Emax", "Emin", "Rs", "Rm", "Ra", "Rc", "Ls")},
        **{name: getattr(loop, name) / k for name in ("Cr", "Cs", "Ca")},
    )  # fmt: skip
    np.testing.assert_allclose(
        every(limit_cycle(stiffer), 1, k, 1), every(limit_cycle(loop), 1, 1, 1), rtol=1e-6, atol=2e-5
    )


def test_a_pump_breaks_the_scaling_of_volume() -> None:
    loop = replace(patient("D"), V0=0.0)
    twice = replace(loop, SBV=2 * loop.SBV)
    assert numbers(loop)["EF"] == pytest.approx(numbers(twice)["EF"], abs=1e-4)
    assert numbers(loop, speed=10000.0)["EF"] == pytest.approx(35.7, abs=0.1)
    assert numbers(twice, speed=10000.0)["EF"] == pytest.approx(23.1, abs=0.1)


@pytest.mark.parametrize(("factors", "differences"), COUNTERFACTUAL)
def test_counterfactuals_of_a_failing_heart(factors: dict[str, float], differences: dict[str, float]) -> None:
    loop = patient("E")
    changed = replace(loop, **{name: factor * getattr(loop, name) for name, factor in factors.items()})
    before, after = numbers(loop), numbers(changed)
    for name, value in differences.items():
        assert after[name] - before[name] == pytest.approx(value, abs=0.02), name


def test_the_activation_peaks_where_it_is_said_to() -> None:
    t = np.linspace(0.0, 2.0, 200001)
    e = activation(t)
    assert e.max() == pytest.approx(0.99606, abs=1e-5)
    assert t[np.argmax(e)] == pytest.approx(0.9972, abs=1e-4)


@pytest.mark.parametrize(("rate", "residue"), [(60, 5e-9), (75, 9e-8), (100, 5.2e-6), (120, 8.5e-5), (150, 0.0031),
                                               (160, 0.0092), (180, 0.065)])  # fmt: skip
def test_the_activation_left_at_the_beats_end_is_taken_away(rate: float, residue: float) -> None:
    tau = peak_phase(60.0 / rate)
    assert activation(1 / tau) == pytest.approx(residue, rel=0.1)
    ends = periodic_activation(np.array([0.0, 1.0]), np.array(tau))
    np.testing.assert_allclose(ends, 0.0, atol=1e-15)


def test_smooth_valves_leak_nothing_and_are_exact_from_their_width_on() -> None:
    u = np.linspace(-1.0, 2.0, 3001)
    smooth = smoothstep(u, 0.2)
    np.testing.assert_array_equal(smooth[u <= 0], 0.0)
    np.testing.assert_allclose(smooth[u >= 0.2], u[u >= 0.2], rtol=1e-14)
    inside = (u > 0.001) & (u < 0.199)
    step = 1e-6
    slope = (smoothstep(u + step, 0.2) - smoothstep(u - step, 0.2)) / (2 * step)
    np.testing.assert_allclose(smoothstep_slope(u, 0.2)[inside], slope[inside], atol=1e-6)


@pytest.mark.parametrize(
    ("width", "error"),
    [
        (0.2, {"EDV": -0.001, "ESV": 0.010, "SBP": -0.012, "MAP": -0.012}),
        (0.5, {"EDV": -0.14, "ESV": -0.02, "SBP": -0.16, "MAP": -0.12}),
    ],
)
def test_smooth_valves_cost_what_is_tabulated(width: float, error: dict[str, float]) -> None:
    loop = patient("A")

    def valve(u: float) -> float:
        z = min(max(u / width, 0.0), 1.0)
        return u * z**2 * (3 - 2 * z)

    smooth = limit_cycle(loop, periodic=False, valve=valve)
    found, exact = indices_of(smooth, loop.V0)._asdict(), numbers(loop)
    for name, value in error.items():
        assert float(found[name]) - exact[name] == pytest.approx(value, abs=0.012), name
