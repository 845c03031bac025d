"""Parts of the flame models: thermochemistry, transport, kinetics, solvers."""
