"""Gradients of several terms -> one direction that lowers all of them."""

import torch


def config(gradients: torch.Tensor) -> torch.Tensor:
    """ConFIG: a direction g (P,) with the same positive cosine to every row g_i of ``gradients`` (T, P).

        g = (Σ_i g_iᵀ u) u,      u = U([U(g_1), …, U(g_T)]⁻ᵀ 1),      U(x) = x/|x|,  ⁻ᵀ by pseudo-inverse

    Liu, Chu, Thuerey 2024, arXiv 2408.11104. A term without gradient has no say.
    """
    units = _unit(gradients.double())
    ones = (units.abs().sum(dim=1) > 0).double()
    direction = _unit(torch.linalg.pinv(units) @ ones)
    return ((gradients.double() @ direction).sum() * direction).to(gradients.dtype)


def _unit(x: torch.Tensor) -> torch.Tensor:
    """x/|x| along the last axis, 0 where x is."""
    norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return torch.where(norm > 0, x / torch.where(norm > 0, norm, 1.0), 0.0)
