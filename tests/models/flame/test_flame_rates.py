"""The surface of burning velocities over rate constants: scaling, held-out flames, slopes, and Cantera itself."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from twin.models.flame.rates import FILE, MOVE, REACTIONS, left_out, rate_surface, read_solved

jax.config.update("jax_enable_x64", True)


def test_flames_that_were_left_out_are_met_and_moved_rates_are_what_makes_it_possible() -> None:
    solved = read_solved()
    with_slopes, without = (float(np.sqrt(np.mean(left_out(solved, slopes=slopes) ** 2))) for slopes in (True, False))
    assert with_slopes < 0.013
    assert without > 3 * with_slopes
    assert rate_surface().sd == with_slopes


def test_slopes_of_the_surface_are_those_of_flames() -> None:
    solved, surface = read_solved(), rate_surface()
    changes = solved.moved - solved.ln_S[:, None]
    for phi, theta, moved in zip(solved.phi[:8], solved.theta[:8], changes[:8], strict=True):
        ours = surface.log_velocity(theta + MOVE * np.eye(len(theta)), np.array([phi]))[:, 0]
        told = ours - surface.log_velocity(theta, np.array([phi]))[0]
        assert np.abs(told - moved).max() < 0.015
        by_jax = jax.jacfwd(lambda t, phi=phi: surface.log_velocity(t, np.array([phi]))[0])(jnp.asarray(theta))
        np.testing.assert_allclose(MOVE * np.asarray(by_jax), told, atol=0.02)


def test_slopes_of_hydrogen_and_oxygen_lead() -> None:
    solved = read_solved()
    slope = (solved.moved - solved.ln_S[:, None]) / MOVE
    assert REACTIONS[int(np.argmax(np.abs(slope).mean(axis=0)))] == "H + O2 <=> O + OH"
    assert np.all(slope[:, 0] > 0.2)


def test_equivalence_ratios_beyond_the_flames_are_refused(tmp_path: Path) -> None:
    surface = rate_surface()
    with pytest.raises(ValueError, match=r"flames were solved from 0\.65 to 1\.45"):
        surface(surface.space.nominal, surface.conditions.nominal, np.array([[0.5]]))
    path = tmp_path / "other.json"
    path.write_text(json.dumps(json.loads(FILE.read_text()) | {"reactions": ["A <=> B"]}))
    with pytest.raises(ValueError, match="flames of other reactions"):
        read_solved(path)


def test_a_flame_of_the_mechanism() -> None:
    pytest.importorskip("cantera", reason="needs Cantera, the extra 'flame'")
    from twin.case_studies.make_flame_rates import mechanism, places, solved

    phase, surface = mechanism(), rate_surface()
    theta = surface.space.nominal
    found = solved(phase, places(phase), 1.2, theta.tolist())
    ours = float(surface.log_velocity(theta, np.array([1.2]))[0])
    assert found["ln_S"] == pytest.approx(ours, abs=0.03)
    told = surface.log_velocity(theta + MOVE * np.eye(len(theta)), np.array([1.2]))[:, 0] - ours
    np.testing.assert_allclose(np.array(found["moved"]) - found["ln_S"], told, atol=0.015)
