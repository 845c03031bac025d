"""The false alarms of a fleet from its table on: every window is fitted by the ladder."""

from pathlib import Path

from rich.table import Table

from twin.case_studies.fleet_outputs import lines_of
from twin.case_studies.fleet_study import FleetStudy, fleet_of, kept_shape, monitor_of
from twin.case_studies.fleet_tables import shape_of
from twin.case_studies.make_fleet_table import write_table
from twin.case_studies.monitoring import findings_of, solve, table_of

FAULTY = 3
"""The first cells of the table have faults (``make_fleet_table.py``)."""


def fitted(folder: Path, cells: int, days: int, between: float) -> Table:
    """Alarms of each faulty cell, and of all that stay as they are."""
    path = folder / "fleet.csv"
    write_table(path, cells + FAULTY, days, 0)
    study = FleetStudy(
        "battery_circuit", path, "cell", "day", folder / "out", fix={"U_plateau": 3.74, "bend": 2.27},
        watch=("Q", "R0", "R1"), false_alarms=between,
    )  # fmt: skip
    table = table_of(study)
    fleet = fleet_of(study, kept_shape(study, shape_of(table.pieces)))
    solve(study, fleet, table)
    found = findings_of(study, monitor_of(study, fleet.likelihood()), fleet, table)
    lines = lines_of(found)
    telling = [sum(bool(step.tells) for step in history.steps) for history in found.histories[FAULTY:]]
    watched = sum(max(count - study.baseline, 0) for count in telling)
    false = sum(int(line["unit"]) > FAULTY for line in lines)
    shown = Table("cell", "alarms", title=f"fitted; faults at day {2 * days // 3} of cell 1, {days // 2 + 1} of cell 2")
    for cell in range(1, FAULTY + 1):
        own = [
            f"{line['kind']} of {line['parameter']} at {line['time']:g}" for line in lines if line["unit"] == str(cell)
        ]
        shown.add_row(str(cell), "; ".join(own) or "none")
    shown.add_row(f"{cells} others", f"{false} false in {watched} windows, {watched / between:.1f} stated")
    return shown
