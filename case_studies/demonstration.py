"""``twin demo``: the main job on a small example that ships with the package."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

from twin.case_studies import calibration, commands, engine_window, flame_velocities
from twin.case_studies.console import Exit, console, interruptible, say
from twin.case_studies.engine_window import TRUTH
from twin.case_studies.study import Study
from twin.models.engine.actuators import Commands
from twin.models.engine.transient import transient
from twin.space import nearest

ENGINE_ROWS, ENGINE_SEED = 151, 0


@dataclass(frozen=True)
class Example:
    """Options of a study, the table it reads (blank: none), how its data were made, and from which numbers.

    ``make`` writes the table where it ships as a program and not as a file.
    """

    model: str
    preset: str
    file: str
    options: Mapping[str, Any]
    made: str
    truth: Mapping[str, float]
    make: Callable[[Path], None] | None = None


def engine_table(path: Path) -> None:
    """The first half of the standard transient, solved by LSODA and read with noise."""
    commands = Commands(*(column[:ENGINE_ROWS] for column in transient()))
    engine_window.write_table(path, engine_window.experiment_of(engine_window.window(TRUTH, commands), ENGINE_SEED))


EXAMPLES: Mapping[str, Example] = MappingProxyType(
    {
        "battery": Example(
            model="battery_spm",
            preset="soh6",
            file="lgm50_synthetic.csv",
            options=MappingProxyType({"by": "c_rate", "select": {"step": ("discharge",)}}),
            made="SYNTHETIC data, no measurement: PyBaMM's single-particle model of an aged LG M50 cell at 0.2C and 1C "
            "with 3 mV of noise",
            truth=MappingProxyType({"LLI": 0.08, "LAM_n": 0.05, "LAM_p": 0.10, "sDp": 1.4, "s_ct": 0.7, "R0": 0.015}),
        ),
        "flame": Example(
            model="flame_free",
            preset="arrhenius",
            file="lean_methane.csv",
            options=MappingProxyType({}),
            made=flame_velocities.SOURCE,
            truth=MappingProxyType({}),
            make=flame_velocities.write_table,
        ),
        "engine": Example(
            model="engine_air_path",
            preset="four",
            file="transient.csv",
            options=MappingProxyType({"condition": {"settle": 0.0}, "identify": False}),
            made="SYNTHETIC data, no measurement: 30 s of a seeded transient of a heavy-duty diesel engine, solved by "
            "LSODA, with noise of 3, 3, 1 and 10 % on p_im, p_em, n_t and W_egr",
            truth=TRUTH,
            make=engine_table,
        ),
        "cardiac": Example(
            model="cardiac_loop",
            preset="hf",
            file="",
            options=MappingProxyType({"set": {"HR": 82.0, "EDV": 161.0, "ESV": 89.0, "SBP": 118.0, "DBP": 94.0}}),
            made="SYNTHETIC patient, no measurement: the loop solved by LSODA (EDV 153, ESV 94 mL, cuff 122/92 mmHg), "
            "with errors of an echo and of a cuff",
            truth=MappingProxyType({"Emax": 1.5, "Emin": 0.07, "V0": 12.0, "SBV": 300.0, "Rs": 1.15, "Cs": 1.1}),
        ),
    }
)


def run(name: str, out: Path, seed: int, *, verify: int = 0, as_json: bool) -> Exit:
    """Calibrates the example and writes the report."""
    if name not in EXAMPLES:
        raise ValueError(f"no demo {name!r}{nearest(name, tuple(EXAMPLES))}")
    example = EXAMPLES[name]
    say(example.made)
    with table_of(example) as data:
        study = Study(
            model=example.model, preset=example.preset, data=data, out=out, seed=seed, verify=verify, **example.options
        )
        commands.require_folder(out)
        done = interruptible(lambda: calibration.calibrate(study, say, disclaimer=example.made), None)
        calibration.write(done, study)
    if as_json:
        console().print_json(json.dumps(done.summary))
    else:
        commands.print_summary(done.summary)
        if example.truth:
            values = ", ".join(f"{k} = {v:g}" for k, v in example.truth.items())
            console().print(f"the data were made with {values}", markup=False)
        console().print(f"report: {out / 'report.html'}", markup=False)
    return Exit.DONE if done.passed else Exit.CHECK_FAILED


@contextmanager
def table_of(example: Example) -> Iterator[tuple[Path, ...]]:
    """The shipped table as a file, nothing where there is none."""
    if not example.file:
        yield ()
        return
    if example.make is not None:
        with TemporaryDirectory() as folder:
            path = Path(folder) / example.file
            example.make(path)
            yield (path,)
        return
    with as_file(files("twin.case_studies") / "data" / example.file) as path:
        yield (path,)
