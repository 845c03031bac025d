"""Files of measurements as text cells: CSV, CSV.gz, Parquet, and records of flames, told apart by their first bytes.

Whatever is wrong with a file is a ValueError that says what was expected, what came and what to do.
"""

import csv
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from twin import flame_record

GZIP, PARQUET = b"\x1f\x8b", b"PAR1"
OTHERS = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook",
    b"\x89HDF": "an HDF5 file",
    b"MATLAB": "a MAT file",
}
SUFFIXES = {
    ".csv": "text",
    ".tsv": "text",
    ".txt": "text",
    ".gz": "gzip",
    ".parquet": "Parquet",
    ".pq": "Parquet",
    ".xml": "XML",
    ".yaml": "YAML",
    ".yml": "YAML",
}
RECORDS = {"XML": flame_record.read_xml, "YAML": flame_record.read_yaml}
_COUNTED = {"Parquet": "row", "XML": "data point", "YAML": "data point"}


@dataclass(frozen=True)
class Cells:
    """A file's cells as text, blank where nothing stands: one list per column.

    ``numbers`` are the lines of a text file, the rows of a Parquet file or the data points of a record, all counted
    from 1; ``counted`` says which of the three.
    """

    sha256: str
    header: tuple[str, ...]
    columns: list[list[str]]
    numbers: list[int]
    counted: str


def read_cells(path: str | Path) -> Cells:
    """All cells of a file. Raises ValueError for whatever is wrong with it."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    sha256 = hashlib.sha256(content).hexdigest()
    if not content:
        raise ValueError(f"{path}: the file is empty; expected a header line and rows of measurements")
    kind = _kind(path, content)
    if kind == "Parquet":
        header, columns, numbers = _parquet(path, content)
    elif kind in RECORDS:
        header, columns = RECORDS[kind](path, _decode(path, content))
        numbers = list(range(1, len(columns[0]) + 1))
    else:
        header, columns, numbers = _text(path, _gunzip(path, content) if kind == "gzip" else content)
    for name in header:
        if header.count(name) > 1:
            raise ValueError(f"{path}: column {name!r} stands {header.count(name)} times in the header; rename one")
    if not numbers:
        raise ValueError(f"{path}: there is a header ({', '.join(header)}) but no row of measurements")
    return Cells(sha256, header, columns, numbers, _COUNTED.get(kind, "line"))


def _kind(path: str | Path, content: bytes) -> str:
    kind = "gzip" if content.startswith(GZIP) else "Parquet" if content.startswith(PARQUET) else "text"
    if kind == "text" and content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        kind = "XML"
    for magic, what in OTHERS.items():
        if content.startswith(magic):
            raise ValueError(f"{path}: is {what}; expected CSV, CSV.gz or Parquet. Export it as CSV")
    promised = SUFFIXES.get(Path(path).suffix.lower(), kind)
    if promised == "YAML" and kind == "text":
        return promised
    if promised != kind:
        raise ValueError(
            f"{path}: the name promises {promised}, but the content is {kind}; rename the file or export it again"
        )
    return kind


def _gunzip(path: str | Path, content: bytes) -> bytes:
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: damaged gzip file ({error}); copy or download it again") from error


def _text(path: str | Path, content: bytes) -> tuple[tuple[str, ...], list[list[str]], list[int]]:
    rows = _rows(path, _decode(path, content))
    first, header = next(rows, (1, []))
    if not header:
        raise ValueError(f"{path}: the file holds no text; expected a header line and rows of measurements")
    if all(_is_number(cell) for cell in header):
        raise ValueError(f"{path}, line {first}: expected column names, got numbers ({', '.join(header[:4])})")
    numbers, cells = [], []
    for number, row in rows:
        if len(row) != len(header):
            raise ValueError(
                f"{path}, line {number}: expected {len(header)} cells as in the header, got {len(row)}; "
                f"mend the line (decimal commas must be points)"
            )
        numbers.append(number)
        cells.append(row)
    names = tuple(name or f"(column {i})" for i, name in enumerate(header, start=1))
    return names, [list(column) for column in zip(*cells, strict=True)], numbers


def _decode(path: str | Path, content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(f"{path}, line {line}: not UTF-8 text; save the table as UTF-8 CSV") from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise ValueError(f"{path}, line {line}: holds a zero byte, so it is no CSV; export it as CSV")
    return text


def _rows(path: str | Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with the line on which each begins; empty lines are skipped."""
    top = text.lstrip().partition("\n")[0]
    delimiter = max(",;\t", key=top.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begins = 1
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if cells and cells != [""]:
                yield begins, cells
            begins = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(f"{path}, line {begins}: cannot be read as CSV ({error}); mend the line") from error


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _parquet(path: str | Path, content: bytes) -> tuple[tuple[str, ...], list[list[str]], list[int]]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ValueError(f"{path}: reading Parquet needs pyarrow; pip install 'twincal[parquet]'") from error
    try:
        table = pq.read_table(pa.BufferReader(content))
        columns = [_strings(column) for column in table.columns]
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{path}: damaged Parquet file ({reason}); write it again") from error
    return tuple(table.column_names), columns, list(range(1, table.num_rows + 1))


def _strings(column: object) -> list[str]:
    """Shortest decimal text that gives each number back; single precision stays the number it shows."""
    import pyarrow as pa

    assert isinstance(column, pa.ChunkedArray)
    try:
        cells = column.cast(pa.string()).to_pylist()
    except pa.ArrowNotImplementedError:
        cells = [None if value is None else f"<{column.type}>" for value in column.to_pylist()]
    return ["" if cell is None else cell.strip() for cell in cells]
