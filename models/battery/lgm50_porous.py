"""Presets of the LG M50's porous cell. All share one network, which sees the draw and not the parameters."""

from collections.abc import Mapping
from dataclasses import replace

import torch

from twin.arrays import Array, like, namespace
from twin.models.battery import pybamm_cells, pybamm_reference
from twin.models.battery.balance import start_stoichiometries
from twin.models.battery.cell import Cell, Draw, arrhenius
from twin.models.battery.chen2020 import LG_M50
from twin.models.battery.dfn import PorousCell, Stretch
from twin.models.battery.layers import Layers
from twin.models.battery.oregan2022 import DIFFUSION
from twin.models.battery.porous import LG_M50_POROUS
from twin.models.battery.porous_form import Form
from twin.models.battery.porous_lessons import Lessons
from twin.models.battery.presets import SD_LOG, TIME, VOLTAGE, c_rate, start_voltage, temperature
from twin.networks import MLP
from twin.priors import HalfNormal, LogNormal, Uniform
from twin.space import Parameter, Space
from twin.training.first_order import SOAP
from twin.training.recipe import Recipe

CHEN = "deviation of one cell from Chen et al. 2020, DOI 10.1149/1945-7111/ab9050"
WEAK = "weakly informative: 90 % within x/÷ 2"
CONDITIONS = Space((c_rate(0.08, 2.05, 1.0), temperature(278.15, 318.15, 298.15), start_voltage(3.95, 4.22, 4.18)))


def factor(name: str, meaning: str) -> Parameter:
    """A factor on a literature value between 0.3 and 10/3."""
    return Parameter(name, "1", LogNormal(1.0, SD_LOG), 1.0, meaning, WEAK, 0.3, 1 / 0.3)


LLI = Parameter("LLI", "1", Uniform(-0.1, 0.35), 0.0, "loss of cyclable lithium, share of the fresh cell's", CHEN)
LAM_N = Parameter("LAM_n", "1", Uniform(-0.1, 0.3), 0.0, "loss of active material in the negative electrode", CHEN)
LAM_P = Parameter("LAM_p", "1", Uniform(-0.1, 0.3), 0.0, "loss of active material in the positive electrode", CHEN)
SDN = factor("sDn", "factor on the negative particles' diffusivity")
SDP = factor("sDp", "factor on the positive particles' diffusivity")
SI0N = factor("si0n", "factor on the negative exchange-current density")
SI0P = factor("si0p", "factor on the positive exchange-current density")
S_CT = factor("s_ct", "factor on both exchange-current densities")
R0 = Parameter("R0", "Ohm", HalfNormal(0.020), 0.010, "series resistance", "weakly informative: 20 mΩ", 0.0, 0.1)


def draw_cold(cell: Cell, theta: Mapping[str, Array], c: Mapping[str, Array]) -> Draw:
    """What a preset does not name is as in the literature; the start follows from the rested voltage.

    Diffusivities are those at the literature's temperature.
    """
    some = next(iter(theta.values())) * 0 + 1
    active_n, active_p = some - theta.get("LAM_n", 0.0), some - theta.get("LAM_p", 0.0)
    x, y = start_stoichiometries(cell, theta.get("LLI", 0.0) * some, active_n, active_p, c["start_voltage"])
    both = theta.get("s_ct", some)
    return Draw(
        current=c["c_rate"] * cell.capacity, temperature=c["temperature"], stoichiometry_n=x, stoichiometry_p=y,
        active_n=active_n, active_p=active_p,
        diffusivity_n=theta.get("sDn", some), diffusivity_p=theta.get("sDp", some),
        exchange_n=theta.get("si0n", both), exchange_p=theta.get("si0p", both), resistance=theta.get("R0", 0 * some),
    )  # fmt: skip


