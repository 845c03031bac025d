"""Bad input at the command line: one message, exit code 2, nothing written."""

import gzip
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from twin.case_studies import cli
from twin.case_studies.demonstration import EXAMPLES

EXAMPLE = Path(cli.__file__).parent / "data" / EXAMPLES["battery"].file
TEXT = EXAMPLE.read_text()
CUT = ("--preset", "kin4", "--select", "step=discharge", "--by", "c_rate", "--out", "new/out")
CALIBRATE = ("calibrate", "battery_spm", "table.csv", *CUT)
MONITOR = ("monitor", "battery_spm", "table.csv", "--unit", "step", "--time", "c_rate", "--out", "new/fleet")
TRAIN = ("train", "battery_spm", "--preset", "pinnstripes2", "--out")

Refused = Callable[..., str]


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refused:
    """Runs ``twin`` in an empty folder with a good table; the message, after the laws of a refusal are checked."""

    def leave(code: int) -> NoReturn:
        raise SystemExit(int(code))

    monkeypatch.setattr(cli, "leave", leave)
    monkeypatch.chdir(tmp_path)
    Path("table.csv").write_text(TEXT)

    def run(*words: str) -> str:
        before = sorted(tmp_path.rglob("*"))
        monkeypatch.setattr(sys, "argv", ["twin", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        message = capsys.readouterr().err
        assert ended.value.code == 2, message
        assert message.count("error:") == 1
        assert "Traceback" not in message
        assert sorted(tmp_path.rglob("*")) == before
        return message

    return run


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("voltage_V", "voltge_V", ("did you mean 'voltge_V'",)),
        ("voltage_V", "voltage_Vlt", ("'Vlt' cannot be read",)),
        ("time_s", "time [V]", ("'V' cannot be converted to 's'",)),
        ("161.0", "5.0", ("line 4, column time_s", "a step back")),
        ("4.0771", "nan", ("line 4, column voltage_V", "'nan'")),
        ("4.0771", "abc", ("line 4, column voltage_V", "'abc'")),
        ("4.0771", "", ("line 4, column voltage_V", "blank")),
        (",1.0,", ",-1.0,", ("positive on discharge", "Change the sign")),
        (",1.0,", ",100.0,", ("c_rate = 20", "[-2, 2.5]")),
        ("4.18", "5.18", ("start_voltage = 5.18 V", "[3, 4.25] V")),
    ],
)
def test_a_wrong_table_is_refused_with_file_and_place(
    refused: Refused, old: str, new: str, words: tuple[str, ...]
) -> None:
    many = -1 if old in (",1.0,", "4.18") else 1
    Path("table.csv").write_text(TEXT.replace(old, new, many))
    message = refused(*CALIBRATE)
    assert "table.csv" in message
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", TEXT.splitlines()[0].encode(), "no row of measurements"),
        ("a.csv", "\n".join(TEXT.splitlines()[:3]).encode(), "expected at least 2"),
        ("a.csv", gzip.compress(TEXT.encode()), "promises text"),
        ("a.csv.gz", TEXT.encode(), "promises gzip"),
        ("a.csv.gz", gzip.compress(TEXT.encode())[:500], "damaged gzip"),
        ("a.parquet", TEXT.encode(), "promises Parquet"),
        ("a.csv", b"PK\x03\x04" + bytes(50), "Excel workbook"),
        ("a.csv", b"\x80\x04\x95" + bytes(50), "not UTF-8"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(
    refused: Refused, name: str, content: bytes, word: str
) -> None:
    Path(name).write_bytes(content)
    assert word in refused("calibrate", "battery_spm", name, *CUT)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--preset", "kin5"), "did you mean 'kin4'"),
        (("--sampler", "nutz"), "did you mean 'nuts'"),
        (("--noise", "gausian"), "did you mean 'gaussian'"),
        (("--fix", "sDq=1"), "known: sDn, sDp, si0n, si0p"),
        (("--fix", "sDn=-5"), "outside the valid range"),
        (("--fix", "sDn=1", "--fix", "sDp=1", "--fix", "si0n=1", "--fix", "si0p=1"), "every parameter is fixed"),
        (("--condition", "crate=1"), "did you mean 'c_rate'"),
        (("--condition", "temperature=warm"), "expected a number"),
        (("--condition", "temperature=25"), "[263.15, 333.15] K"),
        (("--select", "c_rate=7"), "takes the values 0.2, 1.0"),
        (("--by", "crate"), "did you mean 'c_rate'"),
        (("--discrepancy", "voltage=-1"), "greater than 0"),
        (("--discrepancy", "voltage=much"), "expected a number"),
        (("--discrepancy", "voltage=held-out"), "--hold-out"),
        (("--discrepancy", "volt=0.01"), "did you mean 'voltage'"),
        (("--orthogonal",), "add --discrepancy"),
        (("--by", "c_rate", "--hold-out", "5"), "there are 0.2, 1.0"),
        (("--by", "c_rate", "--hold-out", "0.2", "--hold-out", "1.0"), "none is left to fit"),
        (("--candidate", "crate=2"), "did you mean 'c_rate'"),
        (("--candidate", "c_rate=20"), "outside the valid range"),
        (("--candidate", "c_rate"), "expected name=value"),
        (("--surrogate-error", "plugin"), "did you mean 'plug-in'"),
        (("--verify", "5"), "at least 25 draws"),
        (("--verify", "-1"), "greater than or equal to 0"),
        (("--verify-seconds", "0"), "greater than 0"),
        (("--seed", "-1"), "greater than or equal to 0"),
        (("--surrogate", "none.safetensors"), "closed form"),
        (("--out", "table.csv"), "must be a folder"),
        (("--out", "table.csv/out"), "cannot write here"),
        (("--out", "/proc/x/out"), "cannot write here"),
    ],
)
def test_a_wrong_option_is_refused_and_the_right_ones_are_named(
    refused: Refused, options: tuple[str, ...], word: str
) -> None:
    assert word in refused(*CALIBRATE, *options)


