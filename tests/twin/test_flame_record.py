"""Records of burning velocities: what they say as a table, and what is wrong with them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from twin.flame_record import equivalence_ratio
from twin.table import Table, read_table

XML = """<experiment>
  <experimentType>{kind}</experimentType>
  <commonProperties>
    <property name="temperature" units="K"><value>435</value></property>
    <property name="initial composition">
      <component><speciesLink preferredKey="CH4" InChI="1S/CH4/h1H4"/><amount units="{share}">0.09</amount></component>
      <component><speciesLink preferredKey="O2"/><amount units="mole fraction">0.20</amount></component>
      <component><speciesLink preferredKey="N2"/><amount units="mole fraction">0.71</amount></component>
    </property>
  </commonProperties>
  <dataGroup id="dg1">
    <property name="pressure" id="x1" units="atm"/>
    <property name="laminar burning velocity" id="x2" units="cm/s"/>
    <property name="evaluated standard deviation" id="x3" units="{error_unit}" reference="laminar burning velocity"
              kind="{error_kind}"/>
    <dataPoint><x1>2</x1><x2>{speed}</x2><x3>{error}</x3></dataPoint>
    <dataPoint><x1>4</x1><x2>40</x2></dataPoint>
  </dataGroup>
</experiment>
"""
PLAIN = {
    "kind": "laminar burning velocity measurement", "share": "mole fraction", "error_unit": "cm/s",
    "error_kind": "absolute", "speed": "60", "error": "1.5",
}  # fmt: skip
YAML = """
experiment-type: laminar burning velocity measurement
common-properties:
  temperature: [435 K]
  composition:
    kind: mole fraction
    species:
      - {species-name: CH4, InChI: 1S/CH4/h1H4, amount: [0.09]}
      - {species-name: O2, InChI: 1S/O2/c1-2, amount: [0.20]}
      - {species-name: N2, InChI: 1S/N2/c1-2, amount: [0.71]}
datapoints:
  - pressure: [2 atm]
    laminar-burning-velocity: [60 cm/s, {uncertainty-type: relative, uncertainty: 0.025}]
  - pressure: [405.3 kPa]
    laminar-burning-velocity: [0.4 m/s]
"""


def record(tmp_path: Path, **changed: str) -> Table:
    path = tmp_path / "record.xml"
    path.write_text(XML.format(**PLAIN | changed))
    return read_table(path)


def test_a_record_of_respecth_is_a_table(tmp_path: Path) -> None:
    table = record(tmp_path)
    np.testing.assert_allclose(table.number("phi", "1"), 0.9)
    np.testing.assert_allclose(table.number("T_u", "K"), 435.0)
    np.testing.assert_allclose(table.number("p", "bar"), [2.0265, 4.053])
    np.testing.assert_allclose(table.number("S_L", "m/s"), [0.6, 0.4])
    np.testing.assert_allclose(table.sparse("sigma", "cm/s"), [1.5, np.nan])
    assert table.counted == "data point"


def test_relative_errors_are_shares_of_the_reading(tmp_path: Path) -> None:
    table = record(tmp_path, error="0.05", error_unit="unitless", error_kind="relative")
    np.testing.assert_allclose(table.sparse("sigma", "cm/s"), [3.0, np.nan])


def test_a_record_of_chemked_says_the_same(tmp_path: Path) -> None:
    path = tmp_path / "record.yaml"
    path.write_text(YAML)
    theirs, ours = read_table(path), record(tmp_path)
    for name, unit in (("phi", "1"), ("T_u", "K"), ("p", "bar"), ("S_L", "cm/s")):
        np.testing.assert_allclose(theirs.number(name, unit), ours.number(name, unit), err_msg=name)
    np.testing.assert_allclose(theirs.sparse("sigma", "cm/s"), [1.5, np.nan])


def test_the_equivalence_ratio_counts_atoms() -> None:
    air = {"O2": 0.21, "N2": 0.79}
    assert equivalence_ratio(air | {"CH4": 0.105}, {}) == pytest.approx(1.0)
    assert equivalence_ratio(air | {"NH3": 0.14, "H2": 0.21}, {}) == pytest.approx(1.0)
    assert equivalence_ratio(air | {"ethanol": 0.07}, {"ethanol": "C2H6O"}) == pytest.approx(1.0)
    for wrong in ({"N2": 1.0}, {"CH4": 0.1}, air):
        with pytest.raises(ValueError, match="expected a fuel and O2"):
            equivalence_ratio(wrong, {})
    with pytest.raises(ValueError, match="what Fe burns to"):
        equivalence_ratio(air | {"iron": 0.1}, {"iron": "Fe"})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"kind": "ignition delay measurement"}, "is a ignition delay measurement; expected a laminar burning"),
        ({"share": "mole"}, "composition of CH4 in 'mole'; expected mole fractions"),
        ({"speed": "fast"}, "laminar burning velocity is 'fast'; expected a number"),
        ({"speed": ""}, "data point 1: no laminar burning velocity"),
    ],
)
def test_records_that_cannot_be_read_are_refused(tmp_path: Path, changed: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        record(tmp_path, **changed)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.xml", "<experiment><experimentType>", "not well-formed XML"),
        ("a.xml", "<html></html>", "expected a ReSpecTh record, <experiment>, got <html>"),
        ("a.xml", "phi,S_L\n1,2\n", "the name promises XML, but the content is text"),
        ("a.csv", "<experiment></experiment>", "the name promises text, but the content is XML"),
        ("a.yaml", "phi: [1", "not well-formed YAML"),
        ("a.yaml", "phi: 1", "expected a ChemKED record with 'datapoints'"),
        ("a.yaml", YAML.replace("mole fraction", "mass fraction"), "composition of kind 'mass fraction'"),
        ("a.yaml", YAML.replace("0.4 m/s", "0.4 K"), "S_L in 'K' and in 'cm/s'"),
        ("a.yaml", YAML + "  - 7\n", "data point 3 is 7; expected properties"),
        ("a.yaml", YAML.replace("amount: [0.09]", "amount: []"), r"amount of CH4 is \[\]; expected a number"),
        ("a.yaml", YAML.replace("[2 atm]", "[]"), "pressure is"),
        (
            "a.yaml",
            YAML.replace("      - {species-name: CH4", "      - CH4\n      - {species-name: CH4"),
            "species 'CH4'",
        ),
    ],
)
def test_files_that_are_no_records_are_refused(tmp_path: Path, name: str, content: str, message: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        read_table(path)


def test_published_records_agree_with_the_collected_table(data_file: Callable[[str], Path]) -> None:
    mei = read_table(data_file("flame/raw/x20100072.xml"))
    rows = read_table(data_file("flame/burning_velocity.csv")).select("dataset", ["NH3-H2-Mei2021"])
    np.testing.assert_allclose(mei.number("S_L", "cm/s"), rows.number("S_L", "cm/s"))
    np.testing.assert_allclose(mei.number("sigma", "cm/s"), rows.number("sigma_eval", "cm/s"))
    shares = {name: mei.number(f"x_{name}", "1") for name in ("NH3", "H2", "O2", "N2")}
    for i, phi in enumerate(mei.number("phi", "1")):
        assert equivalence_ratio({k: float(v[i]) for k, v in shares.items()}, {}) == pytest.approx(phi, rel=1e-4)
