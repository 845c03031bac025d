"""Prints the table of all ways on one window.

``python -m twin.case_studies.benchmarks.engine_seeds [--seed 0] [--polish 400] [--ladder] [--quick] [--json]``

Errors are those of one window and one draw of noise; sd is what a way says of itself. Times are ratios of
processor time to that of the mode with Laplace's spread, which is compiled before.
"""

import argparse
import json
from dataclasses import replace
from typing import Any

import torch

from twin.case_studies.benchmarks.engine_seeds.task import Answer, Task, score
from twin.case_studies.benchmarks.engine_seeds.ways import FULL, QUICK, Comparison, cheapest, compare
from twin.case_studies.benchmarks.table import Row, remark, show
from twin.case_studies.console import console


def row(answer: Answer, task: Task, unit: float) -> Row:
    """One line of the table."""
    found = score(answer, task)
    sds: list[Any] = found["sd %"] or [None] * len(found["error %"])
    errors = {
        f"{name} %": f"{error:+.2f}" + ("" if sd is None else f" ± {sd:.2f}")
        for (name, error), sd in zip(found["error %"].items(), sds, strict=True)
    }
    distances = {f"{name} L2 %": f"{value:.2f}" for name, value in found["relative L2 %"].items()}
    cost = {"passes": answer.epochs, "time": answer.seconds / unit, "offline": answer.offline / unit}
    return {"way": answer.way} | errors | distances | cost


def transfer_row(found: Comparison) -> Row:
    """Passes and time to equal parameter error, cold and warm."""
    both = found.transfer
    return {
        "to a largest error of %": 100 * both.bar,
        "passes cold": both.cold[0],
        "passes warm": both.warm[0],
        "time cold": both.cold[1] / cheapest(found.answers),
        "time warm": both.warm[1] / cheapest(found.answers),
    }


def _told(answer: Answer, task: Task) -> None:
    remark(", ".join(f"{name} {value}" for name, value in row(answer, task, 1.0).items()))


def main() -> None:
    """Runs and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--polish", type=int, help="steps of L-BFGS, of 20 iterations each")
    parser.add_argument("--ladder", action="store_true", help="the default sampler too, which takes minutes")
    parser.add_argument("--quick", action="store_true", help="few epochs: shows that it runs")
    parser.add_argument("--json", action="store_true", help="the rows as one JSON object")
    options = parser.parse_args()
    torch.set_num_threads(1)
    effort = QUICK if options.quick else FULL
    if options.polish is not None:
        effort = replace(effort, schedule=replace(effort.schedule, polish=options.polish))
    found = compare(options.seed, effort, with_ladder=options.ladder, told=_told)
    unit = cheapest(found.answers)
    rows = [row(a, found.task, unit) for a in found.answers]
    if options.json:
        console().print_json(json.dumps({"ways": rows, "warm start": transfer_row(found), "unit [s]": unit}))
        return
    show("one window of 60 s", rows, as_json=False)
    show("warm start", [transfer_row(found)], as_json=False)
    remark(f"time 1 is {unit:.3g} s of processor time")


if __name__ == "__main__":
    main()
