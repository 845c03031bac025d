import numpy as np
import pytest

from twin.units import UnitError, convert, same_dimension


@pytest.mark.parametrize(
    ("written", "wanted", "value"),
    [
        ("mV", "V", 1e-3),
        ("degC", "K", 274.15),
        ("C", "K", 274.15),
        ("°C", "degC", 1.0),
        ("C", "A*s", 1.0),
        ("F", "K", 255.92777777777778),
        ("m2_s", "m^2/s", 1.0),
        ("J_kg_K", "J/kg/K", 1.0),
        ("W m-2 K-1", "W/m2/K", 1.0),
        ("kg/m**3", "g/cm3", 1e-3),
        ("%", "1", 1e-2),
        ("pct", "", 1e-2),
        ("mmHg", "Pa", 133.322387415),
        ("1/min", "Hz", 1 / 60),
        ("Ah", "mAh", 1e3),
        ("µA", "A", 1e-6),
        ("mΩ", "ohm", 1e-3),
        ("Nm", "N*m", 1.0),
        ("nm", "m", 1e-9),
    ],
)
def test_units_are_read_as_people_write_them(written: str, wanted: str, value: float) -> None:
    np.testing.assert_allclose(convert(np.ones(2), written, wanted), value, rtol=1e-12)
    assert same_dimension(written, wanted)


@pytest.mark.parametrize("written", ["xyz", "m//s", "V/", "V V^", "(V)", "m^0", "m^12", "V;A", "\n", "__class__"])
def test_a_unit_that_cannot_be_read_is_refused(written: str) -> None:
    with pytest.raises(UnitError, match=r"cannot be (read|converted)"):
        convert(np.ones(1), written, "V")
    assert not same_dimension(written, "V")


@pytest.mark.parametrize(("written", "wanted"), [("A", "V"), ("C", "V"), ("s", "1"), ("1", "s"), ("Ah", "A")])
def test_a_unit_of_another_dimension_is_refused(written: str, wanted: str) -> None:
    with pytest.raises(UnitError, match="cannot be converted"):
        convert(np.ones(1), written, wanted)
