"""Watching one engine over hundreds of hours: ``python -m twin.case_studies.engine_health [SCENARIO] [--windows 500]``.

One window of a minute per hour (``engine_scenario.py``), read by sensors of pressures, turbocharger speed, EGR flow and
two temperatures. Writes ``alarms.jsonl``, ``windows.csv`` and a figure; prints the alarms and what time is left.
"""

import argparse
import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from twin.arrays import Array
from twin.atomic import replaced_folder
from twin.case_studies.commands import require_folder
from twin.case_studies.console import say
from twin.case_studies.engine_figure import draw
from twin.case_studies.engine_scenario import Scenario, Service, broken, fouled, serve, shifted, worn
from twin.case_studies.engine_window import LEVELS, NOISE
from twin.case_studies.forwards import forward_of
from twin.inference.monitor.monitor import Monitor, watch
from twin.inference.monitor.record import Rules, State, Step
from twin.inference.monitor.remaining import Remaining
from twin.inference.monitor.windows import Channels, WindowFit
from twin.models.engine.air_path import Drive
from twin.models.engine.parameters import TILTS
from twin.models.engine.path import Grid
from twin.models.engine.transient import INTERVAL
from twin.models.engine_air_path import health
from twin.space import Floats, nearest
from twin.surrogate import Surrogate

FAULT = 60.0
"""Hour at which things break."""
SCENARIOS = {
    s.name: s
    for s in (
        Scenario("healthy"),
        Scenario("compressor", {"k_eta_c": broken(0.97, FAULT)}),
        Scenario("egr-fouling", {"A_egrmax": broken(0.80, FAULT)}),
        Scenario("vgt-deposits", {"A_vgtmax": broken(0.95, FAULT)}),
        Scenario("turbine", {"k_eta_t": broken(0.95, FAULT)}),
        Scenario("p_im-gain", {"gain_p_im": broken(1.05, FAULT)}),
        Scenario("p_em-gain", {"gain_p_em": broken(1.05, FAULT)}),
        Scenario("W_egr-offset", {"offset_W_egr": shifted(0.004, FAULT)}),
        Scenario("wear", {
            "A_egrmax": fouled(0.25, 150.0), "k_eta_c": worn(0.05, 500.0), "k_Wc": worn(0.03, 500.0),
            "k_eta_t": worn(0.04, 500.0), "A_vgtmax": worn(0.05, 500.0),
        }),
    )
}  # fmt: skip
SENSORS = ("p_im", "p_em", "n_t", "W_egr", "T_em", "T_c")
ERRORS = {"p_im": 0.02, "p_em": 0.02, "n_t": 0.015, "W_egr": 0.05, "T_em": 0.015, "T_c": 0.01, "W_c": 0.02}
"""Standard deviations of the model's own error, as a share of a channel's mean (Wahlström and Eriksson 2011)."""
MEMORY = 10.0
"""[s] over which that error stays alike."""
SETTLE = 50
"""Rows at the start of a window that are not scored, for its first state is not known."""
TRUSTED = ("gain_p_im", "gain_p_em", "gain_W_egr", "offset_W_egr")
LIMITS = {"A_egrmax": 0.85, "A_vgtmax": 0.965, "k_eta_c": 0.98, "k_eta_t": 0.975, "k_Wc": 0.975}
"""Shares of an engine's own baseline at which its parts are worn: half of what their wear is expected to take."""
RULES = Rules(LIMITS, trusted=TRUSTED, build=tuple(p.name for p in TILTS))


