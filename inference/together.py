"""Experiments that are predicted together: one program for all of them instead of one for each.

Under JAX a likelihood of several experiments would compile the forward map as often as there are experiments, which
for large forward maps takes far longer than all that is asked of them afterwards. Where conditions and abscissae may be
traced, the shorter experiments are filled up with their last abscissa and the forward map is asked for all at once.
"""

from collections.abc import Sequence

import jax

from twin.arrays import Array, namespace
from twin.inference.blocks import Block, Curve
from twin.model import Forward


def traceable(forward: Forward, theta: Array, c: Array, x: Array) -> bool:
    """Whether a forward map of θ (p,) can be compiled for conditions (k,) and abscissae (n, d) that are yet to come.

    Not so where it looks at their values.
    """
    try:
        with jax.enable_x64(True):
            jax.eval_shape(lambda *arrays: forward(*arrays), theta, c, x)
    except (TypeError, IndexError, AttributeError):
        return False
    return True


def alike(forward: Forward, blocks: Sequence[Block]) -> bool:
    """Whether there are several experiments, of the same coordinates, that can be predicted together."""
    if len(blocks) < 2 or len({block.x.shape[1] for block in blocks}) > 1:
        return False
    return traceable(forward, forward.space.nominal, blocks[0].c, blocks[0].places)


def curves(forward: Forward, blocks: Sequence[Block], theta: Array) -> tuple[Curve, ...]:
    """What the forward map predicts of each experiment at θ (*batch, p), a JAX array."""
    places = [block.places for block in blocks]
    longest = max(map(len, places))
    xp = namespace(*places)
    x = xp.stack([xp.concat([at, xp.repeat(at[-1:], longest - len(at), axis=0)]) for at in places])
    c = xp.stack([block.c for block in blocks])
    y = jax.vmap(lambda own, at: forward(theta, own, at))(c, x)
    return tuple(block.seen(y[i, ..., : len(at), :]) for i, (block, at) in enumerate(zip(blocks, places, strict=True)))
