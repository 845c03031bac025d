"""The 24 cells are read as they are, and a missing file ends the study with one line."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from twin.case_studies import pulse_cells
from twin.data import DataNotFoundError


def test_six_cells_of_each_temperature_are_read(data_file: Callable[[str], Path]) -> None:
    path = data_file(pulse_cells.FILE)
    cells = pulse_cells.cells_of(path, "0.5", ())
    assert Counter(cells.temperatures) == dict.fromkeys(pulse_cells.TEMPERATURES, 6)
    assert sorted(map(int, cells.names)) == list(range(1, 25))
    currents = np.array([e.conditions["current"] for e in cells.experiments])
    cold = np.array(cells.temperatures) == "0"
    np.testing.assert_allclose(currents, np.where(cold, 2.5, 7.5), rtol=0.01)
    fewer = pulse_cells.cells_of(path, "0.5", ("9",))
    assert set(cells.names) - set(fewer.names) == {"9"}


def test_without_the_file_the_study_says_so_and_ends(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(name: str) -> Path:
        raise DataNotFoundError(f"no file {name}")

    monkeypatch.setattr(pulse_cells, "find_data", missing)
    monkeypatch.setattr("sys.argv", ["pulse_cells", "--out", str(tmp_path / "out")])
    pulse_cells.main()
    assert f"not run: no file {pulse_cells.FILE}" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()
