"""LG M50 (INR21700-M50, 5 A h): NMC811 against graphite-SiOx.

Chen et al. 2020, J. Electrochem. Soc. 167, 080534, DOI 10.1149/1945-7111/ab9050; also PyBaMM's parameter set
"Chen2020". Diffusivities are constant; only the exchange-current densities depend on temperature.
"""

import math

from twin.arrays import Array, namespace
from twin.models.battery.cell import Cell, Electrode, arrhenius, rounded

REFERENCE_TEMPERATURE = 298.15
ELECTROLYTE = 1000.0
"""Salt concentration [mol/m³]."""
EDGE = 1e-5
"""w in p -> (p + √(p² + w²))/2 for p = x(1 - x): a full or empty surface stays finite, and smooth for samplers; at
p = 0.01 it changes i₀ by 1e-7 of itself."""


def graphite_siox_ocp(x: Array) -> Array:
    """U_n(x) [V]; Chen et al. 2020, eq. 9."""
    xp = namespace(x)
    return (
        1.9793 * xp.exp(-39.3631 * x)
        + 0.2482
        - 0.0909 * xp.tanh(29.8538 * (x - 0.1234))
        - 0.04478 * xp.tanh(14.9159 * (x - 0.2769))
        - 0.0205 * xp.tanh(30.4444 * (x - 0.6103))
    )


def nmc811_ocp(y: Array) -> Array:
    """U_p(y) [V]; Chen et al. 2020, eq. 8."""
    xp = namespace(y)
    return (
        -0.8090 * y
        + 4.4875
        - 0.0428 * xp.tanh(18.5138 * (y - 0.5542))
        - 17.7326 * xp.tanh(15.7890 * (y - 0.3117))
        + 17.5842 * xp.tanh(15.9308 * (y - 0.3120))
    )


def _exchange(rate: float, energy: float, max_concentration: float, x: Array, temperature: Array) -> Array:
    """m Arr(E) √(c_e c_s (c_max - c_s)) [A/m²], with m in [A/m² (m³/mol)^1.5]."""
    xp = namespace(x)
    scale = rate * math.sqrt(ELECTROLYTE) * max_concentration
    product = x * (1 - x)
    kept = xp.sqrt(rounded(product, EDGE))
    return scale * arrhenius(energy, temperature, REFERENCE_TEMPERATURE) * kept


def negative_exchange(x: Array, temperature: Array) -> Array:
    """m = 6.48e-7, E = 35.0 kJ/mol."""
    return _exchange(6.48e-7, 35.0e3, 33133.0, x, temperature)


def positive_exchange(y: Array, temperature: Array) -> Array:
    """m = 3.42e-6, E = 17.8 kJ/mol."""
    return _exchange(3.42e-6, 17.8e3, 63104.0, y, temperature)


def negative_diffusivity(x: Array, temperature: Array) -> float:
    """D = 3.3e-14 [m²/s] at every filling and temperature."""
    return 3.3e-14


def positive_diffusivity(y: Array, temperature: Array) -> float:
    """D = 4e-15 [m²/s] at every filling and temperature."""
    return 4e-15


LG_M50 = Cell(
    name="LG M50",
    source="Chen et al. 2020, DOI 10.1149/1945-7111/ab9050",
    negative=Electrode(
        thickness=85.2e-6,
        particle_radius=5.86e-6,
        active_fraction=0.75,
        max_concentration=33133.0,
        start_stoichiometry=29866.0 / 33133.0,
        open_circuit_potential=graphite_siox_ocp,
        exchange_current_density=negative_exchange,
        diffusivity=negative_diffusivity,
    ),
    positive=Electrode(
        thickness=75.6e-6,
        particle_radius=5.22e-6,
        active_fraction=0.665,
        max_concentration=63104.0,
        start_stoichiometry=17038.0 / 63104.0,
        open_circuit_potential=nmc811_ocp,
        exchange_current_density=positive_exchange,
        diffusivity=positive_diffusivity,
    ),
    area=0.065 * 1.58,
    capacity=5.0,
    temperature=REFERENCE_TEMPERATURE,
    cut_off=2.5,
)
