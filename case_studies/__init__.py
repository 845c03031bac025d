"""Composition: command line, studies, benchmarks."""
