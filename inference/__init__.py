"""Bayesian calibration of forward maps."""
