"""Cantera, the independent solver of flames (extra ``flame``): the same gas and step, and flames of both kinds."""

import functools
import importlib
import importlib.util
import warnings
from typing import Any

import numpy as np

from twin.models.flame.gas import Gas
from twin.models.flame.kinetics import Law, Step
from twin.models.flame.streams import OTHER, Streams
from twin.space import Floats

MECHANISM = "gri30.yaml"
"""Where species' data stand in Cantera's own files."""


def require_cantera() -> Any:
    """The Cantera module; ValueError with the extra to install where it is missing."""
    if importlib.util.find_spec("cantera") is None:
        raise ValueError(
            "the reference solver of the flame models is Cantera, which is not installed; "
            "install it with: pip install 'twincal[flame]'"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("cantera")


@functools.lru_cache(maxsize=4)
def _species(names: tuple[str, ...]) -> Any:
    known = {one.name: one for one in require_cantera().Species.list_from_file(MECHANISM)}
    return [known[name] for name in names]


def solution(gas: Gas, step: Step, law: Law, transport: str = "mixture-averaged") -> Any:
    """A ``cantera.Solution`` of the gas with the one step."""
    ct = require_cantera()
    sides = {
        sign: {name: abs(float(nu)) for name, nu in zip(gas.names, step.nu, strict=True) if nu * sign > 0}
        for sign in (-1, 1)
    }
    reaction = ct.Reaction(sides[-1], sides[1], ct.ArrheniusRate(law.A, law.b, law.Ea))
    reaction.reversible = False
    reaction.orders = {gas.names[k]: order for k, order in zip(step.reactants, law.orders, strict=True)}
    return ct.Solution(
        thermo="ideal-gas", kinetics="gas", transport_model=transport, species=_species(gas.names), reactions=[reaction]
    )


def burning_velocity(
    phase: Any, T_u: float, p: float, Y_u: Floats, *, slope: float = 0.004, width: float = 0.03
) -> tuple[float, Any]:
    """S_L [m/s] and the ``cantera.FreeFlame``; NaN where Cantera finds none.

    Its error is of the first order in ``slope`` and from above: 0.2 % at 0.004.
    """
    ct = require_cantera()
    phase.TPY = T_u, p, Y_u
    flame = ct.FreeFlame(phase, width=width * 101325.0 / p)
    flame.set_refine_criteria(ratio=2.5, slope=slope, curve=2 * slope)
    flame.transport_model = phase.transport_model
    try:
        flame.solve(loglevel=0, auto=True)
    except ct.CanteraError:
        return float(np.nan), flame
    return float(flame.velocity[0]), flame


def counterflow(phase: Any, of: Streams, *, slope: float | None = 0.004, points: int = 501) -> Any:
    """The ``cantera.CounterflowPremixedFlame`` of two jets; on so many even points if ``slope`` is None.

    ValueError where Cantera finds none.
    """
    ct = require_cantera()
    flame = ct.CounterflowPremixedFlame(phase, grid=np.linspace(0.0, float(of.length), 21 if slope else points))
    flame.transport_model = phase.transport_model
    flame.P = float(of.p)
    flame.reactants.mdot, flame.products.mdot = float(of.flux_fresh), float(of.flux_other)
    flame.reactants.T = flame.products.T = float(of.T_u)
    flame.reactants.Y = of.fresh
    flame.products.X = {OTHER: 1.0}
    phase.TPY = float(of.T_u), float(of.p), of.fresh
    flame.set_initial_guess(equilibrate=False)
    if slope:
        flame.set_refine_criteria(ratio=2.5, slope=slope, curve=2 * slope)
    try:
        flame.solve(loglevel=0, refine_grid=bool(slope))
    except ct.CanteraError as error:
        raise ValueError(f"Cantera finds no flame between the jets: {str(error).strip().splitlines()[-1]}") from error
    return flame
