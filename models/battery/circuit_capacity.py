"""What a cell delivers: the charge that a constant current draws from a rested cell until its voltage reaches a limit.

    V(q) = V_limit,   V falls with q:  U falls with the state of charge, and polarisation only grows

This is the capacity of a tester's table, at that current and down to that voltage. It is less than Q by what the
resistances cost, and the number in which an end of life is stated.
"""

from twin.arrays import Array, detached, like, namespace, to_numpy
from twin.models.battery.circuit import HOUR, Circuit
from twin.models.battery.circuit_curve import PlateauAndKnee

HALVINGS = 40
"""Leave 1e-12 of the range."""
STEP = 1e-5
"""Half the interval of difference quotients, as a share of Q; its error only slows Newton's method."""
NEWTON_STEPS = 2


def delivered(circuit: Circuit, theta: Array, c: Array, limit: float) -> Array:
    """Charge q [A h] (*batch,) until V = ``limit`` [V] under the conditions c (k,); NaN where V begins below it.

    Differentiable: at the root a Newton step has zero derivative by its start, so that what flows through the last
    steps is the derivative of the implicit function. ValueError for a curve without an end, a current that does not
    discharge, and a limit below the curve's end.
    """
    curve = circuit.curve
    current = float(to_numpy(c)[circuit.conditions.index("current")])
    if not isinstance(curve, PlateauAndKnee):
        raise ValueError(f"{circuit.preset} follows one pulse and has no capacity; use a preset of discharges")
    if current <= 0:
        raise ValueError(f"expected a current that discharges, > 0 A, got {current:g} A")
    if limit < curve.empty:
        raise ValueError(f"expected a limit of at least {curve.empty:g} V, where the curve ends; got {limit:g} V")
    xp, values, fields = namespace(theta), circuit.values(theta), circuit.exact(theta, c)

    def excess(q: Array) -> Array:
        times = q * (HOUR / current)
        return circuit.observe(fields, theta, c, times[..., None])[..., 0] - limit

    high = curve.filling(values, circuit.known(theta, c)["start_voltage"]) * values["Q"]
    low = 0 * high
    possible = excess(low) > 0
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        over = excess(middle) > 0
        low, high = xp.where(over, middle, low), xp.where(over, high, middle)
    q, half = detached(0.5 * (low + high)), detached(STEP * values["Q"])
    for _ in range(NEWTON_STEPS):
        slope = (excess(q + half) - excess(q - half)) / (2 * half)
        q = q - excess(q) / slope
    return xp.where(possible, q, like(float("nan"), q))[..., 0]
