"""How far a forward map is from the true solution, as a random function of known mean and covariance.

With u the parameters and conditions in units of their prior's width and s the abscissa over its end,

    f(θ, c, x) - truth = b(s) + Σ_k a_k(u) φ_k(s) + Σ_k s_k(u) ξ_k φ_k(s) + g(u) r(s) ζ(s),     ξ_k, ζ ~ N(0, 1)

The patterns φ_k carry what is correlated over the abscissa, r what is left; a_k, log s_k and log g are polynomials
of u, of degree 0 where nothing depends on it. The covariance is Σ_k s_k² φ_k φ_kᵀ + g² diag(r²).

An error that slides has one pattern more, φ = x ∂f/∂x of the predicted curve itself (``slide.py``): its coefficient is
a relative error of the abscissa, which costs nothing where f is flat and much where f ends in a wall. The abscissa is
one and the same for all observables.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from twin.arrays import Array, like, namespace
from twin.space import Floats

REACH = 1.5
"""Prior widths beyond which a polynomial is not followed."""

Coefficients = Callable[[Array], tuple[Array, Array]]
"""θ (*batch, p) to a (*batch, R) and (s, g) (*batch, R + 1)."""


@dataclass(frozen=True, eq=False)
class ForwardError:
    """The error at one set of conditions and abscissae, of n points and q observables.

    ``bias`` and ``rest`` (n, q), ``modes`` (n, q, r) the patterns that do not depend on θ; ``coefficients`` maps θ
    (*batch, p) of any array library to a (*batch, R) and to (s, g) (*batch, R + 1). R is r, or r + 1 of an error that
    ``slides``: this one asks for the ``slide`` (*batch, n, q) of the curve predicted at θ, its last pattern.
    ``elsewhere`` maps other conditions c (k,) to the coefficients there, None where they are the same under all.
    """

    bias: Array
    rest: Array
    modes: Array
    coefficients: Coefficients
    slides: bool = False
    elsewhere: Callable[[Array], Coefficients] | None = None

    @property
    def count(self) -> int:
        """R, how many patterns there are."""
        return int(self.modes.shape[-1]) + self.slides

    def patterns(self, theta: Array, slide: Array | None = None) -> Array:
        """φ_k (n, q, R), of an error that slides (*batch, n, q, R). ValueError where it does and ``slide`` is None."""
        modes = like(self.modes, theta)
        if not self.slides:
            return modes
        if slide is None:
            raise ValueError("this error slides along the predicted curve: expected the curve's slide, got none")
        xp, batch = namespace(theta), (*slide.shape[:-2], *modes.shape)
        return xp.concat([xp.broadcast_to(modes, batch), slide[..., None]], axis=-1)

    def mean(self, theta: Array, slide: Array | None = None) -> Array:
        """b + Σ a_k φ_k (*batch, n, q)."""
        return like(self.bias, theta) + _spread(self.patterns(theta, slide), self.coefficients(theta)[0])

    def factor(self, theta: Array, slide: Array | None = None) -> Array:
        """Columns s_k φ_k of the correlated part (*batch, n, q, R)."""
        return self.patterns(theta, slide) * self.sizes(theta)[..., None, None, :]

    def sizes(self, theta: Array) -> Array:
        """s_k (*batch, R)."""
        return self.coefficients(theta)[1][..., :-1]

    def variance(self, theta: Array) -> Array:
        """g² r² (*batch, n, q), what is not correlated."""
        return (self.coefficients(theta)[1][..., -1, None, None] * like(self.rest, theta)) ** 2

    def sd(self, theta: Array, slide: Array | None = None) -> Array:
        """Standard deviation of all of it (*batch, n, q)."""
        xp = namespace(theta)
        return xp.sqrt(self.variance(theta) + xp.sum(self.factor(theta, slide) ** 2, axis=-1))

    def of(self, columns: tuple[int, ...]) -> "ForwardError":
        """The error of some of the observables."""
        chosen = list(columns)
        return replace(self, bias=self.bias[:, chosen], rest=self.rest[:, chosen], modes=self.modes[:, chosen])

    def seen_through(self, complete: Callable[[Array], Array]) -> "ForwardError":
        """The error of a map whose θ are turned into this one's by ``complete``."""
        elsewhere = self.elsewhere
        return replace(
            self,
            coefficients=lambda theta: self.coefficients(complete(theta)),
            elsewhere=None if elsewhere is None else lambda c: lambda theta: elsewhere(c)(complete(theta)),
        )

    def moved(self, c: Array, bias: Array, rest: Array, modes: Array) -> "ForwardError":
        """The same map's error under other conditions c (k,), with the tables that it has there."""
        coefficients = self.coefficients if self.elsewhere is None else self.elsewhere(c)
        return replace(self, bias=bias, rest=rest, modes=modes, coefficients=coefficients)


