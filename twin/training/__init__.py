"""Training of parametric physics-informed surrogates."""
