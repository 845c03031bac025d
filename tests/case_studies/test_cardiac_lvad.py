"""The trial of an assist pump: flow rises while the volume's swing says that it falls."""

import pytest

from tests.models.cardiac.anchors import patient
from twin.case_studies.cardiac_lvad import FAILING, NUMBERS, Heart, assisted, numbers, table, trial

FLOW = NUMBERS.index("CO")


@pytest.fixture(scope="module")
def heart() -> Heart:
    loop = patient("D")
    alone = numbers(loop, None)
    assert alone is not None
    found = assisted(loop, alone)
    assert found is not None
    return found


def test_the_pump_carries_more_than_the_swing_of_the_volume_tells(heart: Heart) -> None:
    assert heart.speed < heart.suction
    assert heart.apparent[0] == pytest.approx(heart.before[FLOW], abs=0.01)
    assert heart.after[FLOW] > 1.5 * max(heart.before[FLOW], heart.apparent[1])


def test_the_table_pairs_each_heart_with_itself(heart: Heart) -> None:
    shown = table([heart, heart])
    difference = dict(zip(shown["number"], shown["difference"], strict=True))
    gain = heart.after[FLOW] - heart.before[FLOW]
    assert difference["total flow [L/min]"].startswith(f"{gain:.3g} ")
    assert difference["speed [rpm]"] == "-"


def test_only_failing_hearts_take_part() -> None:
    hearts, failed = trial(2, seed=0)
    assert len(hearts) == 2
    assert failed == 0
    edv, flow = NUMBERS.index("EDV"), NUMBERS.index("CO")
    assert all(100 * h.before[flow] / (0.06 * h.before[edv] * 75 / 60) < FAILING + 0.1 for h in hearts)
