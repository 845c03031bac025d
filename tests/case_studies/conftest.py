"""The command line, run in this process."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

import pandas as pd
import pytest

from twin.case_studies import cli, demonstration
from twin.case_studies.console import Exit

SHIPPED = Path(demonstration.__file__).parent / "data" / demonstration.EXAMPLES["battery"].file


class Ran(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


Twin = Callable[..., Ran]


@pytest.fixture
def twin(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Twin]:
    """``twin("calibrate", …)`` as a shell would run it; a traceback counts as a failure of the test."""

    def stop(code: Exit) -> NoReturn:
        raise SystemExit(int(code))

    monkeypatch.setattr(cli, "leave", stop)

    def run(*arguments: str | Path) -> Ran:
        monkeypatch.setattr("sys.argv", ["twin", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main()
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return Ran(int(end.value.code or 0), printed.out, printed.err)

    yield run


@pytest.fixture
def cell(tmp_path: Path) -> pd.DataFrame:
    """The shipped 0.2C discharge, thinned, as a frame to spoil."""
    table = pd.read_csv(SHIPPED)
    slow = table[(table["c_rate"] == 0.2) & (table["step"] == "discharge")]
    return slow.iloc[::6].drop(columns=["step", "c_rate"]).reset_index(drop=True)
