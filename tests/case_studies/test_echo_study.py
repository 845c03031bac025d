"""The echo study at a size that a test can afford: its parts keep their promises, and it runs to the end."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twin.case_studies import echo_study
from twin.case_studies.echo_patients import Plan, draw_patients
from twin.case_studies.echo_reader import LENGTH, chosen_frames
from twin.case_studies.echo_scores import area_under_curve

TINY = Plan(
    train=12, views=1, validation=6, test=4, cases=2, reader_steps=30, guide_steps=60,
    pressured=1, seed=3,
)  # fmt: skip


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("echo")


@pytest.fixture(scope="module")
def summary(out: Path) -> dict[str, Any]:
    return echo_study.run(TINY, out)


def test_the_study_runs_to_the_end_and_says_on_what_it_was_validated(summary: dict[str, Any], out: Path) -> None:
    assert summary["validated_on"] == "phantoms only"
    assert json.loads((out / "study.json").read_text()) == json.loads(json.dumps(summary))
    assert (out / "echo.png").stat().st_size > 10_000
    for table in summary["volumes"].values():
        for row in table.values():
            assert np.isfinite(list(row.values())).all()
            assert row["width90"] > 0
    assert sum(summary["rungs"].values()) == TINY.test
    assert set(summary["contraction"]) == set(summary["parameter_coverage90"]) | {"delay"}


def test_a_video_says_nothing_of_the_level_of_impedances(summary: dict[str, Any]) -> None:
    assert abs(summary["impedance_contraction"]) < 10.0  # the truncated prior is not quite log-normal


def test_what_is_finished_is_not_done_again_and_another_plan_is_refused(summary: dict[str, Any], out: Path) -> None:
    before = (out / "phantoms" / "FileList.csv").stat().st_mtime_ns
    truths = echo_study.folders(TINY, out)
    assert (out / "phantoms" / "FileList.csv").stat().st_mtime_ns == before
    assert len(truths) == TINY.train + TINY.validation + TINY.test + 2 * TINY.cases
    with pytest.raises(ValueError, match="made by another plan"):
        echo_study.folders(Plan(seed=99), out)


def test_a_training_clip_holds_both_traced_frames_where_it_says_so() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        diastole, systole = rng.choice(80, size=2, replace=False).tolist()
        frames, places = chosen_frames(diastole, systole, 80, rng)
        assert frames.shape == (LENGTH,)
        assert (frames.min() >= 0) & (frames.max() < 80)
        assert frames[places].tolist() == [diastole, systole]


def test_patients_with_a_held_parameter_differ_in_nothing_else() -> None:
    healthy, stenotic = (draw_patients(3, 5, Rm=value) for value in (0.006, 0.1))
    differs = np.any(healthy.theta != stenotic.theta, axis=0)
    assert differs.sum() == 1
    assert np.all(healthy.volume.max(axis=1) > stenotic.volume.max(axis=1))  # less filling


def test_the_area_under_the_curve_is_the_share_of_pairs_in_order() -> None:
    rng = np.random.default_rng(0)
    healthy, ill = rng.integers(0, 9, 20).astype(float), rng.integers(2, 11, 30).astype(float)
    pairs = ill[:, None] - healthy
    assert area_under_curve(healthy, ill) == pytest.approx(np.mean(pairs > 0) + 0.5 * np.mean(pairs == 0))
