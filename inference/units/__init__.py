"""Many units at once through the ladder."""
