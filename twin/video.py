"""A small network for grey videos: spatial and temporal convolutions apart, frame by frame and clip by clip.

R(2+1)D (Tran et al. 2018, CVPR, DOI 10.1109/CVPR.2018.00675) factors a 3×3×3 convolution into 1×3×3 and 3×1×1. Here the
stem halves the image twice, each of the blocks halves it once more; time is never shortened, so that every frame
keeps features of its own. Group normalisation (Wu and He 2018, arXiv 1803.08494) takes its moments over one frame, and
features of padded frames are set to zero before every temporal convolution: what a frame's features are does not depend
on how much padding follows the clip.
"""

import itertools
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

Tensor = torch.Tensor

CHANNELS = (16, 32, 64, 128)
GROUPS = 4


class Separable(nn.Module):
    """1×3×3 with stride 2, then 3×1×1, each normalised per frame; the sum with the shortcut passes a ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.space = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.first = nn.GroupNorm(GROUPS, outputs)
        self.time = nn.Conv1d(outputs, outputs, 3, padding=1, bias=False)
        self.second = nn.GroupNorm(GROUPS, outputs)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.stride = stride

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Features (B·T, C', H/2, W/2) of (B·T, C, H, W) with mask (B, T)."""
        h = functional.relu(self.first(self.space(x)))
        h = self.second(over_time(self.time, h, mask))
        return functional.relu(h + self.shortcut(functional.avg_pool2d(x, self.stride, ceil_mode=True)))


class VideoEncoder(nn.Module):
    """Features of every frame (B, T, F) and of the clip (B, F), F the last of ``channels``.

    Clips (B, T, H, W) are float, standardised; the mask (B, T) is 1 where there is a frame. The clip's features are the
    mean over its frames.
    """

    def __init__(self, channels: Sequence[int] = CHANNELS, stem: int = 8) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, stem, 7, stride=2, padding=3, bias=False)
        self.stem_norm = nn.GroupNorm(GROUPS, stem)
        self.stem_time = nn.Conv1d(stem, stem, 3, padding=1, bias=False)
        sizes = (stem, *channels)
        self.blocks = nn.ModuleList(Separable(m, n, 2) for m, n in itertools.pairwise(sizes))
        self.features = 2 * channels[-1]

    def forward(self, clips: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Features of frames (B, T, F) and clips (B, F)."""
        b, t, height, width = clips.shape
        kept = mask.to(clips.dtype)
        x = (clips * kept[:, :, None, None]).reshape(b * t, 1, height, width)
        x = functional.avg_pool2d(functional.relu(self.stem_norm(self.stem(x))), 2)
        x = functional.relu(over_time(self.stem_time, x, kept))
        for block in self.blocks:
            x = block(x, kept)
        frames = torch.cat([x.mean(dim=(2, 3)), x.amax(dim=(2, 3))], dim=-1).reshape(b, t, -1)
        return frames, masked_mean(frames, kept)


def over_time(convolution: nn.Conv1d, x: Tensor, mask: Tensor) -> Tensor:
    """A temporal convolution of (B·T, C, H, W); frames that the mask (B, T) leaves out count as zero."""
    b, t = mask.shape
    _, c, height, width = x.shape
    rows = (x.reshape(b, t, c, height * width) * mask[:, :, None, None]).permute(0, 3, 2, 1)
    mixed = convolution(rows.reshape(-1, c, t))
    back: Tensor = mixed.reshape(b, height * width, -1, t).permute(0, 3, 2, 1).reshape(b * t, -1, height, width)
    return back


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the second axis of (B, T, F) where the mask (B, T) is 1."""
    return (values * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1.0)
