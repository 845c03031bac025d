"""Lithium-ion cells."""
