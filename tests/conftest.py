"""What all tests share."""

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import pytest
import torch

from twin.data import DataNotFoundError, find_data

mpl.use("Agg")
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def data_file() -> Callable[[str], Path]:
    """The measured file of a name such as ``battery/lgm50_ocv_25C.csv``; skips with the reason if there is none."""

    def find(relative: str) -> Path:
        try:
            return find_data(relative)
        except DataNotFoundError as error:
            pytest.skip(str(error))

    return find
