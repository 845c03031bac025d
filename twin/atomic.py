"""Results that appear whole or not at all: written aside, then moved into place."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place if the block ends well, and is removed if not."""
    _make(path.parent)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replaced_folder(path: Path) -> Iterator[Path]:
    """The same for a folder; an older one at ``path`` stays until the new one is complete."""
    _make(path.parent)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        yield temporary
        temporary.chmod(0o755)
        old = temporary.with_name(temporary.name + ".old")
        if path.exists():
            path.replace(old)
        temporary.replace(path)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def require_writable(folder: Path) -> None:
    """ValueError if nothing can be written into ``folder``, or it cannot be made; leaves nothing behind."""
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    try:
        tempfile.TemporaryDirectory(dir=existing, prefix=".twin.").cleanup()
    except OSError as error:
        raise ValueError(f"{folder}: cannot write here ({existing}: {error.strerror}); choose another --out") from error


def _make(folder: Path) -> None:
    require_writable(folder)
    folder.mkdir(parents=True, exist_ok=True)
