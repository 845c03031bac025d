"""Populations of units: partial pooling."""
