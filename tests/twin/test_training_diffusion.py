"""Problem A of specs/training.md: spherical diffusion over two decades of diffusivity, spectral Galerkin rows.

    v_t = d (v_xx + (2/x) v_x),   v_x(1) = -1/d,   v(x, 0) = 0,   d = 1.44 · 10^p,   p in [-1, 1],   t in [0, 1]

With s = √t, coefficients a = s N(s, p, η) of orthonormal even polynomials, η = m/√(1 + m²), m = 2 s √d:

    R = a_s + 2 s d K a + 2 s φ(1),        rows = (I + 2 s d K)⁻¹ R
"""

import math

import numpy as np
import torch
from scipy import special

from twin.arrays import like
from twin.basis import BallPolynomials
from twin.networks import MLP, Network
from twin.training.first_order import SOAP, Adam
from twin.training.gauss_newton import GaussNewton
from twin.training.loop import train
from twin.training.problem import Problem, TorchRows, TorchWeights

BASIS = BallPolynomials(9)
Z, Z_WEIGHTS = np.polynomial.legendre.leggauss(40)
NODES, NODE_WEIGHTS = (Z + 1) / 2, Z_WEIGHTS / 2
SLOPES = BASIS.derivative().matrix(NODES)
STIFFNESS = np.zeros((10, 10))
STIFFNESS[1:, 1:] = (SLOPES * (NODE_WEIGHTS * NODES**2)[:, None]).T @ SLOPES
MEAN = math.sqrt(3.0)
SURFACE = np.concatenate([[MEAN], BASIS.matrix(np.ones(1))[0]])


def diffusion(width: int) -> Problem:
    network = MLP(3, (width, width), 10)

    def rows(weights: TorchWeights, points: torch.Tensor) -> TorchRows:
        s, p = points[:, 0], 2 * points[:, 1] - 1
        k, surface = like(STIFFNESS, points), like(SURFACE, points)
        a, a_s = coefficients(network, weights, s, p)
        c = (2 * s * diffusivity(p))[:, None]
        r = a_s + c * (a @ k) + 2 * s[:, None] * surface
        system = torch.eye(10, dtype=k.dtype) + c[..., None] * k
        return {"galerkin": torch.linalg.solve(system, r)}

    return Problem(network, 2, rows)


def diffusivity(p: torch.Tensor) -> torch.Tensor:
    return 1.44 * torch.exp(math.log(10.0) * p)


def coefficients(
    network: Network, weights: TorchWeights, s: torch.Tensor, p: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """a = -s² φ_0(1) e_0 + (η/d) N and a_s: the mean comes from the balance (scaled output of training.md 3.2)."""
    d = diffusivity(p)
    m = 2 * s * torch.sqrt(d)
    eta, eta_s = m / torch.sqrt(1 + m**2), 2 * torch.sqrt(d) * (1 + m**2) ** -1.5
    x = torch.stack([2 * s - 1, p, 2 * eta - 1], dim=-1)
    x_s = torch.stack([2 * torch.ones_like(s), torch.zeros_like(s), 2 * eta_s], dim=-1)
    n, n_s = torch.func.jvp(lambda x: network(weights, x), (x,), (x_s,))[:2]
    mean = like(MEAN * np.eye(10)[0], s)
    a = -(s**2)[:, None] * mean + (eta / d)[:, None] * n
    a_s = -2 * s[:, None] * mean + (eta_s / d)[:, None] * n + (eta / d)[:, None] * n_s
    return a, a_s


def series(x: np.ndarray, t: np.ndarray, d: float) -> np.ndarray:
    """Crank 1975, The Mathematics of Diffusion, equation 6.45: (T, X), with λ_n the roots of tan λ = λ."""
    n = np.arange(1, 401)
    roots = (n + 0.5) * math.pi
    for _ in range(60):
        roots = n * math.pi + np.arctan(roots)
    shape = special.spherical_jn(0, roots[None] * x[:, None]) / (roots**2 * special.spherical_jn(0, roots))
    decay = np.exp(-d * roots**2 * t[:, None])
    smooth = 3 * d * t[:, None] + 0.5 * x**2 - 0.3
    return np.asarray(-(smooth - 2 * decay @ shape.T) / d)


def error(network: Network, weights: TorchWeights) -> float:
    x, t = np.linspace(0.0, 1.0, 41), np.linspace(0.0, 1.0, 41)[1:]
    phi = np.concatenate([np.full((41, 1), MEAN), BASIS.matrix(x)], axis=1)
    off, size = 0.0, 0.0
    for p in np.linspace(-1.0, 1.0, 17):
        s = torch.sqrt(torch.as_tensor(t))
        a = coefficients(network, weights, s, torch.full_like(s, p))[0].detach().numpy()
        exact = series(x, t, float(1.44 * 10**p))
        off, size = off + np.sum((a @ phi.T - exact) ** 2), size + np.sum(exact**2)
    return float(np.sqrt(off / size))


def test_the_closed_form_satisfies_the_equation_that_the_rows_state() -> None:
    """Projected on the basis, the series makes small rows: rows, basis and reference agree."""
    x, t, d, h = NODES, np.array([0.3]), 1.44, 1e-5
    phi = np.concatenate([np.full((len(x), 1), MEAN), BASIS.matrix(x)], axis=1)
    a, ahead, behind = ((NODE_WEIGHTS * x**2 * series(x, (np.sqrt(t) + k) ** 2, d)) @ phi for k in (0.0, h, -h))
    s = math.sqrt(t[0])
    r = (ahead - behind) / (2 * h) + 2 * s * d * a @ STIFFNESS + 2 * s * SURFACE
    preconditioned = np.linalg.solve(np.eye(10) + 2 * s * d * STIFFNESS, r[0])
    assert np.abs(preconditioned).max() < 1e-5


def test_gauss_newton_reaches_a_thousandth_in_40_steps() -> None:
    problem = diffusion(20)
    result = train(problem, (GaussNewton(steps=40, batch=300),), seed=0)
    assert error(problem.network, result.weights) < 1e-3


def test_soap_reaches_a_hundredth_in_600_steps_and_adam_stays_three_times_above() -> None:
    problem = diffusion(24)
    soap, adam = (train(problem, (stage,), seed=0) for stage in (SOAP(steps=600), Adam(steps=600)))
    assert error(problem.network, soap.weights) < 1e-2
    assert error(problem.network, adam.weights) > 3 * error(problem.network, soap.weights)
