"""Thirteen parameters as ten dimensionless groups and three scales.

    ε_max = E_max T_c/R_s   ε_min = E_min T_c/R_s   r_m = R_m/R_s   r_a = R_a/R_s   r_c = R_c/R_s   l = L_s/(R_s T_c)
    g_s = R_s C_s/T_c       g_a = R_s C_a/T_c       g_r = R_s C_r/T_c                τ = T_max/T_c = 0.15 + 0.2 s/T_c

    V = V_0 + SBV v(φ),   P = (R_s SBV/T_c) p(φ),   Q = (SBV/T_c) q(φ),   φ = t/T_c

so two symmetries hold exactly for ideal valves: SBV scales volumes, pressures and flows alike (S1), and impedances
times k with compliances over k scale the pressures alone (S2). From volumes alone pressures cannot be known.
"""

from dataclasses import dataclass

from twin.arrays import Array, namespace
from twin.models.cardiac.activation import peak_phase
from twin.models.cardiac.loop import Loop


@dataclass(frozen=True, eq=False)
class Groups:
    """The ten groups, each (*batch,)."""

    eps_max: Array
    eps_min: Array
    r_m: Array
    r_a: Array
    r_c: Array
    g_s: Array
    g_a: Array
    g_r: Array
    l: Array  # noqa: E741
    tau: Array

    def __getitem__(self, index: object) -> "Groups":
        """Each group indexed, as to stand against phases."""
        return Groups(**{name: value[index] for name, value in vars(self).items()})

    def stack(self) -> Array:
        """Logarithms (*batch, 10)."""
        columns = list(vars(self).values())
        xp = namespace(*columns)
        return xp.log(xp.stack(columns, axis=-1))


def groups_of(loop: Loop) -> Groups:
    """The groups of a patient."""
    beat = loop.beat
    return Groups(
        eps_max=loop.Emax * beat / loop.Rs,
        eps_min=loop.Emin * beat / loop.Rs,
        r_m=loop.Rm / loop.Rs,
        r_a=loop.Ra / loop.Rs,
        r_c=loop.Rc / loop.Rs,
        g_s=loop.Rs * loop.Cs / beat,
        g_a=loop.Rs * loop.Ca / beat,
        g_r=loop.Rs * loop.Cr / beat,
        l=loop.Ls / (loop.Rs * beat),
        tau=peak_phase(beat) + 0 * loop.Rs,
    )


def pressure_scale(loop: Loop) -> Array:
    """R_s SBV/T_c [mmHg]."""
    return loop.Rs * loop.SBV / loop.beat


def flow_scale(loop: Loop) -> Array:
    """SBV/T_c [mL/s]."""
    return loop.SBV / loop.beat
