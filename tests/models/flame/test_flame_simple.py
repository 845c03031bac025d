"""Case 1 of FlamePINN-1D as a model: its published velocities, and what ten points can tell."""

import numpy as np
import pytest

from twin.case_studies.flame_inverse import cramer_rao, simple
from twin.models.flame.simple import Simple, burning_velocity
from twin.models.flame_simple import MODEL

CASE_1 = {
    (0.40, 1.0): 0.267820, (0.46, 1.0): 0.343339, (0.50, 1.0): 0.394350, (0.40, 1.2): 0.258339, (0.50, 1.2): 0.380326,
}  # fmt: skip
BOUNDS = {10: (0.0231, 0.0046, 6.0, 0.0067), 25: (0.0119, 0.0024, 3.0, 0.0043)}
"""Of ln λ, ln Ea, x_0 [um] and ln S_L: T and u, 2 %, computed independently."""


@pytest.mark.parametrize(("phi", "atm"), CASE_1)
def test_burning_velocities_by_their_published_digits(phi: float, atm: float) -> None:
    c = MODEL.conditions.pack({"phi": phi, "T_u": 298.0, "p": 1.01325 * atm, "gradient": 1e5})
    assert float(MODEL.burning_velocity(MODEL.space.nominal, c)) == pytest.approx(CASE_1[phi, atm], rel=1e-5)


def test_the_front_is_that_of_the_phase_plane() -> None:
    theta, c = MODEL.space.draw(4, 1), MODEL.conditions.nominal
    x = MODEL.abscissa(c, 60)
    for one in theta:
        of = Simple(0.46, 298.0, 101325.0, float(one[0]), 1e3 * float(one[1]))
        assert float(MODEL.burning_velocity(one, c)) == pytest.approx(burning_velocity(of), rel=1e-6)
    apart = np.abs(MODEL(theta, c, x) - MODEL.simulate(theta, c, x))
    assert apart[..., 0].max() < 3.0, "K, of 5500"


def test_a_flame_conducts_and_burns_as_theory_has_it() -> None:
    c = MODEL.conditions.pack({"phi": 0.46, "T_u": 298.0, "p": 1.01325, "gradient": 1e3})
    theta = MODEL.space.nominal
    base = float(MODEL.burning_velocity(theta, c))
    assert float(MODEL.burning_velocity(theta * [4.0, 1.0, 1.0], c)) == pytest.approx(2 * base, rel=2e-3)
    steep = np.log(float(MODEL.burning_velocity(theta * [1.0, 1.001, 1.0], c)) / base) / np.log(1.001)
    assert steep == pytest.approx(-2.607, abs=0.01)


def test_a_profile_is_continuous_where_it_begins_and_moves_with_the_flame() -> None:
    c, theta = MODEL.conditions.nominal, MODEL.space.nominal
    x = np.array([[0.0999999], [0.1000001], [0.5]])
    moved = MODEL(np.add(theta, [0.0, 0.0, 100.0]), c, x)
    assert moved[0, 0] == pytest.approx(moved[1, 0], abs=0.01)
    assert moved[0, 0] == pytest.approx(298.0, abs=0.05)
    np.testing.assert_allclose(moved[2], MODEL(theta, c, x[2:] - 0.1)[0], rtol=1e-9)


@pytest.mark.parametrize("places", BOUNDS)
def test_what_profiles_can_tell_is_what_was_found_independently(places: int) -> None:
    np.testing.assert_allclose(cramer_rao(simple(places)), BOUNDS[places], rtol=0.03)


def test_temperature_alone_does_not_tell_the_velocity() -> None:
    assert cramer_rao(simple(10, ("T",)))[3] == pytest.approx(0.411, rel=0.03)