def monitor_of(frame: Grid, rules: Rules = RULES) -> Monitor[WindowFit]:
    """The monitor of engines by the shipped step network, for windows on the time base of ``frame``."""
    surrogate, c = forward_of(health), health.conditions.nominal
    assert isinstance(surrogate, Surrogate)

    def predict(theta: Array, record: tuple[tuple[Array, ...], tuple[Array, ...]]) -> Array:
        grid = frame._replace(stages=Drive(*record[0]), readings=Drive(*record[1]))
        return health.readings(grid, surrogate.fields(theta, c), theta)

    noise, error = (np.array([LEVELS[o.name] * share[o.name] for o in health.observables]) for share in (NOISE, ERRORS))
    times = INTERVAL * np.arange(len(frame.step), dtype=np.float64)
    return Monitor(WindowFit(health.space, predict, times, Channels(noise, error, MEMORY)), rules)


def run(service: Service, monitor: Monitor[WindowFit]) -> tuple[list[Step], State]:
    """Every step, and the state at the end."""
    y = scored(service.y)
    records = (tuple(service.grid.stages), tuple(service.grid.readings))
    steps, state = [], State()
    for now, step in watch(monitor, service.hours, records, y):
        steps.append(step)
        state = now
    return steps, state


def scored(y: Floats, sensors: Sequence[str] = SENSORS) -> Floats:
    """The readings (W, n, 7) of an engine's sensors, NaN for those it lacks and while a window settles."""
    own = y.copy()
    own[:, :SETTLE] = np.nan
    own[..., [o.name not in sensors for o in health.observables]] = np.nan
    return own


def write(folder: Path, monitor: Monitor[WindowFit], steps: Sequence[Step], state: State, service: Service) -> None:
    """Alarm log, table of windows, outlook and figure."""
    alarms = [asdict(alarm) for step in steps for alarm in step.alarms]
    (folder / "alarms.jsonl").write_text("".join(json.dumps(alarm) + "\n" for alarm in alarms))
    (folder / "outlook.json").write_text(json.dumps(_finite(monitor.outlook(state)), indent=1) + "\n")
    with (folder / "windows.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(
            ["hour", "informative", "reason", *(f"{n}_{q}" for n in monitor.names for q in ("q05", "q50", "q95"))]
        )
        for step in steps:
            bands = "" if step.belief is None else np.round(monitor.bands(step.belief), 6).ravel().tolist()
            rows.writerow([step.time, int(bool(step.tells)), step.refusal, *bands])
    draw(folder / "health.png", monitor, steps, state, service.hours, service.truth)


def _finite(left: Mapping[str, Remaining]) -> dict[str, dict[str, float | None]]:
    """Infinity is null, which JSON has no word for."""
    return {
        name: {key: value if np.isfinite(value) else None for key, value in asdict(one).items()}
        for name, one in left.items()
    }


def main() -> None:
    """Serves, watches, writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("scenario", nargs="?", default="wear", help=", ".join(SCENARIOS))
    parser.add_argument("--windows", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/engine-health"))
    options = parser.parse_args()
    if options.scenario not in SCENARIOS:
        parser.error(f"no scenario {options.scenario!r}{nearest(options.scenario, tuple(SCENARIOS))}")
    if options.windows <= RULES.baseline:
        parser.error(f"--windows {options.windows}: expected more than the {RULES.baseline} of the baseline")
    require_folder(options.out)
    service = serve(SCENARIOS[options.scenario], options.windows, options.seed)
    monitor = monitor_of(service.grid)
    steps, state = run(service, monitor)
    refused = [step for step in steps if step.refusal]
    say(f"{len(steps)} windows, {len(refused)} refused ({int(service.idle.sum())} were idle)")
    for step in steps:
        for alarm in step.alarms:
            likely = sorted(alarm.candidates.items(), key=lambda pair: -pair[1])[:3]
            words = ", ".join(f"{name} {chance:.0%}" for name, chance in likely)
            say(f"hour {alarm.time:g}: {alarm.kind} of {alarm.parameter}, since hour {alarm.since:g} ({words})")
    for name, left in monitor.outlook(state).items():
        say(f"{name} reaches its limit in {left.words('h')}")
    with replaced_folder(options.out) as folder:
        write(folder, monitor, steps, state, service)
    say(f"written: {options.out}")


if __name__ == "__main__":
    main()
