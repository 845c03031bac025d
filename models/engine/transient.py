"""Seeded transients of the four commands: smoothed noise, mapped onto ranges of a heavy-duty engine at work.

Standard normal numbers are convolved with a Hann window of 2 w + 1 samples and mapped affinely, so that the lowest and
highest of each signal are those of its range. Seed 1 with the ranges below is the standard transient ST-1.
"""

from collections.abc import Sequence

import numpy as np

from twin.models.engine.actuators import Commands
from twin.space import Floats

SEED = 1
DURATION, INTERVAL = 60.0, 0.2
"""[s]"""
Signal = tuple[float, float, int]
SIGNALS: tuple[Signal, ...] = ((1000.0, 1700.0, 25), (40.0, 170.0, 12), (5.0, 75.0, 12), (28.0, 80.0, 12))
"""Lowest, highest and half-width w of n_e [rpm], u_delta [mg], u_egr [%] and u_vgt [%], in the order of drawing."""
Reach = tuple[tuple[float, float, float], ...]
WHOLE: Reach = ((600.0, 1950.0, 300.0), (8.0, 235.0, 50.0), (0.0, 90.0, 30.0), (21.0, 100.0, 20.0))
"""Lowest and highest of a random transient's signals, and by how much they differ at least: the whole map, to stall."""
WORK: Reach = ((900.0, 1850.0, 250.0), (35.0, 200.0, 50.0), (0.0, 78.0, 30.0), (24.0, 92.0, 20.0))
"""Engines at work: near idle the compressor's efficiency is at its floor, and a window tells nothing."""
WIDTHS = (4, 40)


def transient(seed: int = SEED, duration: float = DURATION, signals: Sequence[Signal] = SIGNALS) -> Commands:
    """Commands every 0.2 s."""
    n = round(duration / INTERVAL) + 1
    rng = np.random.default_rng(seed)
    return Commands(np.linspace(0.0, duration, n), *(_smooth(rng, n, *signal) for signal in signals))


def random_transient(seed: int, duration: float = DURATION, reach: Reach = WORK) -> Commands:
    """One whose ranges and widths are drawn too: from slow cruising to kicks on the pedal."""
    rng = np.random.default_rng([seed, SEED])
    signals = []
    for low, high, least in reach:
        begin = rng.uniform(low, high - least)
        signals.append((begin, rng.uniform(begin + least, high), int(rng.integers(*WIDTHS))))
    return transient(int(rng.integers(2**31)), duration, signals)


def _smooth(rng: np.random.Generator, n: int, low: float, high: float, w: int) -> Floats:
    noise = np.convolve(rng.standard_normal(n + 4 * w), np.hanning(2 * w + 1), mode="same")[2 * w : 2 * w + n]
    return np.asarray(low + (high - low) * (noise - noise.min()) / (noise.max() - noise.min()))
