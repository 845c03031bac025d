"""Measured data sets: where they are looked for, and which ones the studies here were run on."""

import hashlib
import os
from pathlib import Path

import pooch

from twin.data_battery import BATTERY
from twin.data_cardiac import CARDIAC
from twin.data_engine import ENGINE
from twin.data_flame import FLAME
from twin.data_set import DataSet
from twin.space import nearest

FOLDER_VARIABLE = "TWIN_DATA"
CATALOGUE: tuple[DataSet, ...] = (*BATTERY, *CARDIAC, *ENGINE, *FLAME)


class DataNotFoundError(ValueError):
    """A measured file that is in none of the places searched."""


def data_folders() -> tuple[Path, ...]:
    """Folders searched: ``TWIN_DATA`` alone if set, else ``../shared/data`` beside a checkout, then the cache."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        return (Path(chosen),)
    checkout = Path(__file__).resolve().parents[1]
    beside = (checkout.parent / "shared" / "data",) if (checkout / "pyproject.toml").exists() else ()
    return (*beside, Path(pooch.os_cache("twincal")))


def find_data(relative: str | Path) -> Path:
    """The file ``relative`` below the first data folder that has it. Raises DataNotFoundError."""
    searched = data_folders()
    for folder in searched:
        if (folder / relative).is_file():
            return folder / relative
    places = ", ".join(str(folder) for folder in searched)
    raise DataNotFoundError(
        f"measured file {relative} not found in {places}; "
        f"set {FOLDER_VARIABLE} to the folder that holds it, or see: twin data list"
    )


def data_set(name: str) -> DataSet:
    """The data set called ``name``; a ValueError names the nearest and lists all."""
    known = {entry.name: entry for entry in CATALOGUE}
    if name not in known:
        raise ValueError(f"no data set {name!r}{nearest(name, tuple(known))}")
    return known[name]


def get_data(entry: DataSet) -> Path:
    """The file on this machine, if it is the one the studies used.

    No original source offers these very files (they are conversions), so nothing is downloaded. Raises
    DataNotFoundError, which says where to put the file by hand, and ValueError for a file of another content.
    """
    try:
        path = find_data(entry.file)
    except DataNotFoundError as error:
        raise DataNotFoundError(how_to_place(entry)) from error
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    if sha256 != entry.sha256:
        raise ValueError(
            f"{path}: expected SHA-256 {entry.sha256}, got {sha256}; this is not the file the studies were run "
            f"on. It can be used as a table of your own"
        )
    return path


def how_to_place(entry: DataSet) -> str:
    """Where the original is, what to make of it and where to put the result."""
    return (
        f"{entry.name} is not on this machine and cannot be downloaded ready made.\n"
        f"  original   {entry.origin}\n"
        f"  licence    {entry.licence}\n"
        f"  to make    {entry.made}\n"
        f"  columns    {entry.columns} ({entry.rows} rows)\n"
        f"  put it at  {data_folders()[-1] / entry.file}\n"
        f"  SHA-256    {entry.sha256}"
    )
