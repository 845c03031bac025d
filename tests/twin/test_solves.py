"""Reference solves are kept as they finish, are not done twice, and come in order from any executor."""

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twin.models import catalogue
from twin.solves import Job, signature_of, solve_all
from twin.space import Floats
from twin.store import Store, digest

MODEL = catalogue.model("battery_spm", "soh6")


@dataclass(frozen=True, eq=False)
class Counting:
    """A model whose reference solution is θ₀ x, and that remembers what it was asked."""

    asked: list[float] = field(default_factory=list)
    name: str = "counting"

    def __repr__(self) -> str:
        return f"Counting({self.name})"

    def simulate(self, theta: Floats, c: Floats, x: Floats) -> Floats:
        self.asked.append(float(theta[0, 0]))
        y = theta[:, :1, None] * x[None]
        return np.where(theta[:, :1, None] < 0, np.nan, y)


def jobs(values: list[float]) -> list[Job]:
    x = np.linspace(0, 1, 4)[:, None]
    return [Job(np.array([v]), np.array([1.0]), x) for v in values]


def test_answers_come_in_order_and_equal_ones_are_solved_once() -> None:
    model: Any = Counting()
    told: list[tuple[int, int]] = []
    y = solve_all(model, jobs([3.0, 1.0, 3.0, -1.0]), progress=lambda done, whole: told.append((done, whole)))
    assert [float(v[-1, 0]) for v in y[:3]] == [3.0, 1.0, 3.0]
    assert np.all(np.isnan(y[3]))
    assert sorted(model.asked) == [-1.0, 1.0, 3.0]
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_what_is_in_the_store_is_not_solved_again_failures_included(tmp_path: Path) -> None:
    store, model = Store(tmp_path / "a" / "solves.sqlite"), Counting()
    first = solve_all(model, jobs([1.0, -2.0]), store=store)  # type: ignore[arg-type]
    with ThreadPoolExecutor(2) as executor:
        again = solve_all(model, jobs([1.0, -2.0, 5.0]), store=store, executor=executor)  # type: ignore[arg-type]
    assert model.asked == [1.0, -2.0, 5.0]
    for a, b in zip(first, again[:2], strict=True):
        np.testing.assert_array_equal(a, b)


def test_another_model_or_another_abscissa_is_another_solve(tmp_path: Path) -> None:
    store, model = Store(tmp_path / "solves.sqlite"), Counting()
    solve_all(model, jobs([1.0]), store=store)  # type: ignore[arg-type]
    other = [replace(job, x=job.x + 1) for job in jobs([1.0])]
    solve_all(model, other, store=store)  # type: ignore[arg-type]
    solve_all(replace(model, name="another"), jobs([1.0]), store=store)  # type: ignore[arg-type]
    assert len(store) == 3


def test_a_signature_is_the_same_in_every_process_and_differs_between_presets() -> None:
    code = "from twin.models.battery.lgm50 import soh6; from twin.solves import signature_of; print(signature_of(soh6))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert signature_of(MODEL) == other
    assert signature_of(catalogue.model("battery_spm", "kin4")) != other
    finer = replace(MODEL, reference=replace(MODEL.reference, radial_points=60))  # type: ignore[type-var,attr-defined]
    assert signature_of(finer) != other


def test_models_travel_to_other_processes() -> None:
    model = catalogue.model("battery_spm", "soh6")
    c = model.conditions.nominal
    work = [
        Job(theta, c, model.abscissa(c, 5))
        for theta in np.stack([model.space.nominal, model.space.pack({"LLI": 0.05})])
    ]
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
        there = solve_all(model, work, executor=executor)
    for a, b in zip(there, solve_all(model, work), strict=True):
        np.testing.assert_array_equal(a, b)


KILLED = """
    import os, signal, sys
    import numpy as np
    from pathlib import Path
    from twin.solves import Job, solve_all
    from twin.store import Store

    class Slow:
        def __repr__(self): return "Slow"
        def simulate(self, theta, c, x):
            if theta[0, 0] == int(sys.argv[2]): os.kill(os.getpid(), signal.SIGKILL)
            return theta[:, :1, None] * x[None]

    x = np.ones((3, 1))
    jobs = [Job(np.array([float(i)]), np.zeros(1), x) for i in range(10)]
    store = Store(Path(sys.argv[1]))
    print(len(store), flush=True)
    solve_all(Slow(), jobs, store=store)
    print("done", len(store), flush=True)
"""


def test_a_killed_process_loses_at_most_the_running_solve(tmp_path: Path) -> None:
    script, store = tmp_path / "slow.py", tmp_path / "solves.sqlite"
    script.write_text(textwrap.dedent(KILLED))
    killed = subprocess.run([sys.executable, str(script), str(store), "6"], capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    resumed = subprocess.run(
        [sys.executable, str(script), str(store), "-1"], capture_output=True, text=True, check=True
    )
    assert resumed.stdout.split() == ["6", "done", "10"]


ORPHANS = """
    import os, sys, time
    from twin.case_studies.workers import workers

    if __name__ == "__main__":
        with workers(2) as pool:
            print(*{pool.submit(os.getpid).result() for _ in range(4)}, flush=True)
            time.sleep(60)
"""


def test_workers_end_with_a_killed_program(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(textwrap.dedent(ORPHANS))
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    children = [int(pid) for pid in parent.stdout.readline().split()]
    assert children
    parent.kill()
    parent.wait()
    until = time.monotonic() + 20
    while time.monotonic() < until and any(alive(pid) for pid in children):
        time.sleep(0.1)
    assert not any(alive(pid) for pid in children)
    parent.stdout.close()


def alive(pid: int) -> bool:
    """Whether a process runs (one that ended and was not yet collected does not)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_file_that_is_no_store_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, and long enough to be looked at " * 30)
    with pytest.raises(ValueError, match="not a store of finished work"):
        Store(path)
    assert path.read_text().startswith("not a database")


def test_digests_of_parts_do_not_run_together() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert digest("a") == digest(b"a")
