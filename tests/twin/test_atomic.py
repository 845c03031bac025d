from pathlib import Path

import pytest

from twin.atomic import replaced, replaced_folder, require_writable


def test_a_result_replaces_the_old_one_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "new" / "result.txt"
    with replaced(path) as aside:
        aside.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_write_leaves_the_old_result_and_nothing_else(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "result.txt"
    path.write_text("old")

    def interrupted() -> None:
        with replaced(path) as aside:
            aside.write_text("half")
            raise error

    with pytest.raises(error):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_replaces_the_old_one_whole(tmp_path: Path) -> None:
    path = tmp_path / "result"
    path.mkdir()
    (path / "stale").write_text("old")
    with replaced_folder(path) as aside:
        (aside / "fresh").write_text("new")
        assert (path / "stale").exists()
    assert [p.name for p in path.iterdir()] == ["fresh"]
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_folder_leaves_the_old_one_and_nothing_else(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "result"
    path.mkdir()
    (path / "kept").write_text("old")

    def interrupted() -> None:
        with replaced_folder(path) as aside:
            (aside / "half").write_text("new")
            raise error

    with pytest.raises(error):
        interrupted()
    assert [p.name for p in path.iterdir()] == ["kept"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"cannot write here .*choose another --out"):
        require_writable(tmp_path / "file" / "below")


def test_asking_whether_a_place_can_be_written_leaves_nothing_there(tmp_path: Path) -> None:
    require_writable(tmp_path / "new" / "below")
    assert list(tmp_path.iterdir()) == []
