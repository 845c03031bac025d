"""A heavy-duty diesel engine's air path with EGR and VGT: mean-value model of Wahlström and Eriksson 2011."""
