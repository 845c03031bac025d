"""What all tests share."""

import os
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import pytest
import torch

from twin.data import DataNotFoundError, find_data

QUICKLY_COMPILED = ("--xla_llvm_disable_expensive_passes=true", "--xla_cpu_use_fusion_emitters=false")
"""Tests compile hundreds of programs and run each a few times. These options take a quarter off compilation and nothing
off the speed of what is compiled; without any optimisation compilation would take half as long, and running twice."""
os.environ["XLA_FLAGS"] = " ".join([*QUICKLY_COMPILED, os.environ.get("XLA_FLAGS", "")]).strip()

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
