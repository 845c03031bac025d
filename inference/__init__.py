"""Bayesian calibration of forward maps."""

from twin.inference._xla import without_thread_pool

without_thread_pool()
