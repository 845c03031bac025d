"""Errors that follow one another: first-order autoregression over the consecutive readings of an experiment.

With the residual r_i of scale s_i at the first coordinate t_i, Δ the median spacing of readings and ρ in (0, 1),

    r_i/s_i | r_{i-1}/s_{i-1} ~ N(φ_i r_{i-1}/s_{i-1}, 1 - φ_i²),   φ_i = ρ^((t_i - t_{i-1})/Δ),   r_1/s_1 ~ N(0, 1),

the Ornstein-Uhlenbeck process (Uhlenbeck & Ornstein 1930, Phys. Rev. 36, 823) read at the t_i, so that a missing
reading changes nothing for the others. The innovations r_i - a_i r_{i-1} with a_i = φ_i s_i/s_{i-1} are independent,
of scales s_i √(1 - φ_i²), and the map to them has determinant 1: whatever is made for independent errors goes on with
innovations in place of residuals, and with patterns (``low_rank.py``) mapped the same way.

Values stand along the last axis. Runs under NumPy, PyTorch and JAX.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_banded

from twin.arrays import Array, like, namespace
from twin.experiment import Experiment
from twin.inference.blocks import Block
from twin.model import Forward
from twin.priors import Beta
from twin.space import Floats, Parameter, Space, nearest

PRIOR = Beta(2.0, 2.0)
"""Of ρ: flat but for its ends. At 1 neighbours would be equal and the scale without bound: under a flat prior its
posterior has tails like σ⁻³."""
ALONE = -1
"""In place of the series of a value whose error follows none."""


@dataclass(frozen=True, eq=False)
class Order:
    """Of each of the N values (N,): its ``series``, its ``time`` in units of Δ, where ρ stands in the extended θ."""

    series: npt.NDArray[np.int64]
    time: Floats
    correlation: npt.NDArray[np.int64]


class Links(NamedTuple):
    """Which measured value follows which: positions (*batch, N), where they count, and ``gap`` in units of Δ."""

    previous: Array
    following: Array
    follows: Array
    leads: Array
    gap: Array


class Filter(NamedTuple):
    """The map to innovations at some θ: φ, √(1 - φ²), residual scales s and a, all (*batch, N)."""

    links: Links
    phi: Array
    root: Array
    scale: Array
    carry: Array


def correlation_name(observable: str) -> str:
    """``correlation_pressure``."""
    return f"correlation_{observable}"


def correlation_space(forward: Forward, experiments: Sequence[Experiment], names: Sequence[str]) -> Space:
    """One ρ per observable whose errors follow one another.

    ValueError for an observable nobody measured or named twice, or readings that are not in order.
    """
    measured = tuple(dict.fromkeys(name for e in experiments for name in e.observables))
    parameters = []
    for name in names:
        if name not in measured:
            raise ValueError(f"autoregressive: no observable {name!r} was measured{nearest(name, measured)}")
        step, first = step_of(experiments, name), forward.coordinates[0]
        meaning = f"correlation of errors of {name} that are {step:.3g} {first.unit} of {first.name} apart"
        parameters.append(Parameter(correlation_name(name), "1", PRIOR, 0.5, meaning, "weak: flat but for its ends"))
    return Space(tuple(parameters))


def step_of(experiments: Sequence[Experiment], name: str) -> float:
    """Δ: the median spacing of an observable's readings along the first coordinate, over all experiments.

    ValueError where there is nothing to space, or the first coordinate does not increase.
    """
    spacings = []
    for e in experiments:
        if name in e.observables:
            if e.x.shape[1] == 0:
                raise ValueError(f"{e.name}: errors of {name} cannot follow one another without a coordinate")
            spacing = np.diff(e.x[:, 0])
            wrong = np.flatnonzero(~(spacing > 0))
            if len(wrong):
                a, b = e.x[wrong[0] : wrong[0] + 2, 0]
                raise ValueError(
                    f"{e.name}: errors of {name} follow one another along {e.coordinates[0]}, which must increase: "
                    f"got {b:g} after {a:g} in row {wrong[0] + 1}; sort the rows, or take repeated readings apart"
                )
            spacings.append(spacing)
    whole = np.concatenate(spacings)
    if not len(whole):
        raise ValueError(
            f"autoregressive: expected at least two readings of {name} in some experiment, got one in each"
        )
    return float(np.median(whole))


def order_of(blocks: Sequence[Block], names: Sequence[str], space: Space) -> Order:
    """The order of all values of all experiments, flattened row by row."""
    experiments = [b.experiment for b in blocks]
    series, time, place, count = [], [], [], 0
    for block in blocks:
        own = np.full(block.y.shape, ALONE, dtype=np.int64)
        when, where = np.zeros(block.y.shape), np.zeros(block.y.shape, dtype=np.int64)
        for j, name in enumerate(block.experiment.observables):
            if name in names:
                own[:, j] = count
                when[:, j] = block.x[:, 0] / step_of(experiments, name)
                where[:, j] = space.index(correlation_name(name))
                count += 1
        series.append(own.ravel())
        time.append(when.ravel())
        place.append(where.ravel())
    return Order(np.concatenate(series), np.concatenate(time), np.concatenate(place))


def links(order: Order, mask: Array) -> Links:
    """The links between the values measured, those with ``mask`` (*batch, N)."""
    xp = namespace(mask)
    missing = xp.astype(~mask, xp.int32)
    key = 2 * like(order.series, missing) + missing
    sorted_ = xp.argsort(key, axis=-1, stable=True)
    ranked = _at(key, sorted_)
    both = (ranked[..., 1:] == ranked[..., :-1]) & (ranked[..., 1:] >= 0) & (ranked[..., 1:] % 2 == 0)
    none = xp.zeros_like(both[..., :1])
    back = xp.argsort(sorted_, axis=-1)
    previous = _at(xp.concat([sorted_[..., :1], sorted_[..., :-1]], axis=-1), back)
    follows = _at(xp.concat([none, both], axis=-1), back)
    time = xp.broadcast_to(xp.asarray(order.time), mask.shape)
    return Links(
        previous=previous,
        following=_at(xp.concat([sorted_[..., 1:], sorted_[..., -1:]], axis=-1), back),
        follows=follows,
        leads=_at(xp.concat([both, none], axis=-1), back),
        gap=xp.where(follows, time - _at(time, previous), xp.ones_like(time)),
    )


def filter_at(order: Order, between: Links, theta: Array, scale: Array) -> Filter:
    """The map to innovations at the extended θ (*batch, P), for residuals of ``scale`` (*batch, N)."""
    xp = namespace(theta)
    between = Links(*(xp.asarray(part) for part in between))
    rho = xp.take(theta, xp.asarray(order.correlation), axis=-1)
    rho = xp.where(between.follows, rho, xp.full_like(rho, 0.5))
    phi = xp.where(between.follows, rho ** like(between.gap, theta), xp.zeros_like(rho))
    root = xp.sqrt((1.0 - phi) * (1.0 + phi))
    return Filter(between, phi, root, scale, phi * scale / _at(scale, between.previous))


def innovations(of: Filter, values: Array) -> Array:
    """r_i - a_i r_{i-1} of ``values`` (*batch, N), or (*batch, k, N)."""
    carry, previous = of.carry, of.links.previous
    if values.ndim > carry.ndim:
        carry, previous = carry[..., None, :], previous if previous.ndim == 1 else previous[..., None, :]
    return values - carry * _at(values, previous)


def returned(of: Filter, values: Array) -> Array:
    """The transpose of ``innovations``: v_i - a_{i+1} v_{i+1}."""
    xp = namespace(values)
    carry, following, leads = of.carry, of.links.following, of.links.leads
    if values.ndim > carry.ndim:
        carry, leads = carry[..., None, :], leads[..., None, :]
        following = following if following.ndim == 1 else following[..., None, :]
    onward = _at(carry * values, following)
    return values - xp.where(leads, onward, xp.zeros_like(onward))


def innovation_scale(of: Filter) -> Array:
    """s_i √(1 - φ_i²) (*batch, N)."""
    return of.scale * of.root


def carry_information(of: Filter) -> Array:
    """Fisher information E[r_{i-1}²]/(s_i² (1 - φ_i²)) on a_i (*batch, N), 0 where a value follows none."""
    xp = namespace(of.scale)
    found = (_at(of.scale, of.links.previous) / innovation_scale(of)) ** 2
    return xp.where(of.links.follows, found, xp.zeros_like(found))


def left_out(of: Filter, scale: Array, miss: Array, turned: Array | None) -> Array:
    """log p(r_i | all others) (*batch, N), from innovations v and patterns V, whitened by their ``scale`` (*batch, N).

    With B the map to innovations and D their variances, the precision is K⁻¹ = Bᵀ D^-½ (I - V A⁻¹ Vᵀ) D^-½ B;
    ``miss`` (*batch, N) is v - V A⁻¹ Vᵀ v and ``turned`` (*batch, R, N) is L⁻¹Vᵀ, None without patterns. The rest is as
    in ``low_rank.left_out``; without patterns it is the normal law given the two neighbours.
    """
    xp = namespace(miss)
    pulled = returned(of, miss / scale)
    squares = of._replace(carry=-(of.carry**2))
    precision = returned(squares, 1.0 / scale**2)
    if turned is not None:
        precision = precision - xp.sum(returned(of, turned / scale[..., None, :]) ** 2, axis=-2)
    return -0.5 * (pulled**2 / precision - xp.log(precision) + math.log(2.0 * math.pi))


def coloured(order: Order, theta: Floats, normal: Floats) -> Floats:
    """Standardised errors (*batch, N) of all values at the extended θ, from standard normal ones.

    The recursion e_i = φ_i e_{i-1} + √(1 - φ_i²) z_i, all series and draws at once as one bidiagonal system.
    """
    every = links(order, np.ones(normal.shape[-1], dtype=bool))
    of = filter_at(order, every, theta, np.ones(normal.shape))
    by_series = np.argsort(order.series, kind="stable")
    phi = of.phi[..., by_series].ravel()
    bands = np.stack([np.ones(phi.size), np.append(-phi[1:], 0.0)])
    errors = solve_banded((1, 0), bands, (of.root * normal)[..., by_series].ravel())
    return np.asarray(errors.reshape(normal.shape)[..., np.argsort(by_series)])


def _at(values: Array, positions: Array) -> Array:
    """Values (*batch, N) at positions (N,) or (*batch, N)."""
    xp = namespace(values)
    if positions.ndim == 1:
        return xp.take(values, positions, axis=-1)
    return xp.take_along_axis(values, xp.broadcast_to(positions, values.shape), axis=-1)
