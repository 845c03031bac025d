"""Thousands of units: pieces in, a store of checked posteriors out."""
