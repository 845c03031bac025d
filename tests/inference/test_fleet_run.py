"""A fleet's store is the same however its run was interrupted, grouped or spread."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from decaying import cell, fleet, own_pieces, pieces, spoiled
from distributed import Client, LocalCluster
from jax.experimental.compilation_cache import compilation_cache

from twin.inference.fleet.executor_dask import Dask
from twin.inference.fleet.executors import Executor, Failed, Here, Processes
from twin.inference.fleet.piece import Piece
from twin.inference.fleet.record import Record, records_of
from twin.inference.fleet.run import Progress, run_fleet
from twin.inference.fleet.solve import Fleet
from twin.inference.fleet.store import read_store

UNITS, SIZE = 30, 4
SCRIPT = Path(__file__).parents[1] / "importable" / "fleet_run.py"


@dataclass
class Kept:
    """Works here, with what was made for earlier runs; counts the chunks."""

    made: dict[str, Any] = field(default_factory=dict)
    solved: int = 0

    def run(self, prepare: Any, tasks: Iterable[tuple[int, Any]]) -> Iterator[tuple[int, Any | Failed]]:
        work = self.made.setdefault(repr(prepare), None) or prepare()
        self.made[repr(prepare)] = work
        for number, task in tasks:
            self.solved += 1
            yield number, work(task)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of processes that find compiled what another has compiled."""
    folder = str(tmp_path_factory.mktemp("compiled"))
    settings = {"jax_compilation_cache_dir": folder, "jax_persistent_cache_min_compile_time_secs": 0.0}
    before = {name: getattr(jax.config, name) for name in settings}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name.upper(), str(value))
            jax.config.update(name, value)
        compilation_cache.reset_cache()
        yield dict(os.environ)
        for name, value in before.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()


@pytest.fixture(scope="module")
def kept(compiled: dict[str, str]) -> Kept:
    return Kept()


