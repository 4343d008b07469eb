"""Reading CSV and NDJSON: line numbers, places to go on from, and what a broken record costs."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.core.csv_rows import CsvRows
from dashboard.core.ndjson_rows import NdjsonRows
from dashboard.core.rows import MAX_LINE_BYTES, Rows, format_of, open_file
from dashboard.errors import ImportFailed


def read(text: bytes, kind: type[CsvRows] | type[NdjsonRows] = CsvRows) -> list[tuple[int, object, str]]:
    return [tuple(row) for row in kind(io.BytesIO(text))]


def test_rows_come_with_the_line_they_begin_on() -> None:
    assert read(b'name,score\nAnna,1\n"Bo\nb",2\r\n\n"C,""d""",3') == [
        (2, ["Anna", "1"], ""),
        (3, ["Bo\nb", "2"], ""),
        (6, ['C,"d"', "3"], ""),
    ]


def test_a_byte_order_mark_is_no_part_of_the_first_column() -> None:
    assert CsvRows(io.BytesIO(b"\xef\xbb\xbfname,score\nA,1\n")).columns == ("name", "score")
    assert read(b'\xef\xbb\xbf{"name": "A"}\n', NdjsonRows) == [(1, {"name": "A"}, "")]


def test_crlf_and_a_missing_last_line_end_change_nothing() -> None:
    unix = b"name,score\nA,1\nB,2\n"
    assert read(unix.replace(b"\n", b"\r\n")) == read(unix) == read(unix.rstrip())


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (b"X", "1 columns where the header has 2"),
        (b"X,1,2", "3 columns where the header has 2"),
        (b"X\xff,1", "byte 2 of the line, 0xff, is not UTF-8"),
        (b"X\0,1", "a NUL byte"),
        (b'"X,1', "a quote is opened and never closed"),
        (b'"X"Y,1', "a quote is followed by text instead of a comma"),
        (b"X\rY,1", "a carriage return stands alone; line ends are LF or CR LF"),
        (b"X" * 200_000 + b",1", "a field is longer than 131,072 characters, or its quote is never closed"),
        (b"X" * MAX_LINE_BYTES + b",1", f"the line is longer than {MAX_LINE_BYTES:,} bytes"),
        (b'"' + b"X" * 2 * MAX_LINE_BYTES, f"the line is longer than {MAX_LINE_BYTES:,} bytes"),
    ],
)
def test_a_broken_record_costs_one_row(broken: bytes, reason: str) -> None:
    rows = read(b"name,score\nA,1\n" + broken + b"\nB,2\nC,3\n")
    assert [(line, fault) for line, _, fault in rows] == [(2, ""), (3, reason), (4, ""), (5, "")]
    assert [values for _, values, fault in rows if not fault] == [["A", "1"], ["B", "2"], ["C", "3"]]


def test_control_a_lenient_reader_loses_rows_behind_a_stray_quote() -> None:
    lines = 'name,score\nA,1\n"X,1\nB,2\nC,3\n'.splitlines(keepends=True)
    assert ["B", "2"] not in list(csv.reader(lines))


def test_a_stray_quote_does_not_pair_with_a_later_one() -> None:
    rows = read(b'name,score\n"X,1\nB,2\n"C",3\n')
    assert [(line, bool(fault)) for line, _, fault in rows] == [(2, True), (3, False), (4, False)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"name": "A"', "not JSON: Expecting ',' delimiter at place 13"),
        (b'["A"]', "not a JSON object"),
        (b'{"a": 1, "a": 2}', "not JSON: a name stands twice in one object"),
        (b'{"a": NaN}', "not JSON: NaN is no JSON number"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON: Exceeds the limit"),
        (b'{"a": ' + b"[" * 100_000, "not JSON that can be read: nested too deeply"),
        (b'{"a": "\xff"}', "byte 8 of the line, 0xff, is not UTF-8"),
        (b'{"a": "' + b"X" * MAX_LINE_BYTES, f"the line is longer than {MAX_LINE_BYTES:,} bytes"),
    ],
)
def test_a_broken_object_costs_one_row(line: bytes, reason: str) -> None:
    first, broken, last = read(b'{"a": 1}\n' + line + b'\n\n{"a": 2}\n', NdjsonRows)
    assert (first, last) == ((1, {"a": 1}, ""), (4, {"a": 2}, ""))
    assert broken[0] == 2
    assert broken[2].startswith(reason)


