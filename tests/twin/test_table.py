import contextlib
import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twin.table import Table, read_table

CELL = """T_amb_C,c_rate,time_s,voltage_mV,step
25,0.1,0,4131.6,rest
25,0.1,10,4100.5,discharge
25,0.10,20,4090.25,discharge
25,0.5,0,4000,discharge
0,0.5,0,3900,discharge
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def to_file(content: str | bytes, name: str = "cell.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return to_file


Write = Callable[..., Path]


@pytest.fixture
def cell(write: Write) -> Table:
    return read_table(write(CELL))


def test_a_table_knows_its_file_hash_lines_and_header(cell: Table) -> None:
    assert cell.sha256 == hashlib.sha256(CELL.encode()).hexdigest()
    assert cell.lines == [2, 3, 4, 5, 6]
    assert cell.header == ("T_amb_C", "c_rate", "time_s", "voltage_mV", "step")
    assert cell.label == "cell"
    assert cell.source.rows == len(cell) == 5


def test_line_numbers_survive_empty_lines_selections_and_quoted_line_breaks(write: Write) -> None:
    table = read_table(write('a,note\n1,"two\nlines"\n\n2,x\n\n3,y\n'))
    assert table.lines == [2, 5, 7]
    assert table.select("a", ["3"]).lines == [7]


def test_selection_compares_numbers_as_numbers_and_text_as_text(cell: Table) -> None:
    assert cell.select("c_rate", ["1e-1"]).lines == [2, 3, 4]
    assert cell.select("c_rate", [".10", "0.5"]).select("step", ["rest"]).lines == [2]
    assert cell.select("T_amb_C", ["25.0"]).source.rows == 4


def test_a_selection_without_rows_lists_the_values_there_are(cell: Table) -> None:
    with pytest.raises(ValueError, match=r"cell.csv: no row with c_rate = 2 or 3; .* values 0.1, 0.10, 0.5"):
        cell.select("c_rate", ["2", "3"])


def test_a_misspelt_column_names_the_nearest(cell: Table) -> None:
    for wrong in (lambda: cell.select("c_rat", ["1"]), lambda: cell.by("c_rat"), lambda: cell.text("c_rat")):
        with pytest.raises(ValueError, match="no column 'c_rat'; did you mean 'c_rate'"):
            wrong()
    with pytest.raises(ValueError, match=r"no column for voltag \[V\]; did you mean 'voltage_mV'.*--column voltag="):
        cell.number("voltag", "V")


def test_cutting_gives_one_table_per_number_in_the_order_of_the_file(cell: Table) -> None:
    parts = cell.by("c_rate")
    assert [value for value, _ in parts] == ["0.1", "0.5"]
    assert [part.lines for _, part in parts] == [[2, 3, 4], [5, 6]]
    assert parts[1][1].label == "cell c_rate=0.5"


def test_the_row_before_a_selection_is_the_files_not_the_selections(cell: Table) -> None:
    before = cell.select("c_rate", ["0.1"]).select("step", ["discharge"]).before
    assert before is not None
    assert before.lines == [2]
    np.testing.assert_allclose(before.number("voltage", "V"), [4.1316], rtol=1e-15)
    assert cell.before is None


@pytest.mark.parametrize("header", ["U_mV", "U [mV]", "U (mV)", "U[mV]", " U_mV ", '"U (mV)"'])
def test_a_column_is_found_by_its_base_name_and_unit(write: Write, header: str) -> None:
    table = read_table(write(f"k,{header}\n1,4131.6\n2,2500\n"))
    assert table.has("U")
    np.testing.assert_allclose(table.number("U", "V"), [4.1316, 2.5], rtol=1e-15)


@pytest.mark.parametrize("spec", ["Ewe:mV", "E_we_mV", "E [mV]", "E:we:mV", "E:we_mV"])
def test_a_column_can_be_named_by_hand(write: Write, spec: str) -> None:
    header = spec if spec in ("E_we_mV", "E [mV]", "E:we_mV") else spec.rpartition(":")[0]
    table = read_table(write(f"{header},k\n4131.6,1\n"), {"voltage": spec})
    assert table.has("voltage")
    np.testing.assert_allclose(table.number("voltage", "V"), [4.1316], rtol=1e-15)


@pytest.mark.parametrize("unit", ["C", "degC"])
def test_c_is_celsius_for_temperatures_and_coulomb_for_charge(write: Write, unit: str) -> None:
    table = read_table(write(f"T_amb_{unit},charge_C\n25,3600\n"))
    assert table.number("T_amb", "K") == [298.15]
    assert not table.has("T")
    np.testing.assert_allclose(table.number("charge", "Ah"), [1.0])


def test_the_same_numbers_in_other_units_files_and_delimiters_are_the_same_arrays(write: Write, tmp_path: Path) -> None:
    seconds, volts = np.linspace(0.0, 7200.0, 41), np.linspace(4.2, 2.5, 41)
    plain = pd.DataFrame({"time_s": seconds, "voltage_V": volts})
    other = pd.DataFrame({"voltage (mV)": volts * 1e3, "time [h]": seconds / 3600})
    paths = [tmp_path / n for n in ("a.csv", "b.csv", "c.csv.gz", "d.parquet", "e.txt")]
    plain.to_csv(paths[0], index=False)
    other.to_csv(paths[1], index=False, sep=";", lineterminator="\r\n", encoding="utf-8-sig")
    other.to_csv(paths[2], index=False)
    plain.to_parquet(paths[3])
    other.to_csv(paths[4], index=False, sep="\t")
    for path in paths:
        table = read_table(path)
        np.testing.assert_allclose(table.increasing("time", "s"), seconds, rtol=1e-14)
        np.testing.assert_allclose(table.number("voltage", "V"), volts, rtol=1e-14)


def test_parquet_keeps_text_blanks_single_precision_and_counts_rows(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "c_rate": np.array([0.1, 0.5], dtype=np.float32),
            "step": pd.Categorical(["rest", "discharge"]),
            "voltage_V": [4.1, None],
            "extra": [[1], [2]],
            "at": pd.to_datetime(["2020-01-01", "2020-01-02"]),
        }
    )
    frame.to_parquet(tmp_path / "cell.parquet")
    table = read_table(tmp_path / "cell.parquet")
    assert table.select("c_rate", ["0.1"]).lines == [1]
    assert table.text("step") == ["rest", "discharge"]
    with pytest.raises(ValueError, match="row 2, column voltage_V: expected a number, got a blank cell"):
        table.number("voltage", "V")
    with pytest.raises(ValueError, match="row 1, column extra"):
        table.number("extra", "1")


@pytest.mark.parametrize("bad", ["", "nan", "NaN", "inf", "-inf", "n/a", "4,1", "1_0", "0x10", "4.1 V", "--"])
def test_what_is_no_number_is_refused_with_line_column_and_text(write: Write, bad: str) -> None:
    table = read_table(write(f'time_s,voltage_V\n0,4.1\n1,"{bad}"\n'))
    with pytest.raises(ValueError, match=r"cell.csv, line 3, column voltage_V: expected a number, got ") as caught:
        table.number("voltage", "V")
    assert (bad or "blank cell") in str(caught.value)
    assert len(table.number("time", "s")) == 2


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("voltage_xyz", "column voltage_xyz: unit 'xyz' cannot be read; expected a column like 'voltage_V'"),
        ("voltage [xyz]", "unit 'xyz' cannot be read"),
        (
            "voltage_A",
            "column voltage_A: unit 'A' cannot be converted to 'V'; expected a column like 'voltage_V'",
        ),
        ("voltage_C", "unit 'C' cannot be converted to 'V'"),
        ("voltage", "column voltage: no unit is given, but voltage needs 'V'"),
        ("voltage []", "no unit is given"),
    ],
)
def test_a_wrong_unit_names_the_column_and_an_accepted_example(write: Write, column: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        read_table(write(f"{column},k\n4.1,1\n")).number("voltage", "V")
    assert message in str(caught.value)
    assert "--column voltage=COLUMN:V" in str(caught.value)


def test_two_columns_for_one_quantity_are_refused(write: Write) -> None:
    path = write("voltage_V,voltage_mV\n4.1,4100\n")
    with pytest.raises(ValueError, match="voltage_V and voltage_mV could both be voltage; choose with --column"):
        read_table(path).number("voltage", "V")
    assert read_table(path, {"voltage": "voltage_mV"}).number("voltage", "V") == [4.1]


def test_a_named_column_that_does_not_exist_is_refused_at_once(write: Write) -> None:
    with pytest.raises(ValueError, match="no column 'U_cel' for voltage; did you mean 'U_cell'"):
        read_table(write("U_cell,k\n1,1\n"), {"voltage": "U_cel:mV"})


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ("0 5 5", "line 4, column t_s: t must rise .*the same value twice: 5 s on line 3, 5 s on line 4"),
        ("0 5 3", "line 4, column t_s: t must rise .*a step back: 5 s on line 3, 3 s on line 4"),
    ],
)
def test_values_that_do_not_rise_are_refused_with_both_lines(write: Write, times: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_table(write("t_s,k\n" + "".join(f"{t},1\n" for t in times.split()))).increasing("t", "s")


def test_a_blank_cell_cannot_be_cut_by(write: Write) -> None:
    with pytest.raises(ValueError, match=r"line 3, column a: blank cell"):
        read_table(write("a,b\n1,1\n,2\n")).by("a")


BAD_FILES = {
    "empty": ("cell.csv", b"", "the file is empty"),
    "blank": ("cell.csv", b" \n\n", "no text"),
    "header only": ("cell.csv", b"a,b\n", "no row of measurements"),
    "no header": ("cell.csv", b"1,2\n3,4\n", "line 1: expected column names, got numbers"),
    "short row": ("cell.csv", b"a,b\n1,2\n3\n", "line 3: expected 2 cells as in the header, got 1"),
    "decimal commas": ("cell.csv", b"a,b\n1,5,2\n", "line 2: expected 2 cells .*, got 3"),
    "twice": ("cell.csv", b"a,a\n1,2\n", "column 'a' stands 2 times in the header"),
    "latin-1": ("cell.csv", b"a,T (\xb0C)\n1,2\n", "line 1: not UTF-8"),
    "zero byte": ("cell.csv", b"a,b\n1,\x002\n", "line 2: holds a zero byte"),
    "open quote": ("cell.csv", b'a,b\n1,"2\n', "line 2: cannot be read as CSV"),
    "workbook": ("cell.csv", b"PK\x03\x04rest", "is a ZIP archive or an Excel workbook"),
    "gzip as csv": ("cell.csv", gzip.compress(b"a,b\n1,2\n"), "name promises text, but the content is gzip"),
    "csv as gzip": ("cell.csv.gz", b"a,b\n1,2\n", "name promises gzip, but the content is text"),
    "csv as parquet": ("cell.parquet", b"a,b\n1,2\n", "name promises Parquet, but the content is text"),
    "parquet as csv": ("cell.csv", b"PAR1....PAR1", "name promises text, but the content is Parquet"),
    "cut gzip": ("cell.csv.gz", gzip.compress(b"a,b\n" * 9)[:-12], "damaged gzip"),
    "gzip of nothing": ("cell.csv.gz", gzip.compress(b""), "no text"),
    "broken parquet": ("cell.parquet", b"PAR1" + b"\0" * 40 + b"PAR1", "damaged Parquet"),
}


@pytest.mark.parametrize(("name", "content", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_gets_one_clear_message(write: Write, name: str, content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        read_table(write(content, name))
    assert name in str(caught.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(ValueError, match="cannot be read"):
            read_table(path)


def use(path: Path, column: str, unit: str) -> None:
    table = read_table(path, {"renamed": column} if column in ("a", "a:V") else {})
    for name in (column, "renamed", *table.header):
        for attempt in (
            lambda name=name: table.number(name, "V"),
            lambda name=name: table.increasing(name, "1"),
            lambda name=name: table.select(name, [unit]).before,
            lambda name=name: [t.text(name) for _, t in table.by(name)],
        ):
            try:
                attempt()
            except ValueError:
                continue


NAMES = st.one_of(st.sampled_from(["a", "a_V", "a [mV]", "a (C)", "a_m2_s", "a:V", "1", ""]), st.text(max_size=8))
ROWS = st.lists(st.lists(st.one_of(st.text(max_size=5), st.floats().map(str)), min_size=1, max_size=3), max_size=4)
TEXTS = st.builds(
    lambda header, rows: "\n".join([",".join(header), *(",".join(row) for row in rows)]).encode("utf-8", "replace"),
    st.lists(NAMES, min_size=1, max_size=3),
    ROWS,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.one_of(TEXTS, TEXTS.map(gzip.compress), st.binary(max_size=60), st.binary().map(lambda b: b"PAR1" + b)),
    suffix=st.sampled_from([".csv", ".csv.gz", ".parquet", ".dat"]),
    column=NAMES,
    unit=st.text(max_size=4),
)
def test_no_input_raises_anything_but_a_value_error(
    tmp_path: Path, content: bytes, suffix: str, column: str, unit: str
) -> None:
    path = tmp_path / f"fuzz{suffix}"
    path.write_bytes(content)
    with contextlib.suppress(ValueError):
        use(path, column, unit)