@pytest.fixture(scope="module")
def whole(kept: Kept, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of an unbroken run."""
    folder = tmp_path_factory.mktemp("whole")
    finish(fleet(draws=3), pieces(range(UNITS)), folder, kept)
    return folder


def finish(shared: Fleet, own: Iterable[Piece], folder: Path, executor: Executor, size: int = SIZE) -> Progress:
    *_, last = run_fleet(shared, own, folder, executor, size=size)
    return last


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def answers(folder: Path) -> dict[str, Record]:
    return {record.unit: record for record in records_of(read_store(folder))}


def chunks(folder: Path) -> int:
    return len(list(folder.glob("chunk-*"))) if folder.exists() else 0


def started(folder: Path, environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    command = [sys.executable, str(SCRIPT), str(folder), str(UNITS), str(SIZE)]
    return subprocess.Popen(command, env=environment)


def until(held: Callable[[], bool]) -> None:
    for _ in range(6000):
        if held():
            return
        time.sleep(0.01)
    raise AssertionError("never")


def test_a_run_that_is_killed_at_any_moment_goes_on_to_the_very_same_store(
    kept: Kept, whole: Path, compiled: dict[str, str], tmp_path: Path
) -> None:
    before = kept.solved
    rng = np.random.default_rng(0)
    for stop in (1, 4):
        process = started(tmp_path, compiled)
        until(lambda stop=stop: chunks(tmp_path) >= stop)  # type: ignore[misc]
        time.sleep(rng.uniform(0.0, 0.05))
        process.kill()
        process.wait()
        stored = {name: data for name, data in content(tmp_path).items() if not name.startswith(".")}
        assert stored.items() <= content(whole).items()
        done = chunks(tmp_path)
    assert done < chunks(whole)
    finish(fleet(draws=3), pieces(range(UNITS)), tmp_path, kept)
    assert kept.solved == before + chunks(whole) - done
    assert content(tmp_path) == content(whole)


def test_processes_of_their_own_make_the_same_store(whole: Path, compiled: dict[str, str], tmp_path: Path) -> None:
    few = pieces(range(UNITS))[: 2 * SIZE]
    finish(fleet(draws=3), few, tmp_path, Processes(1))
    one, other = answers(tmp_path), answers(whole)
    assert len(one) == 2 * SIZE
    for unit, record in one.items():
        np.testing.assert_equal(vars(record), vars(other[unit]))


def test_on_a_cluster_that_loses_a_worker_the_store_is_the_same(
    whole: Path, compiled: dict[str, str], tmp_path: Path
) -> None:
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        victim = next(iter(client.run(os.getpid).values()))
        steps = run_fleet(fleet(draws=3), pieces(range(UNITS)), tmp_path, Dask(client), size=SIZE)
        assert [next(steps).done, next(steps).done] == [0, SIZE]
        os.kill(victim, signal.SIGKILL)
        *_, last = steps
    assert (last.done, last.refused) == (UNITS, 0)
    assert content(tmp_path) == content(whole)


def test_a_second_run_does_only_what_is_new_or_has_changed(kept: Kept, tmp_path: Path) -> None:
    shared, first = fleet(), pieces(range(10))
    assert finish(shared, first, tmp_path, kept).done == 10
    before, solved = content(tmp_path), kept.solved
    assert finish(shared, first, tmp_path, kept).total == 0
    assert content(tmp_path) == before
    changed = Piece("cell 3", [cell(3, seed=1)])
    second = [*first[:3], changed, *first[4:], *pieces(range(10, 13))]
    assert finish(shared, second, tmp_path, kept).done == 4
    assert kept.solved == solved + 1
    assert before.items() <= content(tmp_path).items()
    found = answers(tmp_path)
    assert set(found) == {piece.unit for piece in second}
    assert all(found[piece.unit].digest == piece.digest for piece in second)
    fresh = tmp_path / "fresh"
    finish(shared, [changed], fresh, kept)
    assert abs(found["cell 3"].mean - answers(fresh)["cell 3"].mean).max() < 1e-6 * found["cell 3"].sd.min()


def test_a_run_that_is_left_early_keeps_its_chunks_and_new_pieces_come_after_the_old(
    kept: Kept, whole: Path, tmp_path: Path
) -> None:
    steps = run_fleet(fleet(draws=3), pieces(range(UNITS)), tmp_path, kept, size=SIZE)
    next(steps), next(steps)
    steps.close()  # type: ignore[attr-defined]
    more = pieces(range(UNITS + 2))
    steps = run_fleet(fleet(draws=3), more, tmp_path, kept, size=SIZE)
    next(steps), next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert finish(fleet(draws=3), more, tmp_path, kept).done == UNITS + 2 - 2 * SIZE
    assert content(whole).items() <= content(tmp_path).items()
    assert set(content(tmp_path)) - set(content(whole)) == {"plan-0001.json", "chunk-0001-000000.parquet"}


def test_two_runs_never_write_to_one_store_at_once(kept: Kept, tmp_path: Path) -> None:
    first = run_fleet(fleet(draws=3), pieces(range(UNITS)), tmp_path, kept, size=SIZE)
    next(first), next(first)
    before = content(tmp_path)
    with pytest.raises(ValueError, match="another run is writing here"):
        run_fleet(fleet(draws=3), pieces(range(UNITS + 2)), tmp_path, kept, size=SIZE)
    assert content(tmp_path) == before
    first.close()  # type: ignore[attr-defined]
    unread = run_fleet(fleet(draws=3), pieces(range(UNITS)), tmp_path, kept, size=SIZE)
    del unread
    assert finish(fleet(draws=3), pieces(range(UNITS)), tmp_path, kept).done == UNITS - SIZE


def test_bad_pieces_are_refused_one_by_one_with_the_reason_and_harm_no_other(
    kept: Kept, whole: Path, tmp_path: Path
) -> None:
    own = pieces(range(12))
    own[2] = spoiled(own[2])
    own[5] = Piece("cell 5", refused="row 7: time must increase")
    own[7] = Piece("cell 7", [replace(cell(7), observables=("heat",), units={"heat": "mW"})])
    last = finish(fleet(draws=3), own, tmp_path, kept)
    found, good = answers(tmp_path), answers(whole)
    assert (last.done, last.refused, len(found)) == (12, 3, 12)
    reasons = {
        2: "finite at none of the starts",
        5: "row 7: time must increase",
        7: "expected ('time',) and ('voltage',)",
    }
    for unit, reason in reasons.items():
        record = found[f"cell {unit}"]
        assert (record.verdict, record.rung) == ("refused", "none")
        assert reason in record.reason
        assert np.isnan(record.mean).all()
    for unit in set(range(12)) - set(reasons):
        one, other = found[f"cell {unit}"], good[f"cell {unit}"]
        np.testing.assert_allclose((one.mean - other.mean) / other.sd, 0.0, atol=1e-9)


@dataclass(frozen=True)
class Stumbling:
    """Solves, but stops a whole chunk with an error where one unit is in it."""

    work: Any
    unit: str

    def __call__(self, chunk: Any) -> Any:
        if any(name.unit == self.unit for name in chunk.names):
            raise RuntimeError("no solver")
        return self.work(chunk)


def test_a_chunk_that_nobody_can_solve_is_stored_as_refused(kept: Kept, tmp_path: Path) -> None:
    class Stumble:
        def run(self, prepare: Any, tasks: Any) -> Any:
            return Here().run(lambda: Stumbling(kept.made[repr(prepare)], "cell 5"), tasks)

    finish(fleet(), pieces(range(1)), tmp_path / "warm", kept)
    last = finish(fleet(), pieces(range(12)), tmp_path / "run", Stumble())
    found = answers(tmp_path / "run")
    assert (last.done, last.refused) == (12, 4)
    bad = [unit for unit, record in found.items() if record.verdict == "refused"]
    assert bad == [f"cell {i}" for i in range(4, 8)]
    assert all(found[unit].reason == "its chunk failed: RuntimeError: no solver" for unit in bad)
    assert finish(fleet(), pieces(range(12)), tmp_path / "run", kept).total == 0


def test_units_of_their_own_answer_as_shared_ones_do_in_any_chunk(kept: Kept, whole: Path, tmp_path: Path) -> None:
    shared, own = pieces(range(3)), own_pieces(range(5))
    moved = [Piece(f"{p.unit}, moved", [cell(i, rate=1.0 + 1e-12)]) for i, p in enumerate(shared)]
    finish(fleet(draws=3), [*own, *moved], tmp_path / "one", kept, size=8)
    finish(fleet(draws=3), [*moved[::-1], *own[::-1]], tmp_path / "three", kept, size=3)
    one, three, known = answers(tmp_path / "one"), answers(tmp_path / "three"), answers(whole)
    for unit, record in one.items():
        np.testing.assert_allclose((record.mean - three[unit].mean) / record.sd, 0.0, atol=1e-9)
    for piece, other in zip(moved, shared, strict=True):
        record, alike = one[piece.unit], known[other.unit]
        np.testing.assert_allclose((record.mean - alike.mean) / alike.sd, 0.0, atol=1e-4)


def test_windows_of_a_unit_are_pieces_of_their_own(kept: Kept, tmp_path: Path) -> None:
    own = [Piece("cell 1", [cell(1, seed=window)], float(window)) for window in range(3)]
    finish(fleet(), own, tmp_path, kept)
    found = list(records_of(read_store(tmp_path)))
    assert [(r.unit, r.time) for r in found] == [("cell 1", 0.0), ("cell 1", 1.0), ("cell 1", 2.0)]


def test_progress_ends_with_all_done_and_nothing_left(kept: Kept, tmp_path: Path) -> None:
    steps = list(run_fleet(fleet(), pieces(range(9)), tmp_path, kept, size=SIZE))
    assert [(p.done, p.total) for p in steps] == [(0, 9), (4, 9), (8, 9), (9, 9)]
    assert steps[1].left == np.inf
    assert steps[2].left == pytest.approx((9 - 8) / steps[2].rate)
    assert (steps[-1].left, steps[-1].refused) == (0.0, 0)


def test_pieces_that_cannot_be_read_twice_or_come_twice_are_refused_at_once(kept: Kept, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="these can be read once only"):
        run_fleet(fleet(), iter(pieces(range(3))), tmp_path, kept)
    with pytest.raises(ValueError, match="unit cell 1: expected one piece, got two"):
        run_fleet(fleet(), pieces([1, 1]), tmp_path, kept)
    with pytest.raises(ValueError, match="unit cell 1 at 2: expected one piece, got two"):
        run_fleet(fleet(), [Piece("cell 1", [cell(1)], 2.0)] * 2, tmp_path, kept)
    finish(fleet(), pieces(range(1)), tmp_path, kept)
    with pytest.raises(ValueError, match="holds answers with seed 0, not 1; choose another folder"):
        run_fleet(fleet(seed=1), pieces(range(3)), tmp_path, kept)


def test_pieces_that_change_under_way_end_the_run(kept: Kept, tmp_path: Path) -> None:
    @dataclass
    class Changing:
        later: list[Piece]
        read: int = 0

        def __iter__(self) -> Iterator[Piece]:
            self.read += 1
            return iter(pieces(range(3)) if self.read == 1 else self.later)

    steps = partial(run_fleet, fleet(), executor=kept)
    with pytest.raises(ValueError, match="unit cell 1: its data changed while the fleet ran"):
        list(steps(Changing([*pieces([0]), spoiled(pieces([1])[0])]), tmp_path / "changed"))
    with pytest.raises(ValueError, match="unit cell 2: its data went while the fleet ran"):
        list(steps(Changing(pieces(range(2))), tmp_path / "gone"))
