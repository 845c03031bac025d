"""Importance samples of many targets, and what speaks against them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twin.inference.rungs.pareto import smooth
from twin.inference.rungs.split_t import Points, Rows, SplitT, Target, draw
from twin.space import Floats


@dataclass(frozen=True, eq=False)
class Weighted:
    """Draws ``u`` (m, n, p), log target (m, n), smoothed log weights (m, n) that sum to 1, k-hat (m,).

    ``ess`` (m,) is Kish's effective sample size 1/Σw².
    """

    u: Floats
    log_target: Floats
    log_weights: Floats
    khat: Floats
    ess: Floats


@dataclass(frozen=True)
class Standard:
    """What a sample must reach: k-hat at most, effective sample size at least."""

    khat: float
    ess: float

    def met(self, sample: Weighted) -> npt.NDArray[np.bool_]:
        """Where the sample does (m,)."""
        return np.asarray((sample.khat <= self.khat) & (sample.ess >= self.ess))

    def objection(self, sample: Weighted, row: int) -> str:
        """What speaks against one target's sample, or the empty string."""
        khat, ess = float(sample.khat[row]), float(sample.ess[row])
        heavy = "" if khat <= self.khat else f"k-hat {khat:.2f} > {self.khat:.2f}"
        few = "" if ess >= self.ess else f"ESS {ess:.0f} < {self.ess:.0f}"
        return ", ".join(filter(None, (heavy, few)))

    def praise(self, sample: Weighted, row: int) -> str:
        """Why it is accepted."""
        return f"k-hat {sample.khat[row]:.2f} <= {self.khat:.2f}, ESS {sample.ess[row]:.0f} >= {self.ess:.0f}"


def weigh(target: Target, proposal: SplitT, at: Points, rows: Rows) -> Weighted:
    """Draws of the proposal, weighted by target over proposal."""
    u, log_proposal = draw(proposal, at)
    log_target = target(u, rows)
    log_weights, khat = smooth(log_target - log_proposal)
    return Weighted(u, log_target, log_weights, khat, 1.0 / np.sum(np.exp(2.0 * log_weights), axis=1))


def resample(log_weights: Floats, n: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Positions (n,) of equally weighted draws by systematic resampling, in random order."""
    cumulative = np.cumsum(np.exp(log_weights))
    places = (rng.uniform() + np.arange(n)) / n * cumulative[-1]
    return rng.permutation(np.searchsorted(cumulative, places).clip(max=len(cumulative) - 1))
