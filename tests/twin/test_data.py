import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from twin import data
from twin.data_set import DataSet
from twin.table import read_table


@pytest.mark.parametrize("entry", data.CATALOGUE, ids=lambda entry: entry.name)
def test_the_catalogue_describes_the_files_there_are(entry: DataSet, data_file: Callable[[str], Path]) -> None:
    path = data_file(entry.file)
    table = read_table(path)
    assert data.get_data(entry) == path
    assert (table.sha256, len(table)) == (entry.sha256, entry.rows)
    assert ", ".join(table.header) == re.sub(r" \(.*?\)", "", entry.columns)


def test_every_data_set_has_a_licence_a_citation_and_an_origin() -> None:
    for entry in data.CATALOGUE:
        assert all((entry.title, entry.licence, entry.citation, entry.made))
        assert re.search(r"repository [\w.-]+/[\w.-]+, commit [0-9a-f]{40}, \S", entry.origin)
        assert re.fullmatch(r"[0-9a-f]{64}", entry.sha256)
    names = [entry.name for entry in data.CATALOGUE]
    assert len(set(names)) == len(names)


def test_the_chosen_folder_is_the_only_one_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWIN_DATA", str(tmp_path))
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.csv").write_text("x\n1\n")
    assert data.find_data("a/b.csv") == tmp_path / "a" / "b.csv"
    with pytest.raises(data.DataNotFoundError, match=f"battery/none.csv not found in {tmp_path}; set TWIN_DATA"):
        data.find_data("battery/none.csv")


def test_the_folder_beside_the_checkout_comes_before_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TWIN_DATA", raising=False)
    beside, cache = data.data_folders()
    assert beside.parts[-2:] == ("shared", "data")
    assert "twincal" in cache.parts


def test_a_missing_set_says_where_to_put_it_and_by_which_hash_it_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWIN_DATA", str(tmp_path))
    for entry in data.CATALOGUE:
        with pytest.raises(data.DataNotFoundError) as caught:
            data.get_data(entry)
        for part in (str(tmp_path / entry.file), entry.sha256, entry.licence, entry.origin):
            assert part in str(caught.value)


def test_a_file_of_another_content_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWIN_DATA", str(tmp_path))
    (tmp_path / "x.csv").write_text("a\n1\n")
    entry = replace(data.CATALOGUE[0], file="x.csv")
    with pytest.raises(ValueError, match="expected SHA-256"):
        data.get_data(entry)
    known = hashlib.sha256(b"a\n1\n").hexdigest()
    assert data.get_data(replace(entry, sha256=known)) == tmp_path / "x.csv"


def test_a_misspelt_data_set_names_the_nearest() -> None:
    with pytest.raises(ValueError, match="no data set 'lgm50_pulse'; did you mean 'lgm50_pulses'"):
        data.data_set("lgm50_pulse")
