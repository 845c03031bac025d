"""The fleet's page holds what its records hold, in few bytes, and nothing that could act."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twin.case_studies.fleet_demo_page import demo_page
from twin.inference.fleet import page_data as data_module
from twin.inference.fleet.page import render_fleet, source, write_fleet_page
from twin.inference.fleet.page_data import fleet_data, thinned
from twin.inference.fleet.page_units import FleetAlarm, FleetLimit, FleetPage, FleetParameter
from twin.inference.monitor.remaining import Remaining


@pytest.fixture(scope="module")
def fleet() -> FleetPage:
    return demo_page(units=12, windows=30)


def held(page: FleetPage) -> dict[str, Any]:
    """The data in a page, read as a browser reads it."""
    found = re.search(r'<script type="application/json" id="fleet">(.*?)</script>', render_fleet(page), re.DOTALL)
    assert found
    loaded: dict[str, Any] = json.loads(found[1])
    return loaded


def decoded(unit: Mapping[str, Any], key: str) -> np.ndarray:
    rows = [[np.nan if v is None else v for v in row] for row in unit[key]]
    return np.array(rows, dtype=float).T / 10.0 ** np.array(unit["decimals"])


def test_same_records_give_the_same_bytes() -> None:
    assert render_fleet(demo_page(units=5, windows=9)) == render_fleet(demo_page(units=5, windows=9))


def test_numbers_of_the_page_are_those_of_the_records_to_a_twentieth_of_their_interval(fleet: FleetPage) -> None:
    powers = np.array([0, 0, 0, 0, -14])
    for unit, shown in zip(fleet.units, held(fleet)["units"], strict=True):
        median = decoded(shown, "median") * 10.0**powers
        low = median - decoded(shown, "below") * 10.0**powers
        high = median + decoded(shown, "above") * 10.0**powers
        half = 0.5 * (unit.high - unit.low)
        for told, true in ((median, unit.median), (low, unit.low), (high, unit.high)):
            np.testing.assert_array_equal(np.isnan(told), np.isnan(true))
            assert np.nanmax(np.abs(told - true) / half) <= 0.05 + 1e-9


def test_a_power_of_ten_stands_with_the_unit_where_numbers_are_small(fleet: FleetPage) -> None:
    assert held(fleet)["parameters"][4]["unit"] == "×10⁻¹⁴ m2/s"
    assert held(fleet)["parameters"][0]["unit"] == "A h"


def test_every_window_has_its_own_rung_verdict_and_refusal(fleet: FleetPage) -> None:
    shown = held(fleet)
    for unit, entry in zip(fleet.units, shown["units"], strict=True):
        told = [tuple(shown["outcomes"][i]) for i in entry["outcomes"]]
        assert told == list(zip(unit.rungs, unit.verdicts, unit.refusals, strict=True))
        assert shown["times"][entry["times"]] == unit.time.tolist()
        assert entry["windows"] == len(unit.time)
        assert entry["refused"] == sum(map(bool, unit.refusals))


def test_never_and_not_known_are_told_apart(fleet: FleetPage) -> None:
    limits = (
        FleetLimit("Q", 1.4, falls=True, beyond=float("nan")),
        FleetLimit("D", 1e-14, falls=True, beyond=0.25, remaining=Remaining(30.0, np.inf, np.inf, 0.4)),
    )
    page = replace(fleet, units=(replace(fleet.units[0], limits=limits),))
    first, second = held(page)["units"][0]["limits"]
    assert first["beyond"] is None
    assert first["life"] is None
    assert second["life"] == [30, None, None, 0.4]
    assert second["value"] == 1


def test_windows_are_left_out_evenly_and_said_so(fleet: FleetPage, monkeypatch: pytest.MonkeyPatch) -> None:
    assert thinned(5, 9).tolist() == [0, 1, 2, 3, 4]
    assert thinned(101, 5).tolist() == [0, 25, 50, 75, 100]
    assert thinned(0, 5).tolist() == []
    monkeypatch.setattr(data_module, "MOST_CELLS", 12 * 5 * 15)
    shown = fleet_data(fleet)["units"][1]
    assert len(shown["median"][0]) == len(shown["outcomes"]) == 15
    assert shown["windows"] == 30
    assert "with more than 15 windows, 15 evenly spaced ones" in render_fleet(fleet)


def test_a_fleet_without_units_windows_or_numbers_has_a_page(fleet: FleetPage) -> None:
    assert held(replace(fleet, units=()))["units"] == []
    empty = np.empty((0, 5))
    none = replace(
        fleet.units[0], time=np.empty(0), low=empty, median=empty, high=empty, rungs=(), verdicts=(), refusals=()
    )
    blank = np.full_like(fleet.units[1].median, np.nan)
    unknown = replace(fleet.units[1], low=blank, median=blank, high=blank)
    first, second = held(replace(fleet, units=(none, unknown)))["units"]
    assert first["median"] == [[]] * 5
    assert second["median"] == [[None] * 30] * 5


def test_a_page_is_written_whole_or_not_at_all(fleet: FleetPage, tmp_path: Path) -> None:
    path = tmp_path / "fleet.html"
    write_fleet_page(fleet, path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="twice"):
        write_fleet_page(replace(fleet, units=(fleet.units[0], fleet.units[0])), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"state": "broken"}, "expected a state of alarm, watch"),
        ({"name": "\ud800"}, "UTF-8"),
        ({"low": np.zeros((30, 4))}, r"expected quantiles \(30, 5\)"),
        ({"rungs": ("laplace",)}, "expected 30 words"),
        ({"time": np.zeros(30)}, "times that increase"),
        ({"limits": (FleetLimit("X", 1.0, falls=True, beyond=0.1),)}, "unknown parameters"),
        ({"alarms": (FleetAlarm(5.0, "change", "Q", float("nan"), 0.9),)}, "finite times of its alarms"),
        ({"limits": (FleetLimit("Q", float("inf"), falls=True, beyond=0.1),)}, "expected numbers"),
        (
            {"limits": (FleetLimit("Q", 1.0, falls=True, beyond=0.1, remaining=Remaining(0.0, np.nan, 1.0, 1.0)),)},
            "give no life where it is not known",
        ),
    ],
)
def test_records_that_do_not_fit_together_are_refused(fleet: FleetPage, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        render_fleet(replace(fleet, units=(replace(fleet.units[0], **changes),)))


def test_texts_open_no_tag_wherever_they_stand(fleet: FleetPage) -> None:
    evil = "</script></noscript><img src=x onerror=alert(1)><!--"
    unit = replace(
        fleet.units[0],
        name=evil,
        refusals=(evil,) * 30,
        rungs=(evil,) * 30,
        alarms=(FleetAlarm(1.0, evil, evil, 0.5, 0.9),),
    )
    parameters = (FleetParameter(evil, evil, evil), *fleet.parameters[1:])
    page = replace(
        fleet, units=(replace(unit, limits=()),), title=evil, model=evil, preset=evil, made=evil, unit_of_time=evil,
        false_alarms=evil, versions={evil: evil}, notes=(evil,), parameters=parameters,
    )  # fmt: skip
    text = render_fleet(page)
    assert "<img" not in text
    assert text.count("</script>") == 2
    assert text.count("</noscript>") == 1


def test_without_scripts_there_is_a_plain_table_and_a_word_on_what_is_missing(fleet: FleetPage) -> None:
    found = re.search(r"<noscript>(.*?)</noscript>", render_fleet(fleet), re.DOTALL)
    assert found
    assert "runs no scripts" in found[1]
    assert all(f"<bdi>{unit.name}</bdi>" in found[1] for unit in fleet.units)


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2)."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * d for d in colour[1:])
    c = np.array([int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)])
    return float(np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_text_colour_stands_out_from_the_paper(scheme: int) -> None:
    block = re.findall(r":root \{(.*?)\}", source("fleet.css"), re.DOTALL)[scheme]
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]+)", block))
    paper = luminance(colours["paper"])
    for name in ("ink", "muted", "link", "blue", "alarm", "watch", "well", "learning", "refused", "limit"):
        bright, dim = sorted((luminance(colours[name]), paper), reverse=True)
        assert (bright + 0.05) / (dim + 0.05) >= 4.5, name
