"""``python fleet_run.py FOLDER UNITS SIZE``: a fleet of decays in this process."""

import sys
from pathlib import Path

from decaying import fleet, pieces

from twin.inference.fleet.executors import Here
from twin.inference.fleet.run import run_fleet

if __name__ == "__main__":
    folder, units, size = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    list(run_fleet(fleet(draws=3), pieces(range(units)), folder, Here(), size=size))
