"""Performance figures, side by side with the peers."""
