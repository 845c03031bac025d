"""Air path of a heavy-duty diesel engine with EGR and VGT, by an amortised step network or directly."""

from twin.models.engine.identified import AirPath
from twin.models.engine.parameters import ACTUATED, BUILD, LEAKS, SENSORS, TURBOCHARGER
from twin.models.engine.recipe import RECIPE
from twin.space import Space

everything = AirPath("everything", Space((*ACTUATED, *TURBOCHARGER, *BUILD, *LEAKS, *SENSORS)), RECIPE)
"""Health, build, leaks and sensors at once: for telling faults apart, and what the network is judged on."""
four = AirPath("four", Space(ACTUATED), RECIPE, sibling=everything)
"""The four unknowns of Nath et al. 2023."""
seven = AirPath("seven", Space((*ACTUATED, *TURBOCHARGER)), RECIPE, sibling=everything)
"""And the health of the turbocharger."""

MODEL = four
PRESETS = {model.preset: model for model in (four, seven, everything)}
