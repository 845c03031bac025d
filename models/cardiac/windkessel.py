"""Aortic pressure from measured aortic flow by a windkessel: closed form over one heart period.

    p(t) = P_v + Re Σ_k Z(jω_k) Q_k exp(jω_k (t + δ)) + Z(0) q_0,   ω_k = 2π k/T

Q_k are the Fourier coefficients of the flow in the abscissa (``periodic_flow.py``), Z the circuit's impedance
(``windkessel_circuits.py``), P_v the venous pressure. Two numbers belong to the measurement: q_0 must be added to the
flow because the probe's zero is off, and δ is the time by which the flow was recorded late (filter of the flow meter,
distance between the sensors, clocks). The map is exact: it is its own likelihood, no network is trained.

The mean pressure alone fixes only the product Z(0) (mean flow + q_0); resistance and q_0 are told apart by the
diastolic decay, through R C, and by the prior of q_0. A δ of some milliseconds is no detail: the upstroke, where
inertance and root compliance are read off, moves by up to 1 mmHg with each.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from twin.arrays import Array, like, namespace, to_numpy
from twin.experiment import Experiment
from twin.field import ExactField
from twin.model import Coordinate, Fields, Mask, Observable
from twin.models.cardiac import aortic_beat
from twin.models.cardiac.periodic_flow import PeriodicFlow, periodic_flow
from twin.models.cardiac.windkessel_circuits import Circuit, StateSpace
from twin.space import Floats, Space
from twin.table import Table

TOLERANCE = 1e-10
"""Relative and absolute tolerance of the reference solver."""
DEFAULT_SAMPLES = 100
"""Samples of the flow where none is given."""
STROKE_VOLUME = 70.0
"""[mL] of the flow where none is given: limit cycle of Simaan et al. 2009 at 75/min."""


@dataclass(frozen=True)
class ClosedFormWindkessel:
    """A circuit with priors; ``space`` holds its elements in their order, then ``flow_offset`` and ``flow_delay``."""

    name: str
    preset: str
    source: str
    circuit: Circuit
    space: Space
    conditions: Space
    coordinates: tuple[Coordinate, ...]
    observables: tuple[Observable, ...]

    def exact(self, theta: Array, c: Array, x: Floats | None = None) -> Fields:
        """``pressure`` [mmHg] over t [s], of the flow in the abscissa x or of a half sine."""
        known = dict(zip(self.conditions.names, to_numpy(c).tolist(), strict=True))
        flow = periodic_flow(self.abscissa(to_numpy(c), DEFAULT_SAMPLES) if x is None else x, known["period"])
        elements = {name: theta[..., i, None] for i, name in enumerate(self.circuit.elements)}
        s = 1j * like(flow.omega, theta)
        z = self.circuit.impedance(elements, s)
        xp = namespace(theta)
        # at ω = 0 every impedance is real
        steady = known["venous_pressure"] + xp.real(z[..., 0]) * theta[..., self.space.index("flow_offset")]
        turned = z * xp.exp(s * theta[..., self.space.index("flow_delay"), None])

        def pressure(times: Array) -> Array:
            real, imag = (like(wave, theta) for wave in flow.waves(to_numpy(times)))
            return steady[..., None] + xp.matmul(xp.real(turned), real) - xp.matmul(xp.imag(turned), imag)

        return {"pressure": ExactField(("t",), pressure)}

    def observe(self, u: Fields, theta: Array, c: Array, x: Array) -> Array:
        """Aortic pressure [mmHg] (*batch, n, 1)."""
        return u["pressure"](to_numpy(x)[:, 0])[..., None]

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        """Aortic pressure [mmHg] (*batch, n, 1) at the abscissa (n, 2): times [s] and flows [mL/s] of one period."""
        return self.observe(self.exact(theta, c, to_numpy(x)), theta, c, x)

    def error(self, c: Array, x: Array) -> None:
        """None: the form is exact."""

    def simulate(self, theta: Floats, c: Floats, x: Floats) -> Floats:
        """The periodic solution of the state equations by LSODA (b, n, 1); NaN where it failed."""
        known = self.conditions.unpack(c)
        flow = periodic_flow(x, known["period"])
        rows = []
        for draw in theta:
            values = self.space.unpack(draw)
            states = self.circuit.state_space(values)
            true = replace(flow, start=flow.start - values["flow_delay"])
            response = periodic_response(states, true, values["flow_offset"], x[:, 0])
            rows.append(known["venous_pressure"] + response)
        return np.stack(rows)[..., None]

    def valid(self, y: Floats) -> Mask:
        """True everywhere: a beat has no end within itself."""
        return np.ones(y.shape[:-1], dtype=bool)

    def abscissa(self, c: Floats, n: int) -> Floats:
        """n times over one period with the flow of a half sine: (n, 2).

        It lasts 0.413 s - 0.0017 s min · heart rate (Weissler, Harris, Schoenfeld 1968, Circulation 37, 149,
        DOI 10.1161/01.CIR.37.2.149) and ejects ``STROKE_VOLUME``.
        """
        period = float(c[self.conditions.index("period")])
        times = period * np.arange(n) / n
        ejection = 0.413 - 0.0017 * 60.0 / period
        flow = np.where(times < ejection, np.sin(np.pi * times / ejection), 0.0)
        return np.stack([times, STROKE_VOLUME * np.pi / (2.0 * ejection) * flow], axis=1)

    def experiments(self, table: Table, given: Mapping[str, float]) -> Experiment:
        """One beat of measured pressure and flow, the mean of several where the table holds several."""
        return aortic_beat.read(self.conditions, table, given)


def periodic_response(states: StateSpace, flow: PeriodicFlow, offset: float, times: Floats) -> Floats:
    """p - P_v [mmHg] (n,) of the flow plus ``offset`` [mL/s], after all transients: NaN where the solver fails.

    The times lie within one period of the first. That period from rest gives x(T) = r; with the monodromy M = exp(A T)
    the periodic solution starts at (I - M)⁻¹ r.
    """
    end = float(times[0]) + flow.period
    m = len(states.inflow)

    def slope(time: float, x: Floats) -> Floats:
        return np.asarray(states.matrix @ x + states.inflow * (flow.at(time) + offset))

    def solved(start: Floats, at: Floats) -> Floats:
        found = solve_ivp(
            slope, (float(times[0]), end), start, method="LSODA", t_eval=at, rtol=TOLERANCE, atol=TOLERANCE
        )
        return np.asarray(found.y) if found.success else np.full((m, len(at)), np.nan)

    from_rest = solved(np.zeros(m), np.array([end]))[:, -1]
    monodromy = np.asarray(expm(states.matrix * flow.period), dtype=np.float64)
    begin = np.asarray(np.linalg.solve(np.eye(m) - monodromy, from_rest), dtype=np.float64)
    x = solved(begin, times)
    q = np.array([flow.at(t) + offset for t in times])
    return np.asarray(states.output @ x + states.through * q)
