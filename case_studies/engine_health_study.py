"""What the monitor of engines is worth.

``python -m twin.case_studies.engine_health_study [SCENARIO ...] [--engines 6] [--windows 90]``

Engines of different builds, each healthy for its first 60 hours and then with one fault of ``engine_health.SCENARIOS``.
Every alarm before a fault is false; after it the informative windows up to the first alarm are the delay. A fault is
isolated if the alarm's probabilities point to parts where a part has worn, to sensors where a sensor is off.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from rich.table import Table

from twin.case_studies.console import console, say
from twin.case_studies.engine_health import FAULT, SCENARIOS, TRUSTED, monitor_of, run
from twin.case_studies.engine_scenario import Scenario, serve
from twin.inference.monitor.monitor import Monitor
from twin.inference.monitor.record import Step
from twin.inference.monitor.windows import WindowFit
from twin.space import nearest

KNOWN = tuple(name for name in SCENARIOS if name != "wear")
WINDOWS = 90


@dataclass(frozen=True)
class Outcome:
    """Of one engine: windows watched while it was healthy, false alarms, windows until the first true one, and which.

    ``delay`` is None where no alarm came. ``side`` is whether parts and sensors were told apart, ``exact`` whether the
    likeliest parameter is the one at fault.
    """

    scenario: str
    seed: int
    refused: int
    healthy: int
    false: int
    delay: int | None = None
    side: bool | None = None
    exact: bool | None = None


def outcome(scenario: Scenario, seed: int, monitor: Monitor[WindowFit], steps: Sequence[Step]) -> Outcome:
    """How the monitor did."""
    watched = [step for step in steps if step.belief is not None and step.tells]
    fault = FAULT if scenario.laws else np.inf
    before, after = ([s for s in watched if (s.time < fault) is early] for early in (True, False))
    refused = sum(bool(step.refusal) for step in steps)
    known = Outcome(scenario.name, seed, refused, len(before), sum(len(step.alarms) for step in before))
    for k, step in enumerate(after):
        if step.alarms:
            (at_fault,) = scenario.laws
            chances = step.alarms[0].candidates
            sensors = sum(chance for name, chance in chances.items() if name in TRUSTED)
            likeliest = max(chances, key=chances.__getitem__)
            told = (sensors > 0.5) is (at_fault in TRUSTED)
            return replace(known, delay=k + 1, side=told, exact=likeliest == at_fault)
    return known


def study(engines: int, scenarios: Sequence[Scenario], windows: int) -> list[Outcome]:
    """Every scenario with engines of its own."""
    monitor, found = None, []
    for scenario in scenarios:
        first = 100 * tuple(SCENARIOS).index(scenario.name)
        for seed in range(first, first + engines):
            service = serve(scenario, windows, seed)
            monitor = monitor or monitor_of(service.grid)
            steps, _ = run(service, monitor)
            found.append(outcome(scenario, seed, monitor, steps))
            say(json.dumps(asdict(found[-1])))
    return found


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("scenarios", nargs="*", help=f"default: all of {', '.join(KNOWN)}")
    parser.add_argument("--engines", type=int, default=6)
    parser.add_argument("--windows", type=int, default=WINDOWS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    for name in options.scenarios:
        if name not in KNOWN:
            parser.error(f"no scenario {name!r}{nearest(name, KNOWN)}")
    if options.windows <= FAULT:
        parser.error(f"--windows {options.windows}: expected more than {FAULT:g}, the hour of the fault")
    chosen = [SCENARIOS[name] for name in options.scenarios or KNOWN]
    found = study(options.engines, chosen, options.windows)
    if options.json:
        console().print_json(json.dumps([asdict(one) for one in found]))
        return
    table = Table("fault", "engines", "found", "windows to the alarm", "part or sensor told", "exact", "refused")
    for scenario in chosen:
        if not scenario.laws:
            continue
        own = [one for one in found if one.scenario == scenario.name]
        delays = [one.delay for one in own if one.delay is not None]
        table.add_row(
            scenario.name, str(len(own)), str(len(delays)), f"{np.median(delays):g}" if delays else "-",
            f"{sum(bool(one.side) for one in own)}/{len(delays)}",
            f"{sum(bool(one.exact) for one in own)}/{len(delays)}",
            f"{np.mean([one.refused for one in own]) / options.windows:.0%}",
        )  # fmt: skip
    console().print(table)
    healthy, false = sum(one.healthy for one in found), sum(one.false for one in found)
    say(f"false alarms: {false} in {healthy} healthy windows")


if __name__ == "__main__":
    main()
