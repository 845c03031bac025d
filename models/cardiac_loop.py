"""Left ventricle and circulation of a patient: limit cycle of a closed loop, by a trained surrogate."""

from twin.models.cardiac.limit_cycle import LimitCycle
from twin.models.cardiac.parameters import NARROW, OBSERVATION, circulation
from twin.models.cardiac.recipe import RECIPE
from twin.models.cardiac.simaan import priors as simaan_priors
from twin.priors import LogNormal

FAILING = LogNormal(1.2, 0.5)
"""Maximal elastance in heart failure: its ejection fractions are those of 299 patients (Ahmad et al. 2017)."""

wide = LimitCycle("wide", circulation(1.0) + OBSERVATION, RECIPE)
default = LimitCycle("default", circulation(NARROW) + OBSERVATION, RECIPE, sibling=wide)
hf = LimitCycle("hf", circulation(NARROW, Emax=FAILING) + OBSERVATION, RECIPE, sibling=wide)
simaan = LimitCycle("simaan", circulation(NARROW, **simaan_priors()) + OBSERVATION, RECIPE, sibling=wide)
"""All share the network of the widest, and its errors, which are the largest of the four."""

MODEL = default
PRESETS = {model.preset: model for model in (default, wide, hf, simaan)}
