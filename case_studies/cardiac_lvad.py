"""An assist pump tried on a computer: 50 failing hearts, each at the speed that suits it, with the flow counted right.

    python -m twin.case_studies.cardiac_lvad [--patients 50] [--seed 0] [--out FILE.csv]

For each heart the ramp finds the speed at which suction begins; the pump then works at that speed over 1.4
(``models/cardiac/assist.py``). Total flow is the mean flow into the arteries, through valve and pump. The published
trial (Kuang et al. 2024, arXiv 2403.00177) takes (EDV - ESV) times heart rate for it, which leaves out what the pump
carries while the ventricle fills, and by which the output seems to fall; both are shown. An ejection fraction is no
outcome of a pump that empties the ventricle all the time.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from twin.case_studies.console import say
from twin.case_studies.progress import counting_progress
from twin.models.cardiac.assist import MARGIN, suction_speed
from twin.models.cardiac.indices import LITRES_PER_MINUTE
from twin.models.cardiac.loop import Loop
from twin.models.cardiac.reference import limit_cycle
from twin.models.cardiac.simulation import indices_of
from twin.models.cardiac_loop import hf
from twin.space import Floats

FAILING = 40.0
"""Largest ejection fraction [%] of a heart that takes part."""
RATE = 75.0
LEVELS = (0.05, 0.5, 0.95)
NUMBERS = ("MAP", "Pla", "LVEDP", "EDV", "SW", "CO")


@dataclass(frozen=True)
class Heart:
    """One heart without and with the pump: speeds [rpm], flows [L/min] and the numbers of ``NUMBERS``."""

    suction: float
    speed: float
    apparent: tuple[float, float]
    """(EDV - ESV) HR without and with the pump."""
    before: tuple[float, ...]
    after: tuple[float, ...]


def trial(patients: int, seed: int) -> tuple[list[Heart], int]:
    """Hearts of the preset ``hf`` with an ejection fraction up to ``FAILING``, and how many could not be assisted."""
    hearts: list[Heart] = []
    failed = 0
    with counting_progress("hearts") as progress:
        for theta in hf.space.draw(20 * patients, seed):
            if len(hearts) == patients:
                break
            loop = hf.loop(theta, np.array([RATE]))
            alone = numbers(loop, None)
            if alone is None or alone["EF"] > FAILING:
                continue
            heart = assisted(loop, alone)
            if heart is None:
                failed += 1
            else:
                hearts.append(heart)
                progress(len(hearts), patients)
    return hearts, failed


def assisted(loop: Loop, alone: Mapping[str, float]) -> Heart | None:
    """A heart without its pump (``alone``) and with it; None where ramp or limit cycle have no end."""
    suction = suction_speed(loop)
    with_pump = numbers(loop, suction / MARGIN) if np.isfinite(suction) else None
    if with_pump is None:
        return None
    rate = float(loop.HR) / 60
    return Heart(
        suction=suction,
        speed=suction / MARGIN,
        apparent=(LITRES_PER_MINUTE * alone["SV"] * rate, LITRES_PER_MINUTE * with_pump["SV"] * rate),
        before=tuple(alone[name] for name in NUMBERS),
        after=tuple(with_pump[name] for name in NUMBERS),
    )


def numbers(loop: Loop, speed: float | None) -> dict[str, float] | None:
    """The limit cycle's numbers by name, with a pump at a speed [rpm]; None where there is none."""
    cycle = limit_cycle(loop, speed=speed)
    if not cycle.settled:
        return None
    return {name: float(value) for name, value in indices_of(cycle, float(loop.V0))._asdict().items()}


def table(hearts: Sequence[Heart]) -> pd.DataFrame:
    """Median and central 90 % over hearts: without the pump, with it, and of each heart's own difference."""
    rows = {"speed [rpm]": ([np.nan] * len(hearts), [h.speed for h in hearts])}
    units = dict(zip((o.name for o in hf.observables), (o.unit for o in hf.observables), strict=True))
    for i, name in enumerate(NUMBERS):
        label = "total flow" if name == "CO" else name
        rows[f"{label} [{units[name]}]"] = ([h.before[i] for h in hearts], [h.after[i] for h in hearts])
    rows["(EDV - ESV) HR, not the flow [L/min]"] = ([h.apparent[0] for h in hearts], [h.apparent[1] for h in hearts])
    made = []
    for name, (before, after) in rows.items():
        pair = np.asarray(before), np.asarray(after)
        made.append([name, *(_interval(values) for values in (*pair, pair[1] - pair[0]))])
    return pd.DataFrame(made, columns=["number", "without", "with the pump", "difference"])


def _interval(values: Floats) -> str:
    if not np.isfinite(values).all():
        return "-"
    low, middle, high = np.quantile(values, LEVELS)
    return f"{middle:.3g} [{low:.3g}, {high:.3g}]"


def main() -> None:
    """The table, on the terminal and as a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    if given.patients < 1:
        parser.error(f"--patients {given.patients}: expected at least 1")
    hearts, failed = trial(given.patients, given.seed)
    say(f"{len(hearts)} hearts with EF ≤ {FAILING:g} %; {failed} more had no suction speed or no limit cycle")
    found = table(hearts)
    say(found.to_string(index=False))
    say(hf.caution)
    if given.out is not None:
        found.to_csv(given.out, index=False)


if __name__ == "__main__":
    main()
