"""Graphite against NMC532 micro cell (18.9 mA h) of the PINNSTRIPES papers.

Hassanaly et al. 2024, J. Energy Storage 98, 113103 and 113104 (arXiv 2312.17329, 2312.17336); constants from the
software NREL/PINNSTRIPES (BSD-3, DOI 10.11578/dc.20231106.1). Amounts there are in kmol; here in mol. Degree-28
polynomials lose 2.5 mV in float32: evaluate in float64.
"""

import math

from twin.arrays import Array, floored, namespace, polynomial
from twin.models.battery.cell import Cell, Electrode, arrhenius, rounded

REFERENCE_TEMPERATURE = 303.15
ACTIVATION_ENERGY = 30e3
"""[J/mol], common to kinetics and diffusion"""
SALT = 1.2
"""Electrolyte concentration [kmol/m³]"""
EDGE = 1e-5
"""As in ``chen2020.py``; also the least value of P₅."""

GRAPHITE_OCP = (
    1878.6244900261463, -4981.580023016213, 516.2941996957871, 6452.38177755237, -436.0524457974526,
    1264.0514576769442, -20918.656956191975, 12954.334261316431, 28871.72866007402, -37943.83286204571,
    34.11141793217983, 29363.16490602074, -25774.496334571464, 11073.868226559767, -2702.638445370805,
    375.62895901410747, -28.064663950113868, 1.1265244540945243,
)  # fmt: skip
"""U_n [V], from the highest power."""

NMC532_OCP = (
    -43309.69063512314, 122888.63938515769, -69735.99554716503, -59749.183217994185, 25744.002733171154,
    15730.398058573825, 54021.915506318735, -44566.03206954511, 64.32177924593454, -7780.173422833786,
    1117.4042221859695, 7387.492376558274, -7237.289515884936, -705.4465901574707, 17170.20236584321,
    -42.60228181558803, -23266.56994359366, 10810.92851132453, 2545.4065429021307, 1.6554268823619098,
    751.3515882152476, -4447.12851190078, 3727.268889820381, -1331.1791971457515, 227.4712483170547,
    -17.646894926746256, 0.8568207255402533, -2.34505930698951, 5.059010555584711,
)  # fmt: skip
"""U_p [V], from the highest power."""

NMC532_EXCHANGE = (
    16.5045282964129, -75.235671414888, 124.0524690073040, -94.1657108128761, 32.4976882173796, -3.58529006582476,
)  # fmt: skip
"""P₅ of i₀_p, from the highest power."""

NMC532_LOG_DIFFUSIVITY = (
    -250.901084347927, 2391.02672525997, -4868.42026761136, -83.3110410292107, 10576.36028329, -12683.2454834812,
    5016.27216777553, 982.489665964948, -1502.4393390709, 472.37093042477, -65.2609204639709,
)  # fmt: skip
"""P₁₀ of log₁₀ D_p, from the highest power."""


def _inside(stoichiometry: Array) -> Array:
    return -floored(-floored(stoichiometry, 0.0), -1.0)


def graphite_ocp(x: Array) -> Array:
    """U_n(x) [V], clipped to x in [0, 1]."""
    return polynomial(GRAPHITE_OCP, _inside(x))


def nmc532_ocp(y: Array) -> Array:
    """U_p(y) [V], clipped to y in [0, 1]."""
    return polynomial(NMC532_OCP, _inside(y))


def graphite_exchange(x: Array, temperature: Array) -> Array:
    """2.5 · 0.27 Arr √(c_e (c_max - c_s) c_s) [A/m²], concentrations in kmol/m³."""
    xp = namespace(x)
    product = x * (1 - x)
    kept = xp.sqrt(rounded(product, EDGE))
    arr = arrhenius(ACTIVATION_ENERGY, temperature, REFERENCE_TEMPERATURE)
    return 2.5 * 0.27 * math.sqrt(SALT) * 30.53 * arr * kept


def nmc532_exchange(y: Array, temperature: Array) -> Array:
    """9 Arr √(c_e/1.2) P₅(y) [A/m²]."""
    arr = arrhenius(ACTIVATION_ENERGY, temperature, REFERENCE_TEMPERATURE)
    share = polynomial(NMC532_EXCHANGE, _inside(y))
    return 9.0 * math.sqrt(SALT / 1.2) * arr * floored(share, EDGE)


def graphite_diffusivity(x: Array, temperature: Array) -> Array:
    """3.0e-14 Arr [m²/s], constant in x."""
    return 3.0e-14 * arrhenius(ACTIVATION_ENERGY, temperature, REFERENCE_TEMPERATURE)


def nmc532_diffusivity(y: Array, temperature: Array) -> Array:
    """2.25 · 10^P₁₀(y) Arr [m²/s]."""
    power = namespace(y).exp(math.log(10.0) * polynomial(NMC532_LOG_DIFFUSIVITY, _inside(y)))
    return 2.25 * power * arrhenius(ACTIVATION_ENERGY, temperature, REFERENCE_TEMPERATURE)


NREL_CELL = Cell(
    name="NREL NMC532",
    source="Hassanaly et al. 2024, DOI 10.1016/j.est.2024.113103; NREL/PINNSTRIPES, DOI 10.11578/dc.20231106.1",
    negative=Electrode(
        thickness=44e-6,
        particle_radius=4e-6,
        active_fraction=0.6 - 0.0569272237,
        max_concentration=30530.0,
        start_stoichiometry=0.91,
        open_circuit_potential=graphite_ocp,
        exchange_current_density=graphite_exchange,
        diffusivity=graphite_diffusivity,
    ),
    positive=Electrode(
        thickness=42e-6,
        particle_radius=1.8e-6,
        active_fraction=0.6 - 0.12338,
        max_concentration=49600.0,
        start_stoichiometry=0.39,
        open_circuit_potential=nmc532_ocp,
        exchange_current_density=nmc532_exchange,
        diffusivity=nmc532_diffusivity,
    ),
    area=1.4e-3,
    capacity=0.0189,
    temperature=REFERENCE_TEMPERATURE,
    cut_off=2.0,
)
