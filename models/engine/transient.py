"""Seeded transients of the four commands: smoothed noise, mapped onto ranges of a heavy-duty engine at work.

Standard normal numbers are convolved with a Hann window of 2 w + 1 samples and mapped affinely, so that the lowest and
highest of each signal are those of its range. Seed 1 gives the standard transient ST-1 to which docs/engine.md refers.
"""

import numpy as np

from twin.models.engine.actuators import Commands
from twin.space import Floats

SEED = 1
DURATION, INTERVAL = 60.0, 0.2
"""[s]"""
SIGNALS = ((1000.0, 1700.0, 25), (40.0, 170.0, 12), (5.0, 75.0, 12), (28.0, 80.0, 12))
"""Lowest, highest and half-width w of n_e [rpm], u_delta [mg], u_egr [%] and u_vgt [%], in the order of drawing."""


def transient(seed: int = SEED, duration: float = DURATION) -> Commands:
    """Commands every 0.2 s."""
    n = round(duration / INTERVAL) + 1
    rng = np.random.default_rng(seed)
    return Commands(np.linspace(0.0, duration, n), *(_smooth(rng, n, *signal) for signal in SIGNALS))


def _smooth(rng: np.random.Generator, n: int, low: float, high: float, w: int) -> Floats:
    noise = np.convolve(rng.standard_normal(n + 4 * w), np.hanning(2 * w + 1), mode="same")[2 * w : 2 * w + n]
    return np.asarray(low + (high - low) * (noise - noise.min()) / (noise.max() - noise.min()))
