"""What is said of a fleet follows from its histories: states, alarms in its unit of time, figures by their names."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from twin.case_studies.fleet_outputs import Findings, lines_of, log_alarms, state_of, summary_of
from twin.case_studies.fleet_view import page_of
from twin.inference.fleet.page_units import require_fleet
from twin.inference.fleet.record import ACCEPTED, Record, refusal
from twin.inference.fleet.watch import UnitHistory, Watched, history_of
from twin.inference.monitor.monitor import Monitor
from twin.inference.monitor.record import Rules
from twin.inference.monitor.self_starting import SelfStarting
from twin.priors import LogNormal, Normal
from twin.space import Floats, Parameter, Space

WHOLE = Space(
    (
        Parameter("U", "V", Normal(3.7, 0.1), 3.7, "voltage", ""),
        Parameter("Q", "A*h", LogNormal(3.0, 1.0), 3.0, "capacity", ""),
        Parameter("R", "Ohm", LogNormal(0.05, 0.5), 0.05, "resistance", ""),
    )
)
BASELINE, PACE, BEGIN = 10, 24.0, 100.0
RULES = Rules({"Q": 0.9}, ceilings={"R": 0.1}, between=500.0, baseline=BASELINE, walk=1.0)
MONITOR = Monitor(Watched(WHOLE.without(("U",))), RULES, SelfStarting((False, False)))


def time(k: int) -> float:
    return BEGIN + PACE * k


def record(unit: str, k: int, log_q: float, sd: float = 0.01) -> Record:
    theta = WHOLE.nominal * [1.0, np.exp(log_q), 1.0]
    return Record(
        unit, time(k), "", ACCEPTED, "laplace", "", 0.1, 400.0, 80, theta, sd * theta,
        theta * (1.0 + 1.645 * sd * np.array([[-1.0], [0.0], [1.0]])), np.array([0.0, log_q, 0.0]),
        np.diag([0.1, sd, 0.1]) ** 2, np.empty((0, 3)),
    )  # fmt: skip


def history(unit: str, *changes: float, refused: int = 0) -> UnitHistory:
    """A baseline of a well unit, windows with these changes of log Q, and windows that were refused."""
    log_q = [0.01, -0.01] * (BASELINE // 2) + list(changes)
    records = [record(unit, k, q) for k, q in enumerate(log_q)]
    records += [refusal(unit, time(len(log_q) + k), "", 0, f"bad {k}", (0, 3)) for k in range(refused)]
    return history_of(MONITOR, unit, records, [1, 2])


def found(*histories: UnitHistory) -> Findings:
    masked = {(h.unit, at): n for h in histories for at, n in zip(h.times.tolist(), (2, 1), strict=False)}
    return Findings(MONITOR, WHOLE.names, histories, masked, "h")


@pytest.mark.parametrize(
    ("state", "changes"),
    [
        ("well", [0.0] * 5),
        ("alarm", [-0.2] * 4),
        ("alarm", [-0.08] * (4 + BASELINE - 1)),
        ("well", [-0.08] * (4 + BASELINE)),
        ("alarm", [-0.2] * 3 + [-0.109] * (BASELINE + 10)),
        ("watch", [-0.109]),
        ("refused", [0.0] * 5),
    ],
)
def test_a_unit_is_in_the_state_that_its_last_windows_say(state: str, changes: list[float]) -> None:
    assert state_of(MONITOR, history("a", *changes, refused=int(state == "refused"))) == state


def test_a_unit_without_a_baseline_is_learning_and_one_without_windows_is_refused() -> None:
    learning = history_of(MONITOR, "a", [record("a", k, 0.0) for k in range(BASELINE - 1)], [1, 2])
    assert state_of(MONITOR, learning) == "learning"
    stray = replace(refusal("a", 0.0, "", 0, "belongs nowhere", (0, 3)), time=None)
    nothing = history_of(MONITOR, "a", [stray], [1, 2])
    assert state_of(MONITOR, nothing) == "refused"
    assert summary_of(found(learning, replace(nothing, unit="b")))["fleet"]["b"]["last_refusal"] == "belongs nowhere"


def test_alarms_are_told_in_the_fleets_time_by_time_with_the_rule_they_broke() -> None:
    lines = lines_of(found(history("b", *[-0.2] * 4), history("a", *[0.0] * 4, *[-0.2] * 4)))
    assert [(line["unit"], line["time"]) for line in lines] == sorted(
        ((line["unit"], line["time"]) for line in lines), key=lambda pair: (pair[1], pair[0])
    )
    change = next(line for line in lines if line["kind"] == "change" and line["unit"] == "b")
    assert (change["time"], change["since"], change["parameter"]) == (time(13), time(10), "Q")
    assert change["rule"] == "a change of any watched parameter, false once in 500 windows of a unit"
    limit = next(line for line in lines if line["kind"] == "limit" and line["unit"] == "a")
    assert limit["time"] == limit["since"] == time(16)
    assert limit["rule"] == "P(Q < 0.9 baseline) > 0.95 in 3 windows"
    assert limit["probability"] > 0.95


def test_the_log_takes_each_alarm_once_and_refuses_what_is_none(tmp_path: Path) -> None:
    path, one = tmp_path / "alarms.jsonl", {"unit": "a", "time": 1.5, "kind": "limit", "parameter": "Q"}
    others = [one | {"parameter": "R"}, one | {"time": 2.5}, one | {"kind": "change"}, one | {"unit": "b"}]
    assert log_alarms(path, [one]) == [one]
    assert log_alarms(path, [one | {"probability": 0.9}, *others]) == others
    assert log_alarms(path, [one, *others]) == []
    assert len(path.read_text().splitlines()) == 5
    for text in ("hello", "[]", '{"unit": "a"}'):
        path.write_text(path.read_text() + text + "\n")
        with pytest.raises(ValueError, match=r"alarms.jsonl, line 6: expected an alarm, got .*; remove the line"):
            log_alarms(path, [])
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


def test_a_summary_has_the_last_good_posterior_by_name_and_counts_what_was_left_out() -> None:
    findings = found(history("a", *[-0.002 * k for k in range(20)], refused=2), history("b"))
    summary = summary_of(findings)
    unit = summary["fleet"]["a"]
    assert set(unit["parameters"]) == {"Q", "R"}
    for name, nominal in (("Q", 3.0 * np.exp(-0.038)), ("R", 0.05)):
        figures = unit["parameters"][name]
        assert figures["unit"] == WHOLE[name].unit
        assert figures["mean"] == figures["q50"] == pytest.approx(nominal)
        assert figures["q05"] == pytest.approx(nominal * (1 - 0.01645))
        assert figures["q95"] == pytest.approx(nominal * (1 + 0.01645))
    assert (unit["windows"], unit["refused"], unit["last_refusal"], unit["time"]) == (32, 2, "bad 1", time(31))
    assert (unit["masked_rows"], summary["masked_rows"]) == (3, 6)
    assert summary["windows"] == {"accepted": 40, "not trustworthy": 0, "refused": 2}
    assert summary["states"]["refused"] == 1
    own, left = MONITOR.outlook(findings.histories[0].state), unit["remaining"]["Q"]
    assert left["reached"] == own["Q"].reached
    expected = [PACE * q if np.isfinite(q) else None for q in (own["Q"].q05, own["Q"].q50, own["Q"].q95)]
    assert [left["q05"], left["q50"], left["q95"]] == expected
    assert any(value is not None for value in expected)


def test_a_page_shows_each_parameter_its_bands_and_limits() -> None:
    page = page_of(found(history("a", *[-0.2] * 4), history("b", refused=1)), "t", "m", "p")
    require_fleet(page)
    assert [p.name for p in page.parameters] == ["Q", "R"]
    first, second = page.units
    expected: Floats = np.array([3.0 * np.exp(-0.2), 0.05])
    np.testing.assert_allclose(first.median[-1], expected)
    np.testing.assert_allclose(first.low[-1], expected * (1 - 0.01645))
    np.testing.assert_allclose(first.high[-1], expected * (1 + 0.01645))
    assert [(limit.parameter, limit.falls) for limit in first.limits] == [("Q", True), ("R", False)]
    np.testing.assert_allclose([limit.value for limit in first.limits], [2.7, 0.1], rtol=0.01)
    assert first.limits[0].beyond > 0.95
    assert {(a.kind, a.time, a.since) for a in first.alarms} == {
        ("limit", time(12), time(12)),
        ("change", time(13), time(10)),
    }
    assert second.refusals[-1] == "bad 0"
    assert np.isnan(second.median[-1]).all()
    assert "6 rows of 4 windows" in page.notes[0]
