"""How the particles at every depth of an electrode answer to the reaction in one implicit stage of time.

With the Galerkin modes m (the mean stoichiometry first) of ``diffusion_levels.py``, v their rate D/R² and f the rate at
which J = 1 fills a particle, a stage of length h that begins with m₀ demands

    m + h K(m) m = m₀ + h f J g,    K(m)_kl = ∫ ρ² v(y, T) φ_k' φ_l' dρ,    y = Σ_l m_l φ_l.

A particle gives that as m = a + J b: exactly where v does not depend on y (``uniform``), and where it does, linearised
at the modes as they are (``graded``), once in every iteration of Newton's method. Means are exact in both.
"""

from functools import cache
from typing import NamedTuple, Protocol

import numpy as np

from twin.basis import BallPolynomials
from twin.dual import Dual
from twin.models.battery.cell import Electrode
from twin.models.battery.diffusion_levels import MODES, quadrature, stiffness_modes, vectors_at_surface
from twin.space import Floats


class Held(NamedTuple):
    """The stage of one electrode's particles: h [s] (B, 1), h f (B, 1), m₀ (B, N, K + 1), T [K] (B, 1), the factor on
    D (B, 1) and the stoichiometry at the start of all (B, 1).
    """

    electrode: Electrode
    length: Floats
    filled: Floats
    modes: Floats
    temperature: Floats
    factor: Floats
    start: Floats


class Answer(NamedTuple):
    """a (B, N, K + 1) and b, which broadcasts against it."""

    offset: Floats
    gain: Floats

    def modes(self, reaction: Floats) -> Floats:
        """m for J (B, N)."""
        return np.asarray(self.offset + self.gain * reaction[..., None])


class Particle(Protocol):
    """What an electrode's particles do in a stage, near modes (B, N, K + 1)."""

    def __call__(self, held: Held, near: Floats) -> Answer:
        """The answer."""
        ...


def uniform(held: Held, near: Floats) -> Answer:
    """Of a diffusivity that does not depend on the filling: in closed form, since K's eigenvectors are the modes."""
    rate = held.factor * held.electrode.diffusivity(held.start, held.temperature) / held.electrode.particle_radius**2
    values, _, drives = modes_of_a_particle()
    kept = (1 / (1 + held.length * rate * values))[:, None, :]
    return Answer(kept * held.modes, held.filled[..., None] * (kept * drives))


def graded(held: Held, near: Floats) -> Answer:
    """Of a diffusivity that depends on it: one step of Newton's method, with the Jacobian of K(m) m."""
    shapes, slopes, volume = _at_nodes()
    _, _, drives = modes_of_a_particle()
    y, steep = near @ shapes.T, near @ slopes.T
    speed = (held.length * held.factor / held.electrode.particle_radius**2)[..., None]
    local: Dual = held.electrode.diffusivity(Dual(y, np.ones((1, *y.shape))), held.temperature[..., None])
    v, by_y = speed * local.value, speed * local.slope[0] * steep
    weighted = slopes * volume[:, None]
    flux = (v * steep) @ weighted
    across = weighted.T @ (v[..., None] * slopes + by_y[..., None] * shapes)
    matrix = np.eye(near.shape[-1]) + across
    wanted = np.stack([near + flux - held.modes, held.filled[..., None] * drives + 0 * near], axis=-1)
    broken = ~np.isfinite(matrix).all(axis=(-2, -1))
    matrix[broken], wanted[broken] = np.eye(matrix.shape[-1]), np.nan
    found = np.linalg.solve(matrix, wanted)
    return Answer(near - found[..., 0], found[..., 1])


@cache
def modes_of_a_particle() -> tuple[Floats, Floats, Floats]:
    """Of the mean and the modes: eigenvalues of K at v = 1, values at the surface, and g."""
    values, vectors = stiffness_modes()[0], vectors_at_surface()
    return np.append(0.0, values), np.append(1.0, vectors), np.append(1.0, vectors / 3)


@cache
def _at_nodes() -> tuple[Floats, Floats, Floats]:
    """Values and slopes of the mean and the modes at the nodes (Q, K + 1), and weights times ρ² (Q,)."""
    rho, volume = quadrature()
    basis, turned = BallPolynomials(MODES), stiffness_modes()[1]
    shapes, slopes = basis.matrix(rho) @ turned, basis.derivative().matrix(rho) @ turned
    one = np.ones((len(rho), 1))
    return np.concatenate([one, shapes], axis=1), np.concatenate([0 * one, slopes], axis=1), volume
