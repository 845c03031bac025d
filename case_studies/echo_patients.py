"""Phantom patients of the echo study: circulations from the prior, their beats solved, their videos."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from twin.models.cardiac.echo_curve import HEALTHY, PATIENTS, STENOTIC, TIMING
from twin.models.cardiac.phantom import Look, Phantom, draw_look, make_phantom
from twin.models.cardiac.phantom_files import Named, write_library
from twin.models.cardiac.solved_beats import solved
from twin.space import Floats

PHASES = np.linspace(0.0, 1.0, 401)
LEAST = 8.0
"""Smallest volume [mL] of a phantom."""
SPACE = PATIENTS + TIMING.without(("delay",))
"""The circulation and the heart rate."""


@dataclass(frozen=True)
class Plan:
    """How many patients and videos, how long training lasts, videos whose pressures are solved for, and the seed."""

    train: int = 1000
    views: int = 2
    validation: int = 150
    test: int = 200
    cases: int = 100
    size: int = 56
    fps: float = 30.0
    seconds: float = 2.7
    label_sd: float = 0.03
    reader_steps: int = 4000
    guide_steps: int = 4000
    pressured: int = 30
    seed: int = 2


QUICK = Plan(
    train=60,
    views=1,
    validation=20,
    test=20,
    cases=10,
    reader_steps=150,
    guide_steps=300,
    pressured=4,
)
"""Shows that everything runs; its numbers are poor."""


@dataclass(frozen=True, eq=False)
class Patients:
    """θ (n, p) over ``SPACE`` and the volume (n, 401) [mL] over one beat."""

    theta: Floats
    volume: Floats

    def part(self, first: int, last: int) -> "Patients":
        """Some of them."""
        return Patients(self.theta[first:last], self.volume[first:last])


@dataclass(frozen=True, eq=False)
class Truth:
    """What a phantom shows: name, patient's θ (p,), largest and smallest true volume [mL], and its look."""

    name: str
    theta: Floats
    EDV: float
    ESV: float
    look: Look

    @property
    def fraction(self) -> float:
        """Ejection fraction [%]."""
        return 100 * (self.EDV - self.ESV) / self.EDV


def draw_patients(n: int, seed: int, **held: float) -> Patients:
    """n patients of the prior with parameters ``held``; who has no limit cycle or hardly a volume is left out."""
    theta = SPACE.draw(n + n // 5 + 5, seed)
    for name, value in held.items():
        theta[:, SPACE.index(name)] = value
    phase, stressed, _ = solved({name: theta[:, i] for i, name in enumerate(SPACE.names)})
    volume = stressed + theta[:, [SPACE.index("V0")]]
    good = np.flatnonzero(np.nan_to_num(volume).min(axis=1) > LEAST)[:n]
    return Patients(theta[good], np.stack([np.interp(PHASES, phase, volume[i]) for i in good]))


def make_folders(plan: Plan, out: Path) -> dict[str, Truth]:
    """Writes ``phantoms`` (TRAIN, VAL, TEST) and ``cases`` below ``out``; the truths by name."""
    everyone = draw_patients(plan.train + plan.validation + plan.test, plan.seed)
    healthy, stenotic = (draw_patients(plan.cases, plan.seed + 100, Rm=r) for r in (HEALTHY, STENOTIC))
    first, second = plan.train, plan.train + plan.validation
    groups = (
        ("TRAIN", "train", everyone.part(0, first), plan.views),
        ("Val", "val", everyone.part(first, second), plan.views),
        ("test", "test", everyone.part(second, second + plan.test), 1),
    )
    truths: dict[str, Truth] = {}
    rng = np.random.default_rng(plan.seed)
    write_library(out / "phantoms", (v for g in groups for v in _videos(plan, *g, rng, truths)))
    cases = (("TEST", "healthy", healthy, 1), ("TEST", "stenotic", stenotic, 1))
    write_library(out / "cases", (v for g in cases for v in _videos(plan, *g, rng, truths)))
    return truths


def _videos(
    plan: Plan,
    split: str,
    prefix: str,
    patients: Patients,
    views: int,
    rng: np.random.Generator,
    truths: dict[str, Truth],
) -> Iterator[Named]:
    for i, (theta, volume) in enumerate(zip(patients.theta, patients.volume, strict=True)):
        for view in range(views):
            name = f"{prefix}{i:04d}{'abcdefgh'[view]}"
            look = draw_look(rng)
            truths[name] = Truth(name, theta, float(volume.max()), float(volume.min()), look)
            yield Named(name, split, _filmed(plan, theta, volume, look, rng))


def _filmed(plan: Plan, theta: Floats, volume: Floats, look: Look, rng: np.random.Generator) -> Phantom:
    """A phantom that starts anywhere in the beat, traced with the observer's error."""
    beats = theta[SPACE.index("HR")] / 60.0
    times = np.arange(round(plan.seconds * plan.fps)) / plan.fps
    seen = np.interp((times * beats + rng.uniform()) % 1.0, PHASES, volume)
    beat = int(plan.fps / beats) + 1
    diastole = int(np.argmax(seen[:beat]))
    systole = diastole + int(np.argmin(seen[diastole : diastole + beat]))
    misread = tuple(np.exp(plan.label_sd * rng.standard_normal(2)))
    return make_phantom(
        seen,
        plan.fps,
        diastole,
        systole,
        look,
        size=plan.size,
        misread=(misread[0], misread[1]),
        seed=int(rng.integers(2**31)),
    )
