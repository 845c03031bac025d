"""A first guess of a front, by activation-energy asymptotics: where Newton's method begins when nothing else is known.

The gradient of a flame of the first order with a large Zeldovich number Ze = Ea (T_b - T_u)/(R T_b²) is (Zeldovich and
Frank-Kamenetsky 1938)

    z = y √(1 - (1 + η) e^-η),        η = Ze (1 - c).

Multiplied by z and integrated over T, the equation of z then gives the mass flux, m² = ∫ λ r/S dT / ∫ y' z dT, with the
rate at unity Lewis numbers.
"""

import numpy as np

from twin.arrays import Array, like, namespace
from twin.models.flame.gas import R
from twin.models.flame.kinetics import Kinetics
from twin.models.flame.mixtures import Mixtures
from twin.models.flame.spectral import Problem, order_at_hot_end, unity_lewis

LEAST_ZELDOVICH = 4.0


def cold_start(problem: Problem, law: Kinetics) -> Array:
    """Unknowns (*batch, n, 5 K)."""
    at, of = problem.at, problem.of
    xp, some = namespace(law.ln_A), law.ln_A
    y, slope, S = (like(part, some) for part in (of.y, of.slope, of.S))
    Ze = zeldovich(of, law)
    Ze = xp.where(Ze > LEAST_ZELDOVICH, Ze, LEAST_ZELDOVICH + 0 * Ze)
    left = like(1 - at.c, some)
    eta = Ze[..., None] * left
    z = y * xp.sqrt(1 - (1 + eta) * xp.exp(-eta))
    w = xp.log(z / y) - order_at_hot_end(of, law)[..., None] * xp.log(left)
    K = len(at.c)
    coefficients = w @ like(np.linalg.pinv(at.values[:, : K - 1]).T, some)
    rate, lam = unity_lewis(problem, law)
    along = like(at.weights * at.rise, some)
    flux = 0.5 * xp.log(xp.sum(along * lam * rate / S, axis=-1) / xp.sum(along * slope * z, axis=-1))
    species = len(problem.gas.names) - 1
    rest = xp.zeros((*flux.shape, species * K), dtype=flux.dtype)
    return xp.concat([flux[..., None], coefficients, like(rest, flux)], axis=-1)


def zeldovich(of: Mixtures, law: Kinetics) -> Array:
    """Ze (*batch, n)."""
    return law.Ea * like((of.T_b - of.T_u) / (R * of.T_b**2), law.Ea)