def test_the_columns_of_ndjson_are_those_of_its_first_objects() -> None:
    rows = NdjsonRows(io.BytesIO(b'{"a": 1}\n{"b": 2, "a": 3}\n'))
    assert rows.columns == ("a", "b")
    assert [row.values for row in rows] == [{"a": 1}, {"a": 3, "b": 2}]
    with pytest.raises(ImportFailed, match=r"there is no column 'c'; the columns are 'a', 'b'"):
        rows.pick("c")


def test_an_unknown_or_ambiguous_column_is_named() -> None:
    rows = CsvRows(io.BytesIO(b"name,score,name\n"))
    assert rows.pick("score")(["A", "1", "B"]) == "1"
    with pytest.raises(ImportFailed, match=r"there is no column 'nam'; the columns are 'name', 'score', 'name'"):
        rows.pick("nam")
    with pytest.raises(ImportFailed, match=r"'name' stands several times in the header, at 1 and 3"):
        rows.pick("name")


@pytest.mark.parametrize("text", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_a_csv_file_without_a_header_is_refused(text: bytes) -> None:
    with pytest.raises(ImportFailed, match="the file is empty"):
        CsvRows(io.BytesIO(text))


def test_a_broken_header_is_refused() -> None:
    with pytest.raises(ImportFailed, match="the header in line 1 cannot be read: a carriage return stands alone"):
        CsvRows(io.BytesIO(b"name,score\rA,1\r"))


CELLS = st.text(alphabet='a,"\n\r é;\x85\u2028', max_size=6)
CSV = st.lists(st.tuples(CELLS, CELLS), max_size=8).map(
    lambda rows: _written([["name", "score"], *(list(row) for row in rows if any(row))])
)
OBJECTS = st.lists(st.dictionaries(st.sampled_from(["a", "b"]), st.integers() | CELLS), max_size=8)
NDJSON = OBJECTS.map(lambda rows: "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())


def _written(rows: list[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


@given(CSV)
def test_what_was_written_is_read(text: bytes) -> None:
    expected = list(csv.reader(io.StringIO(text.decode(), newline=""), strict=True))[1:]
    assert [row.values for row in CsvRows(io.BytesIO(text))] == expected


@given(CSV | NDJSON, st.data())
def test_reading_can_go_on_behind_any_row(text: bytes, data: st.DataObject) -> None:
    kind = CsvRows if text.startswith(b"name") else NdjsonRows
    rows: Rows = kind(io.BytesIO(text))
    places = [(rows.end, rows.line)]
    whole = []
    for row in rows:
        whole.append(row)
        places.append((rows.end, rows.line))
    at = data.draw(st.integers(0, len(whole)))
    again: Rows = kind(io.BytesIO(text))
    again.go_to(*places[at])
    assert list(again) == whole[at:]


def test_the_record_as_it_stands_in_the_file() -> None:
    rows = CsvRows(io.BytesIO(b'name,score\n"A\nB",1\nC\xff,2\n'))
    assert [(row.line, rows.text()) for row in rows] == [(2, '"A\nB",1'), (4, "C\\xff,2")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("name,score\n".encode("utf-16"), "UTF-16"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b"PK\x03\x04", "spreadsheet"),
    ],
)
def test_a_file_that_is_something_else_is_refused(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_bytes(content)
    with pytest.raises(ImportFailed, match=reason):
        open_file(path)


def test_what_cannot_be_read_again_is_refused(tmp_path: Path) -> None:
    for path, reason in [
        (Path("-"), "standard input cannot be read again"),
        (tmp_path, "is not a regular file"),
        (tmp_path / "absent.csv", "No such file"),
    ]:
        with pytest.raises(ImportFailed, match=reason):
            open_file(path)


def test_the_format_follows_the_name() -> None:
    assert [format_of(Path(name)) for name in ("a.csv", "a.CSV", "a.ndjson", "a.jsonl")] == ["csv"] * 2 + ["ndjson"] * 2
    with pytest.raises(ImportFailed, match="--format csv or ndjson"):
        format_of(Path("a.txt"))
