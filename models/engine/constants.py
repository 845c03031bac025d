"""Constants of the engine, six cylinders and 12.7 litres, and of the air around it.

Equations: Wahlström and Eriksson 2011, Proc. IMechE Part D 225, 960, DOI 10.1177/0954407011398177. Numbers: the
parameter file of the authors' release TCDI_EGR_VGT (Linköping University), which is not the set behind the figures of
the paper. Health is a change of some of these numbers: any field may be an array over engines (*batch,).
"""

from dataclasses import dataclass, field

from twin.arrays import Array

SOURCE = "Wahlström and Eriksson 2011, DOI 10.1177/0954407011398177; constants of the release TCDI_EGR_VGT"


@dataclass(frozen=True, eq=False)
class Ambient:
    """Air around the engine and behind the intercooler."""

    p_amb: Array = 101111.34146341463
    """[Pa]"""
    T_amb: Array = 298.4636219512196
    """[K], also that of the exhaust pipe's wall."""
    T_im: Array = 300.6185731707316
    """[K] of the intake manifold."""
    X_Oc: Array = 0.2314
    """Mass fraction of oxygen in air."""


@dataclass(frozen=True, eq=False)
class Extensions:
    """What the published model leaves out; None is off."""

    boost_leak: Array | None = None
    """[m²] effective area of a hole between compressor and intake."""
    exhaust_leak: Array | None = None
    """[m²] effective area of a hole in the exhaust manifold."""
    intercooler: Array | None = None
    """Effectiveness ε in T_im = T_c - ε (T_c - T_amb); else the intake's temperature is the ambient record's."""
    intake_loss: Array | None = None
    """[Pa] that a clogged filter takes from the pressure before the compressor."""
    back_pressure: Array | None = None
    """[Pa s²/kg²] k of the pressure p_amb + k W_t² behind the turbine, as of a loaded particle filter."""
    fuel_bias: Array | None = None
    """b of the fuel u_δ (1 + b) that is really injected."""
    tilt_vol: Array | None = None
    """Errors ε of submodels that grow over their range (``tilts.py``): of η_vol over n_e,"""
    tilt_T_e: Array | None = None
    """of the exhaust's temperature over u_δ,"""
    tilt_egr: Array | None = None
    """of the EGR valve's area over its opening,"""
    tilt_Wc: Array | None = None
    """of the compressor's flow over ω_t,"""
    tilt_eta_c: Array | None = None
    """of its efficiency over W_c,"""
    tilt_eta_t: Array | None = None
    """and of the turbine's efficiency over BSR."""


@dataclass(frozen=True, eq=False)
class Engine:
    """The constants, by submodel; [SI] but where a unit stands beside."""

    # gases
    c_pa: float = 1011.0
    c_va: float = 724.0
    c_pe: float = 1332.0
    c_ve: float = 1046.0
    gam_c: float = 1.35
    # manifolds and shaft
    V_im: Array = 0.022
    V_em: Array = 0.020
    J_t: Array = 2.0e-4
    # cylinders: number, swept volume, compression ratio, heating value, air-fuel ratio
    n_cyl: float = 6.0
    V_d: float = 0.01274
    r_c: float = 17.0
    q_HV: float = 42.9e6
    AFs: float = 14.57
    # volumetric efficiency: Pa^-1/2, rpm^-1/2, 1
    c_vol: tuple[float, float, float] = (-2.08166198432250e-4, -3.44651580527006e-3, 1.14970210210591)
    # exhaust: Seliger cycle's factor, heat transfer [W/(m² K)], pipes
    eta_sc: Array = 1.1015294624801442
    h_tot: Array = 96.27545984019156
    d_pipe: float = 0.1
    l_pipe: float = 1.0
    n_pipe: float = 2.0
    # torque: friction in bar over (n_e/1000 rpm)
    eta_igch: float = 0.6893563004149508
    c_fr: tuple[float, float, float] = (0.972722756898463, -0.676883030256722, 0.598189125972120)
    # EGR valve: c_egr in %^-2, %^-1, 1
    A_egrmax: Array = 4.0e-4
    Pi_egropt: float = 0.6500040483261396
    c_egr: tuple[float, float, float] = (-1.11042379923460e-4, 1.77806122860778e-2, 0.0)
    K_egr: float = 1.8
    tau_egr1: float = 0.05
    tau_egr2: float = 0.13
    tau_degr: float = 0.065
    # turbine: c_vgt in %
    A_vgtmax: Array = 8.455767262643882e-4
    K_t: float = 2.89019266110711
    R_t: float = 0.04
    c_f: tuple[float, float] = (1.9479627004385558, -0.7763118932867504)
    c_vgt: tuple[float, float] = (126.87193572285548, 117.14474688230767)
    eta_tmmax: float = 0.818002726891074
    BSR_opt: float = 0.9755203161802092
    c_m: tuple[float, float, float] = (1.35634407, 2769.20920, 0.0100000987)
    w_tlin: float = 2796.9012935924584
    c_mlin: float = 1.4021470818125312
    tau_vgt: float = 0.025
    tau_dvgt: float = 0.04
    # compressor: polynomials in w_t [rad/s], highest power first
    R_c: float = 0.04
    c_Psi2: float = 0.0
    c_Phi2: float = 0.0
    c_wPsi: tuple[float, float, float] = (1.08820511e-8, -1.73197604e-4, 1.02861648)
    c_wPhi: tuple[float, float, float] = (-1.42977827e-8, -1.54988141e-3, 29.6461722)
    eta_cmax: float = 0.7363607879724583
    W_copt: float = 0.27533757461959213
    pi_copt: float = 1.045517746825637
    c_pi: float = 0.2707594738764899
    Q_c: tuple[float, float, float] = (3.09189776853185, 2.14785596204381, -2.48232013831700)
    # health and submodel errors: factors on compressor and turbine efficiency, compressor flow, flow into cylinders
    k_eta_c: Array = 1.0
    k_eta_t: Array = 1.0
    k_Wc: Array = 1.0
    k_vol: Array = 1.0
    extensions: Extensions = field(default_factory=Extensions)
    softness: float = 0.0
    """Width of all clips relative to the scale of what they clip; 0: exact, as in the release."""

    @property
    def R_a(self) -> float:
        """Gas constant of air [J/(kg K)]."""
        return self.c_pa - self.c_va

    @property
    def R_e(self) -> float:
        """Gas constant of exhaust [J/(kg K)]."""
        return self.c_pe - self.c_ve

    @property
    def gam_a(self) -> float:
        """Ratio of specific heats of air."""
        return self.c_pa / self.c_va

    @property
    def gam_e(self) -> float:
        """Ratio of specific heats of exhaust."""
        return self.c_pe / self.c_ve


RPM = 0.10471975511965977
"""rad/s of 1 rpm, π/30."""
