"""From a table of an engine's record to an experiment."""

from collections.abc import Mapping
from typing import Protocol

from twin.experiment import Experiment
from twin.space import Space
from twin.table import Table


class Reader(Protocol):
    """What of a model the reader needs."""

    @property
    def conditions(self) -> Space:
        """Known inputs."""
        ...


def read(model: Reader, table: Table, given: Mapping[str, float]) -> Experiment:
    """The experiment."""
    raise NotImplementedError
