"""One unit watched: windows in; changes, limits and alarms out."""
