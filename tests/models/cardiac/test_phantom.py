"""Phantoms show the volume they were made from."""

import time

import numpy as np
import pytest

from twin.models.cardiac.phantom import DEPTH, Look, draw_look, make_phantom
from twin.models.cardiac.phantom_files import traced_volume
from twin.models.cardiac.tracing import Tracing
from twin.models.cardiac.ventricle_shape import MM3, Placement, bullets
from twin.space import Floats

TIMES = np.arange(32) / 16.0
VOLUME = 95.0 + 40.0 * np.cos(2 * np.pi * 1.25 * TIMES)


def outline(look: Look, row: int, size: int = 56) -> Tracing:
    phantom = make_phantom(VOLUME, 16.0, row, row, look, size=size, seed=1)
    return phantom.diastole


@pytest.mark.parametrize("row", [0, 3, 6])
def test_the_traced_volume_is_the_phantoms_volume_by_area_and_length(row: int) -> None:
    tracing, scale = outline(Look(angle=0.2, apex=(5.0, 22.0)), row), DEPTH / 56
    assert traced_volume(tracing, scale) == pytest.approx(VOLUME[row], rel=1e-9)
    discs = tracing.disc_volume * scale**3 / MM3
    assert discs == pytest.approx(VOLUME[row], rel=2e-3)  # twenty discs


def test_a_foreshortened_view_reads_as_much_too_small_as_it_is_short() -> None:
    whole, short = outline(Look(), 0), outline(Look(foreshortening=0.9), 0)
    assert traced_volume(short, 1.0) / traced_volume(whole, 1.0) == pytest.approx(0.9)


def test_an_observers_error_multiplies_the_traced_volumes_and_leaves_the_video_alone() -> None:
    exact, wrong = (
        make_phantom(VOLUME, 16.0, 0, 6, Look(), misread=misread, seed=1) for misread in ((1.0, 1.0), (1.1, 0.8))
    )
    np.testing.assert_array_equal(exact.frames, wrong.frames)
    for name, factor in (("diastole", 1.1), ("systole", 0.8)):
        ratio = traced_volume(getattr(wrong, name), 1.0) / traced_volume(getattr(exact, name), 1.0)
        assert ratio == pytest.approx(factor)


def test_the_ventricle_shortens_less_than_it_narrows_and_keeps_its_volume() -> None:
    shape = bullets(VOLUME, 135.0, 1.8, 0.25)
    np.testing.assert_allclose(5 / 6 * np.pi * shape.radius**2 * shape.length / MM3, VOLUME)
    assert shape.length[0] / (2 * shape.radius[0]) == pytest.approx(1.8)
    ratio = VOLUME.min() / VOLUME.max()
    assert shape.length.min() / shape.length.max() == pytest.approx(ratio**0.25)
    assert shape.radius.min() / shape.radius.max() == pytest.approx(ratio**0.375)


def test_the_outline_lies_on_the_border_between_dark_blood_and_bright_wall() -> None:
    phantom = make_phantom(np.full(40, 120.0), 16.0, 0, 1, Look(angle=0.1), seed=3)
    still = phantom.frames.mean(axis=0)
    centre, outline = phantom.diastole.polygon.mean(axis=0), phantom.diastole.polygon
    beside = outline[(np.arange(40) % 20 > 3) & (np.arange(40) % 20 < 17)]  # away from apex and valve

    def grey(points: Floats) -> float:
        x, y = np.rint(points).astype(int).T
        return float(still[y, x].mean())

    inside, outside = (centre + factor * (beside - centre) for factor in (0.8, 1.12))
    assert grey(inside) + 60 < grey(outside)


def test_speckle_is_rayleigh_distributed() -> None:
    """In decibels a Rayleigh variable has a standard deviation of 5.57 dB (of ln: π/√24)."""
    look = Look(memory=0.0, span=100.0, gain=-20.0)
    phantom = make_phantom(np.full(60, 100.0), 16.0, 0, 1, look, size=112, seed=4)
    x, y = Placement(look.apex, look.angle, DEPTH / 112, 112).grid()
    tissue = (np.hypot(x, y) > 150.0) & (np.hypot(x, y) < 155.0) & (np.abs(x) < 60.0) & (np.abs(x) > 40.0)
    decibel = phantom.frames[:, tissue] * look.span / 255
    assert decibel.std() == pytest.approx(20 / np.log(10) * np.pi / np.sqrt(24), rel=0.05)


def test_the_same_seed_gives_the_same_video_and_another_seed_another_speckle() -> None:
    first, same, other = (make_phantom(VOLUME, 16.0, 0, 6, Look(), seed=seed).frames for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert np.any(first != other)


def test_outside_the_sector_nothing_is_seen() -> None:
    frames = make_phantom(VOLUME, 16.0, 0, 6, Look(), seed=1).frames
    assert frames[:, 2, 2:15].max() == frames[:, 2, 45:].max() == 0


def test_twenty_phantoms_a_second_are_made() -> None:
    rng = np.random.default_rng(0)
    begin = time.process_time()
    for seed in range(10):
        make_phantom(VOLUME, 16.0, 0, 6, draw_look(rng), seed=seed)
    assert time.process_time() - begin < 10 / 20
