"""The closed form of the LG M50 cell against PyBaMM's single-particle model at three radial meshes.

``python -m twin.case_studies.benchmarks.closed_form [--quick] [--json]``

Voltage differences after the first ten seconds, where a finite-volume mesh still misses the √t transient, and the
lithium balance of the concentration profiles: volume mean against charge passed, relative to the lithium moved.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from twin.case_studies.benchmarks.table import Row, options, show
from twin.model import until_end
from twin.models.battery.lgm50 import soh6
from twin.models.battery.spm import ClosedFormSPM
from twin.space import Floats

MESHES = (60, 150, 300)
RATES = (0.1, 0.2, 0.5, 1.0, 2.0)
FIRST = 10.0
"""[s]"""
POINTS = 200
QUADRATURE = 200


def rows(model: ClosedFormSPM, meshes: tuple[int, ...], rates: tuple[float, ...]) -> list[Row]:
    """One row per C-rate, two columns per mesh."""
    return [{"C-rate": f"{rate:g}"} | against(model, rate, meshes) | balance(model, rate) for rate in rates]


def against(model: ClosedFormSPM, rate: float, meshes: tuple[int, ...]) -> dict[str, Any]:
    """Root mean square and largest difference [mV] to every mesh, points after PyBaMM's cut-off left out."""
    c, x = setting(model, rate)
    theta = model.space.nominal[None]
    ours = np.asarray(model(theta, c, x))
    found: dict[str, Any] = {}
    for mesh in meshes:
        reference = replace(model, reference=replace(model.reference, radial_points=mesh))
        difference = 1e3 * (ours - until_end(reference, reference.simulate(theta, c, x)))
        found[f"Nr {mesh} rms mV"] = float(np.sqrt(np.nanmean(difference**2)))
        found[f"Nr {mesh} max mV"] = float(np.nanmax(np.abs(difference)))
    return found


def balance(model: ClosedFormSPM, rate: float) -> dict[str, Any]:
    """Largest |volume mean - (start ± charge passed)| of both particles over the lithium moved."""
    c, x = setting(model, rate)
    nodes, weights = np.polynomial.legendre.leggauss(QUADRATURE)
    radius, volume = (nodes + 1) / 2, 3 * weights / 2 * ((nodes + 1) / 2) ** 2
    theta, times = model.space.nominal[None], x[:, 0]
    drawn, worst = model.drawn(theta, c), 0.0
    for key, electrode, sign in (("negative", model.cell.negative, -1), ("positive", model.cell.positive, 1)):
        start = drawn.stoichiometry_n if key == "negative" else drawn.stoichiometry_p
        moved = drawn.current * times / (3600 * model.cell.electrode_capacity(electrode))
        mean = model.exact(theta, c)[key](times, radius)[0] @ volume
        worst = max(worst, float(np.max(np.abs(mean - start - sign * moved) / moved)))
    return {"lithium error": worst}


def setting(model: ClosedFormSPM, rate: float) -> tuple[Floats, Floats]:
    """Conditions at a C-rate, and times from ``FIRST`` to the end of the nominal discharge."""
    c = model.conditions.nominal.copy()
    c[model.conditions.index("c_rate")] = rate
    return c, np.linspace(FIRST, float(model.abscissa(c, 2)[-1, 0]), POINTS)[:, None]


def main() -> None:
    """Prints the table."""
    asked = options(__doc__)
    meshes, rates = ((60,), (1.0,)) if asked.quick else (MESHES, RATES)
    show("LG M50 closed form - PyBaMM SPM, t > 10 s", rows(soh6, meshes, rates), as_json=asked.as_json)


if __name__ == "__main__":
    main()
