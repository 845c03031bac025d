"""Whether the data can tell the parameters, asked before anything is sampled. The answer warns and never refuses.

Five views of one question: the spectrum of the Fisher information over the prior and at the best mode, its stiff and
sloppy combinations in words, profile likelihoods, Sobol indices, and what a further measurement would add. All of it
is plain data, so that it is kept with the posterior under ``metadata["identifiability"]``.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from twin.inference.density import density_of
from twin.inference.identifiability.design import Candidate, Gain, rank
from twin.inference.identifiability.directions import Direction, directions, in_words
from twin.inference.identifiability.information import (
    Valid,
    contraction,
    correlation,
    covariance,
    information,
    quantiles,
    spectrum,
)
from twin.inference.identifiability.profiles import Profile, profiles
from twin.inference.identifiability.sensitivity_indices import Indices, sobol_indices
from twin.inference.identifiability.words import advice, headline, remarks, warnings
from twin.inference.likelihood import Likelihood
from twin.inference.rungs.modes import find_modes
from twin.inference.standard import from_standard, standard
from twin.space import Floats


def identify(
    likelihood: Likelihood,
    *,
    draws: int = 64,
    seed: int = 0,
    candidates: Sequence[Candidate] = (),
    at: Floats | None = None,
    valid: Valid | None = None,
) -> dict[str, Any]:
    """Plain data about what the data can say; numbers that are not finite become None.

    ``draws`` Sobol points of the prior, and as many draws around the mode for the ``candidates``. ``at`` (P,) is the
    mode in the likelihood's extended space; without it, it is searched for. ``valid`` says where a prediction would
    have ended its experiment (a model's own): what comes after does not count over the prior and in candidates.
    ValueError where the predictions are not finite at the mode.
    """
    names = likelihood.forward.space.names
    p = len(names)
    mode = _mode(likelihood, seed) if at is None else np.asarray(at, dtype=np.float64)
    here = information(likelihood, mode[None])
    if not here.finite.all():
        raise ValueError(f"the predictions are not finite at {dict(zip(names, mode[:p].tolist(), strict=True))}")
    matrix = here.matrix[0]
    found = directions(names, matrix)
    shrunk, cov = contraction(matrix), covariance(matrix)
    walked = profiles(likelihood, mode)
    near = around(likelihood, mode, cov, draws, seed)
    gains = rank(likelihood, candidates, near, along=found, valid=valid) if candidates else ()
    return {
        "names": list(names),
        "values": int(sum(len(b.points) for b in likelihood.blocks)),
        "headline": headline(found),
        "warnings": warnings(found, names, shrunk, correlation(cov), walked),
        "advice": advice(found, gains),
        "remarks": remarks(likelihood),
        "prior": _over_prior(likelihood, draws, seed, valid),
        "mode": {
            "theta": _numbers(mode[:p]),
            "sd": _numbers(np.sqrt(np.diag(cov)) * here.reach[0]),
            "contraction": _numbers(shrunk),
            "correlation": [_numbers(row) for row in correlation(cov)],
        },
        "directions": [_direction(d) for d in found],
        "profiles": [_profile(w) for w in walked],
        "indices": [_indices(i) for i in sobol_indices(likelihood, seed=seed, valid=valid)],
        "candidates": [_gain(g) for g in gains],
    }


def around(likelihood: Likelihood, mode: Floats, cov: Floats, n: int, seed: int) -> Floats:
    """Draws (n, P) around the mode (P,) by Laplace's approximation with covariance (p, p) in u; the rest stays."""
    space = likelihood.forward.space
    p = len(space)
    noise = np.random.default_rng(seed).standard_normal((n, p))
    u = standard(space, mode[:p]) + noise @ np.linalg.cholesky(cov).T
    return np.concatenate([from_standard(space, u), np.tile(mode[p:], (n, 1))], axis=1)


def _mode(likelihood: Likelihood, seed: int) -> Floats:
    """The best mode (P,) of the posterior."""
    modes = find_modes(density_of(likelihood), seed=seed)
    return np.asarray(likelihood.space.constrain(modes.z[0]), dtype=np.float64)


def _over_prior(likelihood: Likelihood, draws: int, seed: int, valid: Valid | None) -> dict[str, Any]:
    """Quantiles of each ordered eigenvalue and the mean contraction over prior draws, noise scales drawn as well."""
    found = information(likelihood, likelihood.space.sobol(draws, seed), valid)
    used = found.matrix[found.finite]
    p = len(likelihood.forward.space)
    levels = quantiles(spectrum(used)) if len(used) else np.full((3, p), np.nan)
    shrunk = contraction(used).mean(axis=0) if len(used) else np.full(p, np.nan)
    return {
        "draws": draws,
        "used": len(used),
        "eigenvalues": {key: _numbers(row) for key, row in zip(("q05", "q50", "q95"), levels, strict=True)},
        "contraction": _numbers(shrunk),
    }


def _direction(direction: Direction) -> dict[str, Any]:
    return {
        "weights": _numbers(direction.weights),
        "eigenvalue": direction.eigenvalue,
        "strength": direction.strength,
        "width": direction.width,
        "sloppy": direction.sloppy,
        "words": in_words(direction),
    }


def _profile(profile: Profile) -> dict[str, Any]:
    return {
        "name": profile.name,
        "unit": profile.unit,
        "values": _numbers(profile.values),
        "drop": _numbers(profile.drop),
        "low": profile.low,
        "high": profile.high,
    }


def _indices(indices: Indices) -> dict[str, Any]:
    return {
        "experiment": indices.experiment,
        "observable": indices.observable,
        "unit": indices.unit,
        "first": _numbers(indices.first),
        "total": _numbers(indices.total),
        "points": indices.points,
        "used": indices.used,
        "sd": _number(indices.sd),
    }


def _gain(gain: Gain) -> dict[str, Any]:
    return {
        "name": gain.name,
        "gain": _number(gain.gain),
        "error": _number(gain.error),
        "contraction": _numbers(gain.contraction),
        "sharpening": _numbers(gain.sharpening),
        "used": gain.used,
    }


def _numbers(values: Iterable[float]) -> list[float | None]:
    return [_number(v) for v in values]


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
