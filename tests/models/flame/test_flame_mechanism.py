"""One-step mechanisms from files: the numbers they stand for, and what is not known, by name."""

from pathlib import Path

import numpy as np
import pytest

from twin.models.flame.mechanism import parameters_of, read_law
from twin.models.flame.published import PUBLISHED

FILE = """
units: {length: cm, time: s, quantity: mol, activation-energy: cal/mol}
reactions:
- equation: CH4 + 2 O2 => CO2 + 2 H2O
  rate-constant: {A: 1.1e+10, b: 0.0, Ea: 2.0e+4}
  orders: {CH4: 1.0, O2: 0.5}
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mechanism.yaml"
    path.write_text(text)
    return path


def test_the_published_mechanism_is_the_nominal_point(tmp_path: Path) -> None:
    law = read_law(written(tmp_path, FILE))
    np.testing.assert_allclose([law.A, law.Ea, *law.orders], [PUBLISHED.A, PUBLISHED.Ea, 1.0, 0.5])
    found = parameters_of(law)
    assert found["ln_k"] == pytest.approx(0.0, abs=1e-12)
    assert found["Ea"] == pytest.approx(20.0)


def test_units_are_converted_and_orders_default_to_the_equation(tmp_path: Path) -> None:
    law = read_law(written(tmp_path, FILE.replace("cal/mol", "K").replace("2.0e+4", "1.0e+4")))
    assert law.Ea == pytest.approx(1e4 * 8314.46261815324)
    bare = read_law(written(tmp_path, FILE.replace("  orders: {CH4: 1.0, O2: 0.5}\n", "")))
    assert bare.orders == (1.0, 2.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("=>", "<=>"), r"CH4 \+ 2 O2 <=> CO2 \+ 2 H2O \(reversible\)"),
        (("CO2 + 2 H2O\n", "CO + 2 H2O\n"), r"\(not CH4"),
        (("  orders", "  type: falloff\n  orders"), "type falloff"),
        (("reactions:", "steps:"), "expected a mechanism with 'reactions'"),
        (("cal/mol", "cal/parsec"), "activation-energy in 'cal/parsec'"),
        (("{A: 1.1e+10, b: 0.0, Ea: 2.0e+4}", "5"), "no rate-constant"),
        (("{A: 1.1e+10,", "{A: fast,"), "expected plain numbers of A, b, Ea and orders"),
        (("O2: 0.5}", "O2: 0.5, H2O: 0.1}"), r"\(order in H2O\)"),
        (("- equation: CH4 + 2 O2 => CO2 + 2 H2O\n", "- five\n- equation: CH4 + 2 O2 => CO2 + 2 H2O\n"), "each"),
    ],
)
def test_what_one_step_cannot_stand_for_is_named(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_law(written(tmp_path, FILE.replace(*change)))


def test_several_steps_and_unreadable_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="2 steps; flame_free knows one"):
        read_law(written(tmp_path, FILE + FILE[FILE.index("- equation") :]))
    for text in ("a: [", "5"):
        with pytest.raises(ValueError, match=r"cannot be read as YAML|expected a mechanism"):
            read_law(written(tmp_path, text))
    with pytest.raises(ValueError, match="cannot be read"):
        read_law(tmp_path / "none.yaml")
