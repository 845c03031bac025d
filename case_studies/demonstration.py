"""``twin demo``: the main job on a small synthetic example that ships with the package."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from types import MappingProxyType

from twin.case_studies import calibration, commands
from twin.case_studies.console import Exit, console, interruptible, say
from twin.case_studies.study import Study
from twin.space import nearest


@dataclass(frozen=True)
class Example:
    """A shipped table, how it was made, and the numbers it was made with."""

    model: str
    preset: str
    file: str
    by: str
    made: str
    truth: Mapping[str, float]


EXAMPLES: Mapping[str, Example] = MappingProxyType(
    {
        "battery": Example(
            model="battery_spm",
            preset="soh6",
            file="lgm50_synthetic.csv",
            by="c_rate",
            made="SYNTHETIC data, no measurement: PyBaMM's single-particle model of an aged LG M50 cell at 0.2C and 1C "
            "with 3 mV of noise",
            truth=MappingProxyType({"LLI": 0.08, "LAM_n": 0.05, "LAM_p": 0.10, "sDp": 1.4, "s_ct": 0.7, "R0": 0.015}),
        ),
    }
)


def run(name: str, out: Path, seed: int, *, verify: int = 0, as_json: bool) -> Exit:
    """Calibrates the example and writes the report."""
    if name not in EXAMPLES:
        raise ValueError(f"no demo {name!r}{nearest(name, tuple(EXAMPLES))}")
    example = EXAMPLES[name]
    say(example.made)
    with as_file(files("twin.case_studies") / "data" / example.file) as path:
        study = Study(
            model=example.model,
            preset=example.preset,
            data=(path,),
            by=example.by,
            select={"step": ("discharge",)},
            out=out,
            seed=seed,
            verify=verify,
        )
        commands.require_folder(out)
        done = interruptible(lambda: calibration.calibrate(study, say, disclaimer=example.made), None)
        calibration.write(done, study)
    if as_json:
        console().print_json(json.dumps(done.summary))
    else:
        commands.print_summary(done.summary)
        values = ", ".join(f"{k} = {v:g}" for k, v in example.truth.items())
        console().print(f"the data were made with {values}", markup=False)
        console().print(f"report: {out / 'report.html'}", markup=False)
    return Exit.DONE if done.passed else Exit.CHECK_FAILED
