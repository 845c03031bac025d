"""Threads for XLA: raised where there are too few, left where there are enough."""

import os

import pytest

from twin.inference._xla import THREADS, with_enough_threads


@pytest.mark.parametrize(("stated", "expected"), [("", THREADS), ("2", THREADS), ("64", 64), ("many", THREADS)])
def test_threads_are_raised_and_never_lowered(monkeypatch: pytest.MonkeyPatch, stated: str, expected: int) -> None:
    monkeypatch.setenv("NPROC", stated)
    with_enough_threads()
    assert os.environ["NPROC"] == str(expected)
