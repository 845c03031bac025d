"""Bayesian calibration of forward maps."""

from twin.inference._xla import with_enough_threads

with_enough_threads()