@dataclass(frozen=True, eq=False)
class ErrorModel:
    """The tables behind it, from held-out solves (see ``error_fit.py``), m rows over ``fraction`` (m,).

    ``bias`` and ``rest`` (m, q), ``modes`` (m, q, r); ``centre`` and ``width`` (d,) make u of parameters and
    conditions; ``mean`` (f, R) and ``log_scale`` (f, R + 1) are the polynomials' coefficients, f terms each. R is r, or
    r + 1 where the error slides.
    """

    fraction: Floats
    bias: Floats
    rest: Floats
    modes: Floats
    centre: Floats
    width: Floats
    mean: Floats
    log_scale: Floats

    @property
    def slides(self) -> bool:
        """Whether the last of the polynomials belongs to the predicted curve's slide."""
        return bool(self.mean.shape[-1] > self.modes.shape[-1])

    def at(self, c: Floats, fraction: Floats) -> ForwardError:
        """The error under conditions c (k,) at scaled abscissae (n,)."""

        def over(table: Floats) -> Floats:
            flat = table.reshape(len(table), -1)
            columns = np.zeros((len(fraction), flat.shape[1]))
            for i, column in enumerate(flat.T):
                columns[:, i] = np.interp(fraction, self.fraction, column)
            return columns.reshape(len(fraction), *table.shape[1:])

        tables = over(self.bias), over(self.rest), over(self.modes)
        return ForwardError(*tables, self.coefficients(c), self.slides, self.coefficients)

    def coefficients(self, c: Array) -> Coefficients:
        """The polynomials under conditions c (k,)."""

        def found(theta: Array) -> tuple[Array, Array]:
            xp = namespace(theta)
            known = theta[..., :1] * 0 + like(c, theta)
            u = (xp.concat([theta, known], axis=-1) - like(self.centre, theta)) / like(self.width, theta)
            mean, log_scale = (_polynomial(u, table) for table in (self.mean, self.log_scale))
            return mean, xp.exp(log_scale)

        return found


def uncorrelated(fraction: Floats, bias: Floats, sd: Floats, d: int) -> ErrorModel:
    """Independent errors of mean and standard deviation (m, q), whatever the d parameters and conditions are."""
    none = np.zeros((*bias.shape, 0))
    return ErrorModel(fraction, bias, sd, none, np.zeros(d), np.ones(d), np.zeros((1, 0)), np.zeros((1, 1)))


def constant_error(bias: Floats, sd: Floats) -> ForwardError:
    """An error of known mean and standard deviation (n, q), independent from point to point and of θ."""

    def coefficients(theta: Array) -> tuple[Array, Array]:
        return theta[..., :0], theta[..., :1] * 0 + 1

    return ForwardError(bias, sd, np.zeros((*bias.shape, 0)), coefficients)


def terms(u: Array) -> Array:
    """1, u_i and u_i u_j (*batch, 1 + d + d (d + 1)/2), u held within ``REACH``."""
    xp = namespace(u)
    limit = xp.full_like(u, REACH)
    held = xp.minimum(xp.maximum(u, -limit), limit)
    d = u.shape[-1]
    products = [held[..., i, None] * held[..., i:] for i in range(d)]
    return xp.concat([held[..., :1] * 0 + 1, held, *products], axis=-1)


def linear_terms(f: int) -> int:
    """1 + d, how many of f = 1 + d + d (d + 1)/2 terms are constant or linear."""
    return (math.isqrt(1 + 8 * f) - 1) // 2


def _polynomial(u: Array, table: Floats) -> Array:
    """Values (*batch, r) of the polynomials whose coefficients are the columns of ``table`` (f, r)."""
    xp = namespace(u)
    basis = terms(u) if len(table) > 1 else u[..., :1] * 0 + 1
    return xp.matmul(basis[..., None, :], like(table, u))[..., 0, :]


def _spread(patterns: Array, weights: Array) -> Array:
    """Σ_k w_k φ_k (*batch, n, q) of patterns (n, q, R) or (*batch, n, q, R) and weights (*batch, R)."""
    return namespace(weights).sum(patterns * weights[..., None, None, :], axis=-1)
