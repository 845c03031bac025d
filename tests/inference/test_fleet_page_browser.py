"""The fleet's page in a real Chromium: it sorts, filters, drills down, and neither fetches nor runs what it should not.

Every page opened here must end without a message on the console and without a request but for its own file. A link
changes the address, and the browser tells the page a moment later: what follows is waited for (`expect`).
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from twin.case_studies.benchmarks.browser import browser, chromium
from twin.inference.fleet.page import write_fleet_page
from twin.inference.fleet.page_units import FleetAlarm, FleetLimit, FleetPage, FleetParameter, FleetUnit
from twin.inference.monitor.remaining import Remaining

Open = Callable[..., Page]
HOSTILE = (
    "</script><script>window.acted = 1</script>",
    '"><img src=x onerror="window.acted = 1">',
    "<!--<script>",
    'it\'s "quoted" & ampersand; &lt;b&gt;',
    "javascript:window.acted=1",
    "🔋 Zelle ünïcode ‮ rtl",
    "a#b=c&d?e/f%zz%41",
    "line\u2028separator",
    "${window.acted = 1} {{ 7 * 7 }}",
)


@pytest.fixture(scope="module")
def context() -> Iterator[BrowserContext]:
    executable = chromium()
    if executable is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    with browser(executable) as opened:
        yield opened


@pytest.fixture(scope="module")
def sheet(context: BrowserContext) -> Page:
    """One page for all tests: a page of its own for each takes a second."""
    page = context.new_page()
    page.set_default_timeout(20_000)
    expect.set_options(timeout=20_000)
    return page


@pytest.fixture
def open_page(sheet: Page, tmp_path: Path) -> Iterator[Open]:
    """Writes a fleet and opens it; what the page did that it should not have done fails the test."""
    heard: list[str] = []

    def opened(fleet: FleetPage, address: str = "") -> Page:
        path = tmp_path / "fleet.html"
        write_fleet_page(fleet, path)
        sheet.goto("about:blank")
        sheet.goto(path.as_uri() + address)
        return sheet

    listeners: dict[str, Callable[[Any], None]] = {
        "console": lambda message: heard.append(message.text),
        "pageerror": lambda error: heard.append(str(error)),
        "request": lambda request: heard.extend([] if request.url.startswith("file://") else [request.url]),
    }
    for event, listener in listeners.items():
        sheet.on(event, listener)  # type: ignore[call-overload]
    yield opened
    for event, listener in listeners.items():
        sheet.remove_listener(event, listener)
    assert heard == []


def unit(name: str, median: npt.ArrayLike, state: str = "well", **more: Any) -> FleetUnit:
    """A unit with medians (n, p) ± 0.5, windows 1 to n."""
    values = np.asarray(median, dtype=float)
    n = len(values)
    given = {"rungs": ("laplace",) * n, "verdicts": ("confirmed",) * n, "refusals": ("",) * n} | more
    return FleetUnit(name, state, np.arange(1.0, n + 1), values - 0.5, values, values + 0.5, **given)


def fleet_of(*units: FleetUnit) -> FleetPage:
    p = units[0].median.shape[1]
    parameters = tuple(FleetParameter(f"p{j}", "ohm", f"meaning {j}") for j in range(p))
    return FleetPage("Fleet", "model", "preset", "today", "day", parameters, units, "never", {"twincal": "0"})


def names(page: Page) -> list[str]:
    return [text.strip() for text in page.locator("#rows th").all_text_contents()]


def head(page: Page, title: str) -> Any:
    return page.locator("#heads th", has_text=title).get_by_role("button")


def test_sorting_orders_by_number_and_turns_round_with_missing_values_last(open_page: Open) -> None:
    values = {"u10": 9.0, "u9": 10.0, "u2": 100.0, "u1": -3.0, "none": np.nan}
    page = open_page(fleet_of(*(unit(name, [[v]]) for name, v in values.items())))
    rising = ["u1", "u10", "u9", "u2"]
    head(page, "p0").click()
    assert names(page) == [*rising, "none"]
    assert page.locator("#heads th", has_text="p0").get_attribute("aria-sort") == "ascending"
    head(page, "p0").click()
    assert names(page) == [*rising[::-1], "none"]
    assert page.locator("[aria-sort=descending]").count() == 1
    head(page, "Unit").click()
    assert names(page) == ["none", "u1", "u2", "u9", "u10"]


def test_urgent_units_come_first_and_never_is_longer_than_any_life(open_page: Open) -> None:
    def limited(beyond: float, middle: float) -> dict[str, Any]:
        life = Remaining(1.0, middle, np.inf, 0.5)
        return {"limits": (FleetLimit("p0", 1.0, falls=True, beyond=beyond, remaining=life),)}

    page = open_page(
        fleet_of(
            unit("fine", [[1.0]], "well", **limited(0.1, np.inf)),
            unit("worse", [[1.0]], "alarm", **limited(0.2, 90.0)),
            unit("worst", [[1.0]], "alarm", **limited(0.9, 100.0)),
            unit("unknown", [[1.0]], "watch"),
        )
    )
    assert names(page) == ["worst", "worse", "unknown", "fine"]
    head(page, "Life").click()
    assert names(page) == ["worse", "worst", "fine", "unknown"]
    head(page, "P(beyond)").click()
    assert names(page) == ["worst", "worse", "fine", "unknown"]


def test_filters_show_exactly_the_matching_units_and_say_how_many(open_page: Open) -> None:
    states = ("alarm", "watch", "well")
    page = open_page(fleet_of(*(unit(f"Cell-{i}", [[1.0]], states[i % 3]) for i in range(30))))
    assert page.locator("#shown").inner_text() == "30 of 30 units"
    page.fill("#text", "cELL-1")
    assert set(names(page)) == {"Cell-1", *(f"Cell-{i}" for i in range(10, 20))}
    page.get_by_role("button", name="watch").click()
    assert set(names(page)) == {f"Cell-{i}" for i in (1, *range(10, 20)) if i % 3 == 1}
    assert page.locator("#shown").inner_text() == "5 of 30 units"
    page.fill("#text", "")
    page.get_by_role("button", name="alarm").click()
    assert set(names(page)) == {f"Cell-{i}" for i in range(30) if i % 3 < 2}
    page.fill("#text", "no such")
    assert names(page) == []
    assert page.locator("#shown").inner_text() == "0 of 30 units"


def test_a_unit_opens_with_its_own_numbers_limits_alarms_and_refusals(open_page: Open) -> None:
    refused = ("", "too few rows", "")
    limit = FleetLimit("p1", 70.0, falls=False, beyond=0.42, remaining=Remaining(3.0, 8.0, np.inf, 0.9))
    alarm = FleetAlarm(3.0, "change", "p0", 2.0, 0.87)
    page = open_page(
        fleet_of(
            unit("other", [[11.0, 22.0]] * 3),
            unit("mine", [[33.25, 44.0], [np.nan, np.nan], [55.75, 66.0]], "alarm", limits=(limit,), alarms=(alarm,),
                 refusals=refused),
        )
    )  # fmt: skip
    page.locator("#rows tr", has_text="mine").locator("td").nth(3).click()
    expect(page.locator("#overview")).to_be_hidden()
    expect(page.locator("#unit h1")).to_have_text("mine")
    text = page.locator("#unit").inner_text()
    for told in ("33.25 [32.75, 33.75]", "55.75 [55.25, 56.25]", "66.00 [65.50, 66.50]", "p1 > 70 ohm", "42 %",
                 "3 to never", "90 %", "87 %", "too few rows", "confirmed"):  # fmt: skip
        assert told in text, told
    assert "11.00" not in text
    assert page.locator("#unit figure").count() == 2
    assert page.locator("#unit figure").nth(0).locator(".raised").count() == 1
    assert page.locator("#unit figure").nth(1).locator(".limit").count() == 1
    assert page.locator("#unit figure").nth(0).locator("path.median").get_attribute("d").count("M") == 2  # type: ignore[union-attr]
    page.click("#back")
    expect(page.locator("#overview")).to_be_visible()
    assert set(names(page)) == {"other", "mine"}


def test_the_address_opens_a_unit_survives_reload_and_goes_back(open_page: Open) -> None:
    page = open_page(fleet_of(unit("a", [[1.0]]), unit("b", [[2.0]])), "#unit=b")
    expect(page.locator("#unit h1")).to_have_text("b")
    page.reload()
    expect(page.locator("#unit h1")).to_have_text("b")
    page.get_by_role("link", name="Previous unit").click()
    expect(page.locator("#unit h1")).to_have_text("a")
    page.go_back()
    expect(page.locator("#unit h1")).to_have_text("b")
    page.evaluate("location.hash = '#unit=gone'")
    page.locator("#overview").wait_for(state="visible")
    expect(page.locator("#shown")).to_have_text("There is no unit named gone.")


def test_hostile_names_are_text_and_each_opens_by_its_link_and_its_address(open_page: Open) -> None:
    units = [
        unit(name, [[float(i + 1)]], "alarm", alarms=(FleetAlarm(1.0, name, "p0", 1.0, 0.5),), rungs=(name,))
        for i, name in enumerate(HOSTILE)
    ]
    page = open_page(fleet_of(*units))
    shown = page.locator("#rows th bdi").all_text_contents()
    assert sorted(shown) == sorted(HOSTILE)
    click = "i => document.querySelectorAll('#rows a')[i].click()"
    told = "['h1', '.windows'].map((part) => document.querySelector('#unit ' + part)?.textContent)"
    for i, name in enumerate(HOSTILE):
        page.evaluate(click, shown.index(name))
        page.wait_for_function("!document.getElementById('unit').hidden")
        heading, windows = page.evaluate(told)
        assert heading == name
        assert f"{i + 1}.00 [" in windows
        address = page.evaluate("location.hash")
        page.evaluate("location.hash = ''")
        page.wait_for_function("document.getElementById('unit').hidden")
        page.evaluate("hash => { location.hash = hash; }", address)
        page.wait_for_function("!document.getElementById('unit').hidden")
        assert page.evaluate(told)[0] == name
        page.evaluate("location.hash = ''")
        page.wait_for_function("document.getElementById('unit').hidden")
    first = page.locator(".alarms a").first.text_content()
    page.locator(".alarms a").first.click()
    page.locator("#unit").wait_for(state="visible")
    assert page.locator("#unit h1").text_content() == first
    assert page.evaluate("window.acted") is None
    assert page.evaluate("document.images.length + document.scripts.length") == 2


def test_a_blank_name_can_be_pressed(open_page: Open) -> None:
    page = open_page(fleet_of(unit(" ", [[1.0]])))
    page.locator("#rows a").click()
    expect(page.locator("#unit h1")).to_have_text("(blank)")


def test_no_script_but_its_own_acts(context: BrowserContext, tmp_path: Path) -> None:
    path = tmp_path / "fleet.html"
    write_fleet_page(fleet_of(unit("a", [[1.0]])), path)
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace(
            "<main", '<img src="http://x.invalid/" onerror="window.acted = 1"><script>window.acted = 2</script><main', 1
        )
    )
    page = context.new_page()
    blocked: list[str] = []
    page.on("console", lambda message: blocked.append(message.text))
    page.goto(path.as_uri())
    assert names(page) == ["a"]
    assert page.evaluate("window.acted") is None
    assert len(blocked) >= 2
    page.close()


def test_the_page_is_used_without_a_mouse(open_page: Open) -> None:
    page = open_page(fleet_of(*(unit(f"u{i}", [[float(-i)]]) for i in range(5))))
    page.focus("#text")
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "State"
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert names(page) == ["u4", "u3", "u2", "u1", "u0"]
    page.locator("#rows a").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.locator("#unit").wait_for(state="visible")
    assert page.evaluate("document.activeElement.textContent") == "u3"
    page.keyboard.press("Escape")
    page.locator("#overview").wait_for(state="visible")
    assert page.evaluate("document.activeElement.textContent") == "u3"


def test_ten_thousand_units_open_sort_and_turn_pages(open_page: Open) -> None:
    rng = np.random.default_rng(0)
    level = rng.permutation(10_000) / 8.0
    units = (unit(f"unit-{i}", level[i] + np.arange(6)[:, None] + 100.0 * np.arange(5)) for i in range(10_000))
    page = open_page(fleet_of(*units))
    assert page.locator("#shown").inner_text() == "10,000 of 10,000 units"
    order = np.argsort(level)
    head(page, "p3").click()
    assert names(page) == [f"unit-{i}" for i in order[:50]]
    page.click("#after")
    assert names(page) == [f"unit-{i}" for i in order[50:100]]
    page.fill("#text", "unit-9999")
    assert names(page) == ["unit-9999"]
    page.locator("#rows a").click()
    assert f"{level[9999] + 305:.2f} [" in page.locator("#unit .windows").inner_text()


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_stands_wider_than_the_screen(open_page: Open, width: int) -> None:
    page = open_page(fleet_of(*(unit(f"u{i}", [[1.0] * 5] * 9) for i in range(3)), unit("x" * 300, [[1.0] * 5])))
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate("location.hash = '#unit=u1'")
    page.locator("#unit").wait_for(state="visible")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    drawn = page.locator("#unit figure svg").first.bounding_box()
    assert drawn is not None
    assert drawn["x"] + drawn["width"] <= width
