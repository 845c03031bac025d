"""How burning velocities of ammonia and hydrogen depend on rate constants (being built)."""

FUEL = {"NH3": 0.6, "H2": 0.6, "N2": 0.2}
PHI = (0.65, 1.45)
RATES = (
    ("H + O2 <=> O + OH", 0.3),
    ("H + O2 (+M) <=> HO2 (+M)", 0.6),
    ("H2 + OH <=> H + H2O", 0.6),
    ("H2 + O <=> H + OH", 0.6),
    ("NH2 + NO <=> NNH + OH", 0.9),
    ("NH2 + NO <=> H2O + N2", 0.9),
    ("H + NH2 (+M) <=> NH3 (+M)", 0.9),
    ("NH2 + O <=> H + HNO", 0.9),
    ("NH + NH2 <=> H + tHNNH", 0.9),
    ("NH + O <=> H + NO", 0.9),
    ("N + NH2 <=> 2 H + N2", 0.9),
    ("NH + NO <=> H + N2O", 0.9),
)
REACTIONS = tuple(name for name, _ in RATES)
WIDTHS = tuple(width for _, width in RATES)
