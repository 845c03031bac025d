"""Heart beats as a fleet and as a stream: no beat is lost, and alarms and predictions are weighed rightly."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from twin.case_studies import icu_alarms, icu_fleet, icu_stream
from twin.case_studies.cardiac_icu import RECORDS, shared_likelihood
from twin.case_studies.fleet_charts import charts
from twin.case_studies.fleet_outputs import Findings
from twin.inference.fleet.record import ACCEPTED, Record
from twin.inference.fleet.watch import history_of
from twin.inference.stream.advance import Streaming
from twin.inference.stream.windows import windows
from twin.models.cardiac_decay import MODEL
from twin.space import Floats

NAMES = MODEL.space.names
BETWEEN, BASELINE = 500.0, 20


def beat(time: float, u: Floats, sd: float = 0.1) -> Record:
    """A posterior N(u, sd²) of the three parameters."""
    return Record(
        unit="patient",
        time=time,
        digest="",
        verdict=ACCEPTED,
        rung="laplace",
        reason="",
        khat=0.1,
        ess=400.0,
        readings=50,
        mean=u,
        sd=np.full(3, sd),
        quantiles=np.tile(u, (3, 1)),
        u_mean=u,
        u_covariance=sd**2 * np.eye(3),
        draws=np.empty((0, 3)),
    )


def scattered(count: int, seed: int) -> Floats:
    """Beats of a patient of whom nothing changes (count, 3)."""
    return 0.15 * np.random.default_rng(seed).standard_normal((count, 3))


def findings(values: Floats) -> Findings:
    monitor = charts(MODEL.space, icu_fleet.WATCHED, between=BETWEEN, baseline=BASELINE)
    history = history_of(monitor, "patient", [beat(0.8 * k, u) for k, u in enumerate(values)], range(3))
    return Findings(monitor, NAMES, (history,), {}, "s")


def test_every_beat_is_a_window_or_refused_with_a_reason(data_file: Callable[[str], Path]) -> None:
    recording = next(r for r in RECORDS if r.name == "041s")
    data_file(recording.file)
    one = icu_fleet.patient(recording)
    pieces = icu_fleet.pieces_of(one)
    assert len({piece.key for piece in pieces}) == len(pieces) == len(one.beats.all)
    assert {piece.unit for piece in pieces} == {"041s/1", "041s/2"}
    solved = {piece.key for piece in pieces if not piece.refused}
    assert solved == {(one.unit(d.beat), one.time(d.beat)) for d in one.decays}
    assert all(piece.refused.startswith(("artefact", "its diastole")) for piece in pieces if piece.key not in solved)


def test_a_few_beats_of_a_recording_are_the_same_windows_as_among_all(data_file: Callable[[str], Path]) -> None:
    recording = next(r for r in RECORDS if r.name == "041s")
    data_file(recording.file)
    few, all_ = (icu_fleet.patient(recording, most) for most in (5, None))
    digests = [[piece.digest for piece in icu_fleet.pieces_of(one)] for one in (few, all_)]
    assert digests[0] == digests[1][:5]
    assert icu_fleet.fleet_of(few).about == icu_fleet.fleet_of(all_).about


def test_in_random_order_alarms_come_at_the_stated_rate() -> None:
    found = findings(scattered(120, 0))
    law = icu_alarms.chance(found.monitor, NAMES, found.histories[0], 10)
    assert law is not None
    assert law.stated == pytest.approx(100 / BETWEEN)
    assert law.shuffled * 10 <= 8  # 2 are stated: more than 8 come once in 4000 times
    assert np.abs(law.memory).max() < 4 / np.sqrt(120)


def test_beats_that_follow_one_another_are_said_to() -> None:
    steps = scattered(120, 1)
    walked = np.array(steps)
    for k in range(1, len(walked)):
        walked[k] = 0.9 * walked[k - 1] + steps[k]
    found = findings(walked)
    law = icu_alarms.chance(found.monitor, NAMES, found.histories[0], 2)
    assert law is not None
    assert min(law.memory) > 0.7


def test_a_large_step_is_found_and_named_and_a_step_of_nothing_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    found = findings(scattered(100, 2))
    monkeypatch.setattr(icu_alarms, "STEPS", (("P_0", 0.3), ("P_0", 0.0)))
    large, none = icu_alarms.found_steps(found.monitor, NAMES, found.histories[0], 4)
    assert (large.found, large.right) == (4, 4)
    assert large.delay <= 5
    assert none.found <= 1


def test_an_alarm_is_weighed_by_what_stands_before_during_and_behind_it() -> None:
    values = scattered(80, 3)
    values[50:, 0] += 1.5
    found = findings(values)
    odd = {("patient", time): "" for time in found.histories[0].times.tolist()}
    late = found.histories[0].times[51]
    odd["patient", float(late)] = "irregular period"
    first = icu_alarms.weighed(found, odd)[0]
    assert first.parameter == "tau"
    assert first.since == pytest.approx(0.8 * 50, abs=1e-6)
    assert first.irregular == 1
    assert first.beats == round((first.time - first.since) / 0.8) + 1
    assert (first.before, first.during, first.after) == pytest.approx((0.0, 1.5, 1.5), abs=0.25)


def test_the_misfit_of_what_is_predicted_rightly_is_one() -> None:
    rng = np.random.default_rng(4)
    root = np.tril(rng.standard_normal((12, 12)))
    found = [
        icu_stream._misfit(root @ rng.standard_normal(12), np.cov(root @ rng.standard_normal((12, 60))), 60)
        for _ in range(400)
    ]
    assert np.mean(found) == pytest.approx(1.0, abs=4 * float(np.std(found)) / 20)


def test_carrying_a_steady_patient_makes_the_time_constant_narrower_and_keeps_the_truth() -> None:
    likelihood = shared_likelihood(0.12, 16, following=False)
    truth, rng = np.array([0.9, 40.0, 90.0]), np.random.default_rng(5)
    clean = MODEL(truth, np.array([1.8]), likelihood.experiments[0].x)
    y = clean + 0.5 * rng.standard_normal((6, 16, 1))
    beats = windows(likelihood, [float(k) for k in range(6)], [(y, np.ones(y.shape, dtype=bool))])
    settings = Streaming(likelihood, walk={"P_0": 0.2, "tau": 0.03, "P_inf": 0.03}, horizon=3, particles=256, seed=0)
    carried = icu_stream.carry(settings, beats)
    assert carried.refused == 0
    assert carried.sd[-1] < 0.75 * carried.sd[0]
    low, middle, high = np.log(carried.tau[-1] / truth[0])
    assert abs(middle) < 1.2 * (high - low)  # four standard deviations
    assert carried.covered[1:].mean() > 0.7
    assert 0.4 < carried.misfit[1:].mean() < 2.0
