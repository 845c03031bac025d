"""A positive quantity read off every frame of a video, with the covariance of the reader's errors.

The logarithm of the quantity at frame k of a clip is

    y_k = μ_k + s + e_k,    s ~ N(0, σ_s²),    Cov(e_k, e_l) = σ_k σ_l exp(-|t_k - t_l|/ℓ)

s is an error that all frames of the clip share, as a wrong scale. μ_k and σ_k come from features of the frame and of
the clip, σ_s from those of the clip. Labels are needed at few frames only: their joint law is a part of the whole one.
"""

import math
from dataclasses import dataclass

import torch
from torch import nn

from twin.video import VideoEncoder

Tensor = torch.Tensor

LEAST_SD, MOST_SD = 0.005, 1.0
"""Of σ_s and σ_k."""


@dataclass(frozen=True, eq=False)
class Reading:
    """μ (B, T), σ_s (B,) and σ_k (B, T), all of the logarithm, and the times (B, T) [s]."""

    mean: Tensor
    common: Tensor
    own: Tensor
    times: Tensor
    memory: float

    @property
    def covariance(self) -> Tensor:
        """Of y (B, T, T)."""
        return covariance(self.common, self.own, self.times, self.memory)

    def at(self, frames: Tensor) -> "Reading":
        """The joint law at some frames (B, L) of each clip."""

        def pick(values: Tensor) -> Tensor:
            return values.gather(1, frames)

        return Reading(pick(self.mean), self.common, pick(self.own), pick(self.times), self.memory)

    def scaled(self, common: float, own: float) -> "Reading":
        """The same with σ_s and σ_k multiplied, as a held-out set asks for (``calibrate``)."""
        return Reading(self.mean, common * self.common, own * self.own, self.times, self.memory)


class CurveReader(nn.Module):
    """Clips (B, T, H, W), mask (B, T) and times (B, T) [s] -> the reading; ``memory`` is ℓ [s].

    ``centre`` and ``spread`` are mean and standard deviation of the labels' logarithm, where training starts.
    """

    def __init__(self, encoder: VideoEncoder, *, centre: float, spread: float, memory: float) -> None:
        super().__init__()
        self.encoder = encoder
        width = encoder.features
        self.frame = nn.Sequential(nn.Linear(2 * width, 64), nn.ReLU(), nn.Linear(64, 2))
        self.clip = nn.Sequential(nn.Linear(width, 32), nn.ReLU(), nn.Linear(32, 1))
        self.centre, self.spread, self.memory = centre, spread, memory

    def forward(self, clips: Tensor, mask: Tensor, times: Tensor) -> Reading:
        """The reading; what it says of frames that the mask leaves out means nothing."""
        frames, clip = self.encoder(clips, mask)
        both = torch.cat([frames, clip[:, None].expand_as(frames)], dim=-1)
        found = self.frame(both)
        mean = self.centre + self.spread * found[..., 0]
        return Reading(mean, _sd(self.clip(clip)[:, 0]), _sd(found[..., 1]), times, self.memory)


def covariance(common: Tensor, own: Tensor, times: Tensor, memory: float) -> Tensor:
    """σ_s² + σ_k σ_l exp(-|t_k - t_l|/ℓ) (B, T, T)."""
    lag = (times[:, :, None] - times[:, None, :]).abs()
    return common[:, None, None] ** 2 + own[:, :, None] * own[:, None, :] * torch.exp(-lag / memory)


def negative_log_likelihood(reading: Reading, labels: Tensor, label_sd: float) -> Tensor:
    """-log N(log labels; μ, C + label_sd² I) (B,) of labels (B, L) at the frames of the reading.

    ``label_sd`` is the labels' own relative error, independent between labels, so that C is left as the law of what is
    labelled, not of labels.
    """
    law, residual = reading.covariance.double(), (labels.log() - reading.mean).double()
    n = residual.shape[-1]
    factor = torch.linalg.cholesky(law + label_sd**2 * torch.eye(n, dtype=torch.float64, device=law.device))
    white = torch.linalg.solve_triangular(factor, residual[..., None], upper=False)[..., 0]
    log_volume = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    total: Tensor = 0.5 * (white**2).sum(-1) + log_volume + 0.5 * n * math.log(2 * math.pi)
    return total


def _sd(raw: Tensor) -> Tensor:
    """Between its bounds, 0.05 at 0."""
    return LEAST_SD + (MOST_SD - LEAST_SD) * torch.sigmoid(raw - 3.0)
