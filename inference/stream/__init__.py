"""A posterior carried from window to window by particles."""
