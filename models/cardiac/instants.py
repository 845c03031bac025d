"""When the valves of a beat open and close, and the pieces into which these instants cut it.

From the start of activation on: the mitral valve closes, the aortic valve opens, closes, and the mitral valve opens
again. Over T_max the four are nearly the same in all patients (0.02, 0.37, 1.05 and 1.30), so a network has little to
learn. About 2 % of patients have an aortic valve that closes for some milliseconds during ejection, which this order
does not know: there it is taken as open, and blood flows back through it for that while.
"""

from dataclasses import dataclass

import numpy as np

from twin.arrays import Array, like, namespace

NAMES = ("mitral_closes", "aortic_opens", "aortic_closes", "mitral_opens")
START, RISE, END, RELAXATION = 0.022, 0.35, 1.05, 0.25
"""Of a typical beat, over T_max: end of filling, isovolumetric contraction, end of ejection, isovolumetric relaxation.
"""
SPREADS = (0.8, 0.4, 0.05, 0.2)
"""How much a unit of a network's outputs changes them: relative, relative, absolute, relative."""
EJECTION, FILLING = (0.1, 0.5), (0.1, 0.3)
"""Shares at which ejection and filling are cut once more, as both begin faster than they end."""

MITRAL = np.array([1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
AORTIC = np.array([0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0])
"""Which valve is open in each piece."""
LAST = (0, 1, 4, 5)
"""The piece that each instant ends."""


@dataclass(frozen=True, eq=False)
class Instants:
    """Phases of the four events, each (*batch,)."""

    mitral_closes: Array
    aortic_opens: Array
    aortic_closes: Array
    mitral_opens: Array

    def stack(self) -> Array:
        """(*batch, 4)."""
        values = list(vars(self).values())
        return namespace(*values).stack(values, axis=-1)

    @property
    def knots(self) -> Array:
        """Ends of the pieces (*batch, pieces + 1), from 0 to 1."""
        xp = namespace(self.aortic_opens)
        ejection, filling = self.aortic_closes - self.aortic_opens, 1 - self.mitral_opens
        inner = [
            *(self.aortic_opens + share * ejection for share in EJECTION),
            self.aortic_closes,
            self.mitral_opens,
            *(self.mitral_opens + share * filling for share in FILLING),
        ]
        none = 0 * self.aortic_opens
        return xp.stack([none, self.mitral_closes, self.aortic_opens, *inner, none + 1], axis=-1)


def instants_at(knots: Array) -> Instants:
    """The instants between pieces with ends (*batch, pieces + 1)."""
    return Instants(*(knots[..., p + 1] for p in LAST))


def instants(outputs: Array, tau: Array) -> Instants:
    """The instants that outputs (*batch, 4) of a network stand for, zeros being a typical beat with T_max/T_c = τ.

    Each comes after the one before whatever the outputs are, but for closing before ejection has begun.
    """
    xp = namespace(outputs)
    start, rise, end, relaxation = (like(s, outputs) * outputs[..., i] for i, s in enumerate(SPREADS))
    mitral_closes = START * tau * xp.exp(start)
    aortic_closes = tau * (END + end)
    room = 1 - aortic_closes
    return Instants(
        mitral_closes,
        mitral_closes + RISE * tau * xp.exp(rise),
        aortic_closes,
        aortic_closes + room * -xp.expm1(-RELAXATION * tau * xp.exp(relaxation) / room),
    )
