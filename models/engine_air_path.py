"""Air path of a heavy-duty diesel engine with EGR and VGT, by an amortised step network or directly."""

from twin.models.engine.identified import AirPath
from twin.models.engine.parameters import ACTUATED, BUILD, LEAKS, SENSORS, TILTS, TURBOCHARGER
from twin.models.engine.recipe import RECIPE
from twin.space import Space

seven = AirPath("seven", Space((*ACTUATED, *TURBOCHARGER)), RECIPE)
"""Nath et al.'s unknowns and the health of the turbocharger."""
four = AirPath("four", Space(ACTUATED), RECIPE, sibling=seven)
"""The four unknowns of Nath et al. 2023."""
discrepant = AirPath("discrepant", Space((*ACTUATED, *TURBOCHARGER, *TILTS)), RECIPE, sibling=seven, corrections=2)
"""The seven, and errors of the submodels that grow over their range."""
health = AirPath("health", Space((*ACTUATED, *TURBOCHARGER, *SENSORS, *TILTS)), RECIPE, sibling=seven, corrections=2)
"""Wear, sensors, for telling faults of the one from faults of the other, and what the engine's own submodels are."""
everything = AirPath("everything", Space((*ACTUATED, *TURBOCHARGER, *BUILD, *LEAKS, *SENSORS)), RECIPE)
"""Health, build, leaks and sensors at once. Its own record of errors: large leaks are beyond what the network knows."""

MODEL = four
PRESETS = {model.preset: model for model in (four, seven, discrepant, health, everything)}
