"""A mixture of ideal gases: what its species are made of, and its state.

    c_p,k/R = Σ a_i T^i,   h_k/(R T) = Σ a_i T^i/(i+1) + a_5/T,   s_k/R = a_0 ln T + Σ a_i T^i/i + a_6

with NASA's polynomials of seven coefficients, another set above ``T_mid`` (McBride, Gordon and Reno 1993, NASA TM
4513). Quantities are per kg unless said otherwise, temperatures (*batch,) and mass fractions (*batch, s).
"""

import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from twin.arrays import Array, like, namespace
from twin.space import Floats

R = 8314.46261815324
"""[J/(kmol K)]"""
MIDDLE = 1000.0
"""[K]"""
HERE = Path(__file__).parent


@dataclass(frozen=True, eq=False)
class Gas:
    """s species: names, molar masses (s,) [kg/kmol], NASA-7 (s, 7) below and above T_mid (s,), and transport fits.

    ``viscosity`` and ``conductivity`` (s, 5), ``diffusion`` (s, s, 5): coefficients over ln(T/1000 K), rising
    (``transport.py``).
    """

    names: tuple[str, ...]
    W: Floats
    T_mid: Floats
    low: Floats
    high: Floats
    viscosity: Floats
    conductivity: Floats
    diffusion: Floats

    def index(self, name: str) -> int:
        """Place of a species; ValueError lists those that there are."""
        if name not in self.names:
            raise ValueError(f"no species {name!r}; there are {', '.join(self.names)}")
        return self.names.index(name)


@cache
def read_gas(name: str = "methane_air") -> Gas:
    """A gas that ships with the package; ``case_studies/make_flame_gas.py`` makes the files."""
    known = json.loads((HERE / f"{name}.json").read_text())
    names = tuple(known.pop("names"))
    values = {key: np.array(value) for key, value in known.items()}
    return Gas(names, **values | {key: _centred(values[key]) for key in ("viscosity", "conductivity", "diffusion")})


def heat_capacities(gas: Gas, T: Array) -> Array:
    """c_p,k [J/(kg K)] (*batch, s)."""
    a, T = _coefficients(gas, T), T[..., None]
    return (a[0] + T * (a[1] + T * (a[2] + T * (a[3] + T * a[4])))) * like(R / gas.W, T)


def enthalpies(gas: Gas, T: Array) -> Array:
    """h_k [J/kg] (*batch, s), heats of formation included."""
    a, T = _coefficients(gas, T), T[..., None]
    body = T * (a[0] + T * (a[1] / 2 + T * (a[2] / 3 + T * (a[3] / 4 + T * a[4] / 5))))
    return (body + a[5]) * like(R / gas.W, T)


def entropies(gas: Gas, T: Array) -> Array:
    """s_k [J/(kg K)] (*batch, s) at the reference pressure."""
    a, T = _coefficients(gas, T), T[..., None]
    body = a[0] * namespace(T).log(T) + T * (a[1] + T * (a[2] / 2 + T * (a[3] / 3 + T * a[4] / 4)))
    return (body + a[6]) * like(R / gas.W, T)


def mean_weight(gas: Gas, Y: Array) -> Array:
    """W̄ = 1/Σ (Y_k/W_k) [kg/kmol] (*batch,)."""
    return 1 / namespace(Y).sum(Y / like(gas.W, Y), axis=-1)


def mole_fractions(gas: Gas, Y: Array) -> Array:
    """X_k = Y_k W̄/W_k (*batch, s)."""
    return Y / like(gas.W, Y) * mean_weight(gas, Y)[..., None]


def mass_fractions(gas: Gas, X: Array) -> Array:
    """Y_k = X_k W_k/Σ X_j W_j (*batch, s)."""
    weighed = X * like(gas.W, X)
    return weighed / namespace(X).sum(weighed, axis=-1)[..., None]


def density(gas: Gas, T: Array, p: Array, Y: Array) -> Array:
    """ρ = p W̄/(R T) [kg/m³] (*batch,)."""
    return p * mean_weight(gas, Y) / (R * T)


def heat_capacity(gas: Gas, T: Array, Y: Array) -> Array:
    """c_p of the mixture [J/(kg K)] (*batch,)."""
    return namespace(T).sum(Y * heat_capacities(gas, T), axis=-1)


def enthalpy(gas: Gas, T: Array, Y: Array) -> Array:
    """h of the mixture [J/kg] (*batch,)."""
    return namespace(T).sum(Y * enthalpies(gas, T), axis=-1)


def _coefficients(gas: Gas, T: Array) -> list[Array]:
    """Seven arrays (*batch, s)."""
    xp = namespace(T)
    hot = T[..., None] > like(gas.T_mid, T)
    return [xp.where(hot, like(gas.high[:, i], T), like(gas.low[:, i], T)) for i in range(7)]


def _centred(rising: Floats) -> Floats:
    """Coefficients (…, 5) over ln T as those over ln(T/1000 K): in single precision they lose fewer digits."""
    start, powers = float(np.log(MIDDLE)), np.zeros((5, 5))
    for i in range(5):
        for j in range(i + 1):
            powers[i, j] = math.comb(i, j) * start ** (i - j)
    return np.asarray(rising @ powers)
