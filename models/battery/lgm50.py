"""Presets of the LG M50 cell: closed-form single-particle model with the parameters of Chen et al. 2020.

What may be free together follows from what a voltage can tell: R²/D, ε c_max A L and a i₀ appear only as groups, so
one member of each is varied.
"""

from collections.abc import Callable, Mapping

from twin.arrays import Array
from twin.models.battery import pybamm_cells, pybamm_reference
from twin.models.battery.balance import start_stoichiometries
from twin.models.battery.cell import Cell, Draw
from twin.models.battery.chen2020 import LG_M50
from twin.models.battery.presets import CURRENT, TIME, VOLTAGE, c_rate, multiplier, start_voltage, temperature
from twin.models.battery.spm import ClosedFormSPM
from twin.priors import HalfNormal, LogNormal, Normal, Uniform
from twin.space import Parameter, Space

Values = Mapping[str, Array]
CONDITIONS = (c_rate(-2.0, 2.5, 1.0), temperature(263.15, 333.15, 298.15))
RESTED = start_voltage(3.0, 4.25, 4.18)
CHEN = "deviation of one cell from Chen et al. 2020, DOI 10.1149/1945-7111/ab9050"


def loss(name: str, meaning: str) -> Parameter:
    """A lost share; negative where a fresh cell has more than the literature's."""
    return Parameter(name, "1", Uniform(-0.1, 0.4), 0.0, meaning, CHEN)


SOH6 = Space(
    (
        loss("LLI", "loss of cyclable lithium, share of the fresh cell's"),
        loss("LAM_n", "loss of active material in the negative electrode"),
        loss("LAM_p", "loss of active material in the positive electrode"),
        multiplier("sDp", "factor on the positive particles' diffusivity"),
        multiplier("s_ct", "factor on both exchange-current densities"),
        Parameter("R0", "Ohm", HalfNormal(0.020), 0.010, "series resistance", "weakly informative: 20 mΩ"),
    )
)
KIN4 = Space(
    (
        multiplier("sDn", "factor on the negative particles' diffusivity"),
        multiplier("sDp", "factor on the positive particles' diffusivity"),
        multiplier("si0n", "factor on the negative exchange-current density"),
        multiplier("si0p", "factor on the positive exchange-current density"),
    )
)
ESOH4 = Space(
    (
        Parameter("x100", "1", Normal(0.90, 0.03), 0.9014, "negative stoichiometry at full charge", CHEN, 0.5, 1.0),
        Parameter("y100", "1", Normal(0.27, 0.03), 0.2700, "positive stoichiometry at full charge", CHEN, 0.1, 0.6),
        Parameter("eps_n", "1", LogNormal(1.0, 0.1), 1.0, "factor on the negative active fraction", CHEN),
        Parameter("eps_p", "1", LogNormal(1.0, 0.1), 1.0, "factor on the positive active fraction", CHEN),
    )
)


def _current(cell: Cell, c: Values) -> Array:
    return c["c_rate"] * cell.capacity


def draw_soh6(cell: Cell, theta: Values, c: Values) -> Draw:
    """Lithium and active material lost, kinetics, resistance; the start follows from the rested voltage."""
    active_n, active_p = 1 - theta["LAM_n"], 1 - theta["LAM_p"]
    x, y = start_stoichiometries(cell, theta["LLI"], active_n, active_p, c["start_voltage"])
    return Draw(
        current=_current(cell, c),
        temperature=c["temperature"],
        stoichiometry_n=x,
        stoichiometry_p=y,
        active_n=active_n,
        active_p=active_p,
        diffusivity_n=theta.get("sDn", 1.0),
        diffusivity_p=theta["sDp"],
        exchange_n=theta["s_ct"],
        exchange_p=theta["s_ct"],
        resistance=theta["R0"],
    )


def draw_kin4(cell: Cell, theta: Values, c: Values) -> Draw:
    """Diffusivities and kinetics of an otherwise fresh cell."""
    one = theta["sDn"] * 0 + 1
    x, y = start_stoichiometries(cell, 0 * one, one, one, c["start_voltage"])
    return Draw(
        current=_current(cell, c),
        temperature=c["temperature"],
        stoichiometry_n=x,
        stoichiometry_p=y,
        diffusivity_n=theta["sDn"],
        diffusivity_p=theta["sDp"],
        exchange_n=theta["si0n"],
        exchange_p=theta["si0p"],
    )


def draw_esoh4(cell: Cell, theta: Values, c: Values) -> Draw:
    """Electrode balance alone, from the stoichiometries at full charge."""
    return Draw(
        current=_current(cell, c),
        temperature=c["temperature"],
        stoichiometry_n=theta["x100"],
        stoichiometry_p=theta["y100"],
        active_n=theta["eps_n"],
        active_p=theta["eps_p"],
    )


def _preset(
    preset: str, space: Space, conditions: tuple[Parameter, ...], draw: Callable[[Cell, Values, Values], Draw]
) -> ClosedFormSPM:
    return ClosedFormSPM(
        name="battery_spm",
        preset=preset,
        source=f"single-particle model, closed form (Atlung et al. 1979); {LG_M50.name}: {LG_M50.source}",
        cell=LG_M50,
        space=space,
        conditions=Space(conditions),
        draw=draw,
        reference=pybamm_reference.Reference(pybamm_cells.chen2020),
        coordinates=(TIME, CURRENT),
        observables=(VOLTAGE,),
    )


soh6 = _preset("soh6", SOH6, (*CONDITIONS, RESTED), draw_soh6)
soh7 = _preset(
    "soh7",
    SOH6 + Space((multiplier("sDn", "factor on the negative particles' diffusivity"),)),
    (*CONDITIONS, RESTED),
    draw_soh6,
)
kin4 = _preset("kin4", KIN4, (*CONDITIONS, RESTED), draw_kin4)
esoh4 = _preset("esoh4", ESOH4, CONDITIONS, draw_esoh4)