@pytest.mark.parametrize(
    ("words", "word"),
    [
        ((), "twin --help"),
        (("calibrate",), "model is not given"),
        (("calibrat",), "No such command"),
        (("models", "--jsn"), "--json"),
        (("models", "battery"), "did you mean 'battery_spm'"),
        (("calibrate", "battery_spn", "table.csv", "--out", "new"), "did you mean 'battery_spm'"),
        (("check", "none.safetensors"), "no such file"),
        (("check", "table.csv"), "not a surrogate file"),
        (("report", "none.nc"), "no such file"),
        (("report", "table.csv"), "not a NetCDF file"),
        (("predict", "table.csv", "--set", "c_rate=1"), "not a NetCDF file"),
        (("data", "get", "lgm50_ocvv"), "did you mean 'lgm50_ocv'"),
        (("demo", "batery"), "did you mean 'battery'"),
        (("train", "battery_spm", "--preset", "soh6", "--out", "new/s"), "trainable presets: pinnstripes2"),
        ((*TRAIN, "new/s", "--mode", "phys"), "did you mean 'physics'"),
        ((*TRAIN, "new/s", "--solves", "50"), "--mode physics uses none"),
        ((*TRAIN, "new/s", "--device", "gpu"), "known: cpu, cuda"),
        ((*TRAIN, "."), "must be a file"),
        (("sbc", "battery_spn", "--out", "new"), "did you mean 'battery_spm'"),
        (("sbc", "battery_spm", "--n", "3", "--out", "new"), "at least 20 data sets"),
        (("sbc", "battery_spm", "--span", "2", "--out", "new"), "share of the experiment"),
        (("sbc", "battery_spm", "--points", "0", "--out", "new"), "at least 1 measured point"),
        (("sbc", "battery_spm", "--points", "1", "--out", "new"), "learn the error of voltage"),
        (("sbc", "battery_spm", "--measure", "volts", "--out", "new"), "no such observable"),
        (("sbc", "battery_spm", "--condition", "crate=1", "--out", "new"), "did you mean 'c_rate'"),
        (("sbc", "battery_spm", "--condition", "c_rate=9", "--out", "new"), "outside the valid range"),
        (("sbc", "battery_spm", "--surrogate-error", "non", "--out", "new"), "did you mean 'none'"),
        (("sbc", "battery_spm", "--out", "table.csv"), "must be a folder"),
        (("check", "table.csv", "--update"), "not a surrogate file"),
    ],
)
def test_a_wrong_command_is_refused(refused: Refused, words: tuple[str, ...], word: str) -> None:
    assert word in refused(*words)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--unit", "stp"), "did you mean 'step'"),
        (("--time", "crate"), "did you mean 'c_rate'"),
        (("--time", "step"), "none of"),
        (("--preset", "esoh5"), "did you mean 'esoh4'"),
        (("--baseline", "2"), "at least 3 windows"),
        (("--false-alarms", "1"), "at least 10 windows"),
        (("--false-alarms", "inf"), "at most 1e+09"),
        (("--workers", "2", "--scheduler", "tcp://localhost:1"), "give one of the two"),
        (("--resume",), "holds no run"),
        (("--watch", "x10"), "did you mean"),
        (("--wear", "x10"), "no such free parameter"),
        (("--limit", "x100"), "expected name=value"),
        (("--limit", "x100=1"), "other than 1"),
        (("--limit", "x100=80"), "a share of the unit's baseline"),
        (("--limit", "x100=-0.5"), "a share of the unit's baseline"),
        (("--limit", "x100=nan"), "a share of the unit's baseline"),
        (("--time-budget", "-1"), "expected seconds, 0 or more"),
        (("--surrogate", "no.safetensors"), "closed form and takes no surrogate"),
        (("--floor", "x100=wide"), "expected a number in 1"),
        (("--floor", "x100=3V"), "expected a number in 1"),
        (("--floor", "x100=7"), "lies between"),
        (("--limit", "x100=0.9", "--floor", "x100=0.5"), "one limit for x100, got 2"),
        (("--window", "0"), "greater than 0"),
        (("--noise", "gausian"), "did you mean 'gaussian'"),
        (("--out", "table.csv"), "must be a folder"),
    ],
)
def test_a_wrong_option_of_a_monitor_is_refused(refused: Refused, options: tuple[str, ...], word: str) -> None:
    assert word in refused(*MONITOR, "--preset", "esoh4", *options)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b'modl = "battery_spm"', "did you mean 'model'"),
        (b"hello =", "not TOML"),
        (b"\xff", "not TOML"),
        (b'model = 3\ndata = ["table.csv"]\nout = "new"', "model: Input should be a valid string"),
    ],
)
def test_a_wrong_configuration_is_refused_by_its_name(refused: Refused, content: bytes, word: str) -> None:
    Path("study.toml").write_bytes(content)
    message = refused("calibrate", "--config", "study.toml")
    assert "study.toml" in message
    assert word in message


def test_a_fleet_without_pyarrow_is_told_what_to_install(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "find_spec", lambda name: None)
    assert "pip install 'twincal[parquet]'" in refused(*MONITOR)
