"""Pseudo-two-dimensional (Doyle-Fuller-Newman) model of a lithium-ion cell."""

from twin.models.battery.lgm50_porous import kin4, soh6, soh7, wide
from twin.models.battery.lgm50_warm import soh9, warm
from twin.models.battery.nrel_porous import pinnstripes2

MODEL = soh6
PRESETS = {model.preset: model for model in (soh6, soh7, kin4, wide, soh9, warm, pinnstripes2)}
