"""All that a front's equations need of a fresh mixture, at the nodes, but kinetics and the size of transport.

Enthalpy fixes what temperature there is at a progress, so with y(T) the progress under unity Lewis numbers the
composition of that reference, Y_k = Y_k,u + ν_k W_k y, and every property of the single species are known beforehand.
"""

from typing import NamedTuple

import numpy as np

from twin.models.flame.gas import Gas, density, enthalpies, heat_capacities
from twin.models.flame.kinetics import Step
from twin.models.flame.nodes import Nodes
from twin.models.flame.transport import binary_diffusivities, conductivities
from twin.models.flame.unburnt import Fresh, burnt
from twin.space import Floats


class Mixtures(NamedTuple):
    """n mixtures at K nodes.

    ``T_u``, ``T_b``, ``p``, ``density`` [kg/m³], ``progress`` ξ_b [kmol/kg], ``leftover`` share of the reactant that
    is not used up, ``lean`` 1, 0 at stoichiometry, -1 (n,); ``T``, ``S`` [J/kmol], ``y`` and ``slope`` dy/dT (n, K);
    ``fresh`` (n, s) and ``Y`` (n, K, s); ``conductivities`` and ``heat_capacities`` (n, K, s), ``diffusivities``
    (n, K, s, s).
    """

    T_u: Floats
    T_b: Floats
    p: Floats
    density: Floats
    progress: Floats
    leftover: Floats
    lean: Floats
    T: Floats
    S: Floats
    y: Floats
    slope: Floats
    fresh: Floats
    Y: Floats
    conductivities: Floats
    heat_capacities: Floats
    diffusivities: Floats


def mixtures(gas: Gas, step: Step, of: Fresh, at: Nodes) -> Mixtures:
    """Of fresh mixtures. ValueError where one does not burn."""
    T_b, Y_b = burnt(gas, step, of)
    T = of.T[:, None] + at.c * (T_b - of.T)[:, None]
    h, nuW = enthalpies(gas, T), step.nu * gas.W
    S = -(h @ nuW)
    h_u = (of.Y * enthalpies(gas, of.T)).sum(axis=-1)
    y = ((of.Y[:, None] * h).sum(axis=-1) - h_u[:, None]) / S
    Y = of.Y[:, None] + nuW * y[..., None]
    fuel, oxygen = (Y_b[:, k] / of.Y[:, k] for k in step.reactants)
    c_p = heat_capacities(gas, T)
    return Mixtures(
        of.T, T_b, of.p, np.asarray(density(gas, of.T, of.p, of.Y)), of.progress, np.maximum(fuel, oxygen),
        np.sign(np.round(oxygen - fuel, 12)), T, S, y, (Y * c_p).sum(axis=-1) / S, of.Y, Y,
        np.asarray(conductivities(gas, T)), np.asarray(c_p),
        np.asarray(binary_diffusivities(gas, T, np.broadcast_to(of.p[:, None], T.shape))),
    )  # fmt: skip
