"""What may be unknown about an engine in service, with priors: health of its parts, its build, its sensors."""

from collections.abc import Mapping
from dataclasses import replace

from twin.arrays import Array
from twin.models.engine.constants import Ambient, Engine
from twin.priors import HalfNormal, LogNormal, Normal, Uniform
from twin.space import Parameter, Space

NOMINAL = Engine()
CM2 = 1e-4
"""m² of 1 cm²."""
NATH = "Nath et al. 2023, DOI 10.1038/s41598-023-39989-4; value of the release TCDI_EGR_VGT"
SUBMODELS = "largest errors of the submodels on 82 stationary points, Wahlström and Eriksson 2011"
SPREAD = "weakly informative, 90 % within 8 % of a new part"

_A_EGR, _A_VGT = NOMINAL.A_egrmax / CM2, NOMINAL.A_vgtmax / CM2

ACTUATED = (
    Parameter("A_egrmax", "cm^2", LogNormal(_A_EGR, 0.15), _A_EGR, "largest area of the EGR valve", NATH,
              0.55 * _A_EGR, 1.4 * _A_EGR),
    Parameter("eta_sc", "1", Normal(1.10, 0.05), NOMINAL.eta_sc, "correction of the exhaust's temperature for the "
              "Seliger cycle's ideal", NATH, 0.9, 1.3),
    Parameter("h_tot", "W/m^2/K", LogNormal(NOMINAL.h_tot, 0.25), NOMINAL.h_tot, "heat transfer of the exhaust pipes",
              NATH, 0.4 * NOMINAL.h_tot, 2.5 * NOMINAL.h_tot),
    Parameter("A_vgtmax", "cm^2", LogNormal(_A_VGT, 0.08), _A_VGT, "largest area of the turbine's nozzles", NATH,
              0.7 * _A_VGT, 1.4 * _A_VGT),
)  # fmt: skip
TURBOCHARGER = (
    Parameter("k_eta_c", "1", Normal(1.0, 0.05), 1.0, "compressor's efficiency over that of a new one", SPREAD,
              0.8, 1.1),
    Parameter("k_eta_t", "1", Normal(1.0, 0.05), 1.0, "turbine's efficiency over that of a new one", SPREAD,
              0.8, 1.1),
    Parameter("k_Wc", "1", LogNormal(1.0, 0.05), 1.0, "compressor's flow over that of a new one", SUBMODELS, 0.8, 1.2),
)  # fmt: skip
BUILD = (
    Parameter("k_vol", "1", LogNormal(1.0, 0.01), 1.0, "flow into the cylinders over that of the submodel", SUBMODELS,
              0.9, 1.1),
    Parameter("V_im", "L", LogNormal(22.0, 0.10), 22.0, "volume of the intake manifold", "release TCDI_EGR_VGT; 45 L "
              "in the paper", 12.0, 40.0),
    Parameter("J_t", "kg*cm^2", LogNormal(2.0, 0.15), 2.0, "inertia of the turbocharger", "release TCDI_EGR_VGT",
              1.0, 4.0),
    Parameter("fuel_bias", "1", Normal(0.0, 0.02), 0.0, "share by which more fuel is injected than the control unit "
              "says", "injectors' tolerance", -0.1, 0.1),
)  # fmt: skip
LEAKS = (
    Parameter("boost_leak", "cm^2", HalfNormal(0.2), 0.05, "effective area of a hole between compressor and intake",
              "a leak of 0.2 cm^2 loses some 2 % of the air", 0.0, 2.0),
    Parameter("exhaust_leak", "cm^2", HalfNormal(0.2), 0.05, "effective area of a hole in the exhaust manifold",
              "as that of the boost", 0.0, 2.0),
)  # fmt: skip
SENSORS = (
    Parameter("gain_p_im", "1", Normal(1.0, 0.03), 1.0, "reading over true intake pressure", "drifting sensor",
              0.8, 1.2),
    Parameter("gain_p_em", "1", Normal(1.0, 0.03), 1.0, "reading over true exhaust pressure", "drifting sensor",
              0.8, 1.2),
    Parameter("gain_W_egr", "1", Normal(1.0, 0.10), 1.0, "reading over true EGR flow", "drifting sensor", 0.5, 1.5),
    Parameter("offset_W_egr", "kg/s", Normal(0.0, 0.005), 0.0, "reading less true EGR flow", "drifting sensor",
              -0.05, 0.05),
)  # fmt: skip
TILTS = (
    Parameter("tilt_vol", "1", Normal(0.0, 0.01), 0.0, "error of the volumetric efficiency from 1350 to 2000 rpm",
              SUBMODELS, -0.025, 0.025),
    Parameter("tilt_T_e", "1", Normal(0.0, 0.02), 0.0, "error of the exhaust's temperature from 105 to 170 mg",
              SUBMODELS, -0.05, 0.05),
    Parameter("tilt_egr", "1", Normal(0.0, 0.06), 0.0, "error of the EGR valve's area from half open to open",
              SUBMODELS, -0.15, 0.15),
    Parameter("tilt_Wc", "1", Normal(0.0, 0.03), 0.0, "error of the compressor's flow from 62,000 to 86,000 rpm",
              SUBMODELS, -0.075, 0.075),
    Parameter("tilt_eta_c", "1", Normal(0.0, 0.03), 0.0, "error of the compressor's efficiency from 0.25 to 0.37 kg/s",
              SUBMODELS, -0.075, 0.075),
    Parameter("tilt_eta_t", "1", Normal(0.0, 0.04), 0.0, "error of the turbine's efficiency from a BSR of 0.6 to 0.85",
              SUBMODELS, -0.1, 0.1),
)  # fmt: skip
"""Discrepancies of submodels (``tilts.py``)."""

AMBIENT = Space(
    (
        Parameter("p_amb", "kPa", Uniform(70.0, 108.0), 101.11134146341463, "ambient pressure", "known input"),
        Parameter("T_amb", "K", Uniform(250.0, 325.0), 298.4636219512196, "ambient temperature", "known input"),
        Parameter("T_im", "K", Uniform(270.0, 360.0), 300.6185731707316, "temperature behind the intercooler",
                  "known input"),
        Parameter("settle", "s", Uniform(0.0, 60.0), 10.0, "how long readings are left out at the start, and after "
                  "gaps: nothing says at which state a record begins, and it has faded by then", "chosen"),
    )
)  # fmt: skip

IN_SI: Mapping[str, float] = {
    "A_egrmax": CM2, "A_vgtmax": CM2, "boost_leak": CM2, "exhaust_leak": CM2, "V_im": 1e-3, "J_t": 1e-4
}  # fmt: skip
"""SI units of one unit of a parameter."""


def engine_of(values: Mapping[str, Array], base: Engine = NOMINAL) -> Engine:
    """The engine with constants by the parameters' names and units; those of sensors are no part of it."""
    known = {name: IN_SI.get(name, 1.0) * value for name, value in values.items()}
    own = {name: value for name, value in known.items() if hasattr(base, name)}
    more = {name: value for name, value in known.items() if hasattr(base.extensions, name)}
    return replace(base, extensions=replace(base.extensions, **more), **own)


def ambient_of(c: Array) -> Ambient:
    """The air of conditions (k,) or (*batch, k) in the order of ``AMBIENT``."""
    return Ambient(p_amb=1e3 * c[..., 0], T_amb=c[..., 1], T_im=c[..., 2])
