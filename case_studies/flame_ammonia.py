"""Which rate constants measured flames of cracked ammonia tell of.

``python -m twin.case_studies.flame_ammonia [--check] [--seed 0]``

Eight burning velocities with error bars of their own (Mei et al. 2021, spherical flames at 298 K and 1 atm, 40 % of the
ammonia cracked), read from their ReSpecTh record; logarithms of multipliers of twelve rate constants of the mechanism
of Alzueta et al. 2023 are sought, by a surface through flames that Cantera solved (``models/flame/rates.py``). The
table shows what is learnt of each, and how the fit was before. Each reading is also predicted from the other seven.
``--check`` asks Cantera for the flames at the posterior's mean.
"""

import argparse
from dataclasses import replace

import numpy as np
from rich.table import Table

from twin.arrays import to_numpy
from twin.case_studies.console import console, say
from twin.case_studies.make_flame_rates import mechanism, places, solved
from twin.data import DataNotFoundError, find_data
from twin.experiment import Experiment
from twin.inference.density import density_of
from twin.inference.ladder import sample_ladder
from twin.inference.likelihood import Likelihood
from twin.inference.sample import Sample
from twin.models.flame.rates import REACTIONS, RateSurface, rate_surface
from twin.space import Floats
from twin.table import read_table

FILE = "flame/raw/x20100072.xml"
TOLD = 0.1
"""Share of its prior's width that a parameter's must lose to be named."""


def measured() -> Experiment:
    """Mei's readings; DataNotFoundError where the record is not there."""
    table = read_table(find_data(FILE))
    surface = rate_surface()
    conditions = surface.conditions.unpack(surface.conditions.nominal)
    return Experiment(
        name="Mei 2021", conditions=conditions, coordinates=("phi",), x=table.number("phi", "1")[:, None],
        observables=("S_L",), y=table.number("S_L", "cm/s")[:, None], units={"S_L": "cm/s", "phi": "1"},
        source=table.source, sd=table.number("sigma", "cm/s")[:, None],
    )  # fmt: skip


def calibrated(surface: RateSurface, of: Experiment, seed: int) -> tuple[Likelihood, Sample]:
    """The posterior."""
    likelihood = Likelihood(surface, [of])
    return likelihood, sample_ladder(density_of(likelihood), seed=seed)


def predicted_from_others(surface: RateSurface, of: Experiment, seed: int) -> list[bool]:
    """Whether the 90 % band from the other readings holds a reading, one by one."""
    held, rng = [], np.random.default_rng(seed)
    for i in range(len(of.x)):
        others = np.arange(len(of.x)) != i
        assert of.sd is not None
        rest = replace(of, x=of.x[others], y=of.y[others], sd=of.sd[others], mask=of.mask[others])
        likelihood, sample = calibrated(surface, rest, seed)
        flat = sample.theta.reshape(-1, sample.theta.shape[-1])
        p = len(surface.space)
        clean = to_numpy(surface(flat[:, :p], surface.conditions.nominal, of.x[i : i + 1]))[:, 0, 0]
        own = (surface.sd * clean) ** 2 + of.sd[i, 0] ** 2 + flat[:, likelihood.scales.names.index("noise_S_L")] ** 2
        told = clean + np.sqrt(own) * rng.standard_normal(len(clean))
        low, high = np.quantile(told, [0.05, 0.95])
        held.append(bool(low <= of.y[i, 0] <= high))
    return held


def checked(of: Experiment, theta: Floats) -> Floats:
    """S_L [cm/s] (n,) of Cantera with multipliers exp θ (k,)."""
    phase = mechanism()
    where = places(phase)
    found = [solved(phase, where, float(phi), theta.tolist())["ln_S"] for phi in of.x[:, 0]]
    return np.array([np.nan if one is None else np.exp(one) for one in found])


def main() -> None:
    """Prints what was learnt."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="ask Cantera at the posterior's mean (about a minute)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    try:
        of = measured()
    except DataNotFoundError as absent:
        parser.error(str(absent))
    surface = rate_surface()
    _, sample = calibrated(surface, of, options.seed)
    flat = sample.theta.reshape(-1, sample.theta.shape[-1])
    say(f"{len(of.x)} readings; {sample.rung}: {sample.reason}")
    say(f"the surface's own error: {surface.sd:.2%} of S_L")
    p = len(surface.space)
    prior = surface.space.draw(4000, 0)
    table = Table("reaction", "ln multiplier", "prior sd", "narrower by")
    for i, name in enumerate(REACTIONS):
        sd = flat[:, i].std()
        told = 1 - sd / prior[:, i].std()
        table.add_row(name, f"{flat[:, i].mean():+.3f} ± {sd:.3f}", f"{prior[:, i].std():.2f}",
                      f"{told:.0%}" if told > TOLD else "not told")  # fmt: skip
    console().print(table)
    c, x = surface.conditions.nominal, of.x
    before = np.asarray(surface(surface.space.nominal, c, x))[:, 0]
    after = np.asarray(surface(flat[:, :p], c, x))[..., 0]
    cantera = checked(of, flat[:, :p].mean(axis=0)) if options.check else np.full(len(x), np.nan)
    rows = Table("phi", "measured, cm/s", "mechanism as published", "posterior", "Cantera at its mean")
    assert of.sd is not None
    for i in range(len(x)):
        rows.add_row(
            f"{x[i, 0]:g}", f"{of.y[i, 0]:.2f} ± {of.sd[i, 0]:.2f}", f"{before[i]:.2f}",
            f"{after[:, i].mean():.2f} ± {after[:, i].std():.2f}", "" if np.isnan(cantera[i]) else f"{cantera[i]:.2f}",
        )  # fmt: skip
    console().print(rows)
    held = predicted_from_others(surface, of, options.seed)
    say(f"predicted from the other seven: {sum(held)} of {len(held)} readings lie within their 90 % bands")


if __name__ == "__main__":
    main()
