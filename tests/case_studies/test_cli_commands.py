"""The commands from end to end: what they write, print and return."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from twin.case_studies import cli
from twin.case_studies.demonstration import EXAMPLES

EXAMPLE = Path(cli.__file__).parent / "data" / EXAMPLES["battery"].file
LAPLACE = (
    "--preset",
    "esoh4",
    "--sampler",
    "laplace",
    "--select",
    "step=discharge",
    "--select",
    "c_rate=0.2",
    "--json",
)

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def twin(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Exit code, standard output and standard error of ``twin`` in this process."""

    def leave(code: int) -> NoReturn:
        raise SystemExit(int(code))

    monkeypatch.setattr(cli, "leave", leave)

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["twin", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert isinstance(ended.value.code, int)
        return ended.value.code, *capsys.readouterr()

    return run


def _summary(folder: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return {key: value for key, value in summary.items() if key != "seconds"}


def test_a_failed_check_is_written_and_told_by_the_exit_code_and_a_seed_repeats_it(twin: Run, tmp_path: Path) -> None:
    for name in ("one", "two"):
        options = (*LAPLACE, "--fix", "y100=0.5", "--seed", 3, "--out", tmp_path / name)
        code, out, _ = twin("calibrate", "battery_spm", EXAMPLE, *options)
        summary = json.loads(out)
        assert code == (0 if all(check["pass"] for check in summary["checks"].values()) else 3)
        assert code == 3
    assert _summary(tmp_path / "one") == _summary(tmp_path / "two")
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == ["posterior.nc", "report.html", "summary.json"]

    posterior = tmp_path / "one" / "posterior.nc"
    assert twin("report", posterior, "--json")[0] == 3
    assert _summary(tmp_path / "one") == _summary(tmp_path / "two")

    code, out, _ = twin("predict", posterior, "--set", "c_rate=0.5", "--out", tmp_path / "p", "--json")
    assert code == 0
    assert json.loads(out)["changed"]["c_rate"] == 0.5
    for change, word in (("crate=1", "did you mean 'c_rate'"), ("c_rate=9", "[-2, 2.5]"), ("c_rate=x", "a number")):
        code, out, error = twin("predict", posterior, "--set", change, "--out", tmp_path / "q")
        assert (code, out, word in error) == (2, "", True)
    assert not (tmp_path / "q").exists()


@pytest.mark.parametrize(
    "words", [("models",), ("models", "battery_spm"), ("data", "list")], ids=lambda words: " ".join(words)
)
def test_json_is_all_that_is_printed(twin: Run, words: tuple[str, ...]) -> None:
    code, out, error = twin(*words, "--json")
    assert (code, error) == (0, "")
    assert json.loads(out)


@pytest.mark.parametrize("command", ["models", "demo", "calibrate", "train", "check", "monitor", "predict", "report"])
def test_help_shows_an_example(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["twin", command, "--help"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert f"Example: twin {command}" in capsys.readouterr().out


def test_an_exhausted_time_budget_keeps_the_older_result(twin: Run, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").write_text("kept")
    words = ("calibrate", "battery_spm", EXAMPLE, *LAPLACE, "--time-budget", 0.05, "--out", tmp_path / "out")
    code, out, error = twin(*words)
    assert (code, out) == (4, "")
    assert "time budget" in error
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "old"]


def test_control_c_ends_a_calibration_at_once_and_leaves_nothing(tmp_path: Path) -> None:
    # a shell that starts its jobs in the background lets them inherit that Ctrl-C is ignored
    heeded = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    main = heeded + "from twin.case_studies.cli import main; main()"
    words = ["calibrate", "battery_spm", str(EXAMPLE), "--select", "step=discharge", "--by", "c_rate"]
    command = [sys.executable, "-c", main, *words, "--sampler", "nuts", "--out", str(tmp_path / "out")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("sampling"):
                break
        time.sleep(1.0)
        begin = time.perf_counter()
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait() == 4, rest
        assert time.perf_counter() - begin < 5.0
    assert "stopped: by the user" in rest
    assert "Traceback" not in rest
    assert list(tmp_path.iterdir()) == []


def test_check_prints_the_error_table_of_the_interface(twin: Run) -> None:
    code, out, _ = twin("check", "battery_spm", "--preset", "esoh4", "--n", 2, "--json")
    table = json.loads(out)
    assert code == 0
    assert {"model", "mode", "n", "observables", "gradient", "cost", "reference"} <= set(table)
    assert set(table["observables"]["voltage"]) >= {"unit", "median", "p95", "p99", "max", "bias"}


def test_without_pybamm_check_says_which_extra_to_install(twin: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pybamm", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, package=None: None)
    code, out, error = twin("check", "battery_spm", "--preset", "esoh4", "--n", 2)
    assert (code, out) == (2, "")
    assert "twincal[battery]" in error
