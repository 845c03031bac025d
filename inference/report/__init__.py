"""Self-contained pages about posteriors and their calibration."""
