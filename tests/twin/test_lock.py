"""A folder that one run holds is refused to others, and a run that is killed holds nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from twin.lock import sole_writer

HOLDER = """
import sys, time
from pathlib import Path
from twin.lock import sole_writer
with sole_writer(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_folder_has_one_writer_at_a_time_until_the_writer_ends_or_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "run"
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == b"held"
        with pytest.raises(ValueError, match=r"run: another run is writing here; wait .*, or choose another folder"):
            sole_writer(folder).__enter__()
        other.kill()
        other.wait()
    with sole_writer(folder), pytest.raises(ValueError, match="another run"), sole_writer(folder):
        pass
    with pytest.raises(KeyError), sole_writer(folder):
        raise KeyError
    with sole_writer(folder):
        assert [path.name for path in folder.iterdir()] == [".lock"]


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="cannot write here"), sole_writer(tmp_path / "file" / "run"):
        pass
