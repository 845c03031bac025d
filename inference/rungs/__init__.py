"""The ladder's cheap rungs: modes, importance samples, mixtures."""
