"""A measured file that studies were run on: what it is and under which terms it may be used."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DataSet:
    """A measured file: what it is, who measured it and under which terms it may be used.

    ``file`` is its path below the data folder, ``sha256`` that of the file the studies used, ``origin`` the
    repository and commit of the original and ``made`` how the file follows from it.
    """

    name: str
    file: str
    title: str
    rows: int
    columns: str
    licence: str
    citation: str
    origin: str
    made: str
    sha256: str
