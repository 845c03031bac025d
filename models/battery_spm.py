"""Single-particle model of a lithium-ion cell: LG M50 in closed form, NREL NMC532 by a trained surrogate."""

from twin.models.battery.lgm50 import esoh4, kin4, soh6, soh7
from twin.models.battery.nrel import pinnstripes2

MODEL = soh6
PRESETS = {model.preset: model for model in (soh6, soh7, kin4, esoh4, pinnstripes2)}