def draw(cell: Cell, theta: Mapping[str, Array], c: Mapping[str, Array]) -> Draw:
    """The same with diffusivities at the cell's temperature, which stays."""
    cold = draw_cold(cell, theta, c)
    n, p = (arrhenius(energy, c["temperature"], cell.temperature) for energy in DIFFUSION)
    return replace(cold, diffusivity_n=cold.diffusivity_n * n, diffusivity_p=cold.diffusivity_p * p)


def features(cell: Cell, drawn: Draw) -> Array:
    """What the network sees (*batch, 10): logarithms, each within about ±1."""
    xp = namespace(drawn.active_n)
    some = 0 * drawn.active_n

    def log(value: Array) -> Array:
        return xp.log(like(value, some) + some)

    warm = [
        drawn_factor * electrode.exchange_current_density(0.5 + some, drawn.temperature + some)
        / electrode.exchange_current_density(0.5 + some, cell.temperature + some)
        for drawn_factor, electrode in ((drawn.exchange_n, cell.negative), (drawn.exchange_p, cell.positive))
    ]  # fmt: skip
    columns = [
        (log(drawn.current / cell.capacity) + 0.9) / 1.7,
        log(drawn.diffusivity_n) / 1.2,
        log(drawn.diffusivity_p) / 1.2,
        log(warm[0]) / 1.6,
        log(warm[1]) / 1.4,
        (drawn.active_n - 0.9) / 0.2,
        (drawn.active_p - 0.9) / 0.2,
        (drawn.stoichiometry_n - 0.72) / 0.27,
        (drawn.stoichiometry_p - 0.34) / 0.1,
        (drawn.temperature - 298.15) / 20.0 + some,
    ]
    return xp.stack([column + some for column in columns], axis=-1)


REFERENCE = pybamm_reference.Reference(
    pybamm_cells.chen2020, radial_points=120, cell=pybamm_reference.doyle_fuller_newman, across=(60, 20, 60),
    tolerance=1e-6,
)  # fmt: skip
"""Within 0.05 mV (rms) of a converged mesh up to 2C; 40 points and 60 volumes are not (docs/dfn.md)."""
FORM = Form()
OVERRUN = 0.2
"""[V] below the cell's limit to which curves are learnt."""
LESSONS = Lessons(until=LG_M50.cut_off - OVERRUN, charge=1.4, layers=Layers(10, 5, 10))
RECIPE = Recipe(
    network=MLP(inputs=10, hidden=(128, 128, 128, 128), outputs=FORM.outputs, output_scale=0.1),
    stages=(SOAP(steps=16000, rate=3e-3, batch=128, dtype=torch.float64, precondition_frequency=10),),
    solves=200,
    own_solves=16384,
    scale=1e-3,
    robust=True,
    sliding=True,
)

wide = PorousCell(
    preset="wide",
    source=f"Doyle, Fuller and Newman 1993, DOI 10.1149/1.2221597; {LG_M50.name}: {LG_M50.source}",
    porous=LG_M50_POROUS,
    form=FORM,
    lessons=LESSONS,
    stretch=Stretch(),
    space=Space((LLI, LAM_N, LAM_P, SDN, SDP, SI0N, SI0P, R0)),
    conditions=CONDITIONS,
    draw=draw,
    reference=REFERENCE,
    recipe=RECIPE,
    coordinates=(TIME,),
    observables=(VOLTAGE,),
    features=features,
    inputs=10,
)
"""All that voltage can tell of, and more than one curve can tell apart."""
soh6 = replace(wide, preset="soh6", space=Space((LLI, LAM_N, LAM_P, SDP, S_CT, R0)), sibling=wide)
"""Lithium and active material lost, one diffusivity, kinetics, resistance."""
soh7 = replace(wide, preset="soh7", space=Space((LLI, LAM_N, LAM_P, SDP, S_CT, R0, SDN)), sibling=wide)
"""The same, and the negative particles' diffusivity."""
kin4 = replace(wide, preset="kin4", space=Space((SDN, SDP, SI0N, SI0P)), sibling=wide)
"""Diffusivities and kinetics of an otherwise fresh cell."""
