"""The text formats: what is read, and what is refused with the line at fault."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dsn.data.archive import FORMATS
from dsn.data.raw import RawPart
from dsn.errors import InvalidData

NAN = np.nan
TS = "@problemName Some\n@timeStamps false\n@classLabel true a b\n@data\n"
ARFF = "@relation Some\n@attribute x1 numeric\n@attribute x2 REAL\n@attribute class {a,'b c'}\n@data\n"
BAG = "@relation Some\n@attribute bag relational\n@attribute x1 numeric\n@attribute x2 numeric\n@end bag\n"
BAG += "@attribute class {a,b}\n@data\n"


def read(tmp_path: Path, ending: str, content: str | bytes) -> RawPart:
    file = tmp_path / f"Some_TRAIN{ending}"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return FORMATS[ending](file)


GOOD: dict[str, tuple[str, str | bytes, list[list[list[float]]], list[str]]] = {
    "ts": (".ts", TS + "1,2:a\n-3e1,.5:b\n", [[[1, 2]], [[-30, 0.5]]], ["a", "b"]),
    "ts of several channels": (".ts", TS + "1,2:3,4:a\n", [[[1, 2], [3, 4]]], ["a"]),
    "ts of unequal lengths": (".ts", TS + "1:a\n1,2:b\n", [[[1, NAN]], [[1, 2]]], ["a", "b"]),
    "ts with missing values": (".ts", TS + "?,2,NaN:a\n", [[[NAN, 2, NAN]]], ["a"]),
    "ts from Windows": (".ts", b"\xef\xbb\xbf" + TS.replace("\n", "\r\n").encode() + b"1,2:a\r\n", [[[1, 2]]], ["a"]),
    "ts with comments and blanks": (".ts", "#x\n% y\n\n" + TS + "\n 1, 2 : a \n#z\n\n", [[[1, 2]]], ["a"]),
    "ts with a comment in Latin-1": (".ts", b"#\xe9\n" + TS.encode() + b"1,2:a", [[[1, 2]]], ["a"]),
    "ts with a label in another case": (".ts", TS + "1,2:A\n", [[[1, 2]]], ["a"]),
    "ts with tags in another case": (".ts", TS.upper().replace(" A B", " nancy b") + "1:nancy\n", [[[1]]], ["nancy"]),
    "tsv": (".tsv", "1\t0.5\t2\n-1\t3\t4\n", [[[0.5, 2]], [[3, 4]]], ["1", "-1"]),
    "tsv filled up": (".tsv", "1\t0.5\tNaN\n2\t3\t4\n", [[[0.5, NAN]], [[3, 4]]], ["1", "2"]),
    "tsv from Windows": (".tsv", b"\xef\xbb\xbf1\t0.5\t2\r\n\r\n2\t3\t4\r\n", [[[0.5, 2]], [[3, 4]]], ["1", "2"]),
    "tsv with words": (".tsv", '"run fast"\t1\nwalk\t2\n', [[[1]], [[2]]], ["run fast", "walk"]),
    "tsv that has commas": (".tsv", "1,0.5,2\n2,3,4\n", [[[0.5, 2]], [[3, 4]]], ["1", "2"]),
    "txt of the 2018 release": (
        ".txt",
        "   1.0000000e+00  -5.5e-01   2e+00\n  -1.0000000e+00   3  4\n",
        [[[-0.55, 2]], [[3, 4]]],
        ["1", "-1"],
    ),
    "csv": (".csv", "a, 1, 2\nb, 3, 4\n", [[[1, 2]], [[3, 4]]], ["a", "b"]),
    "2015 release": ("", "1,0.5,2\n2,3,4", [[[0.5, 2]], [[3, 4]]], ["1", "2"]),
    "arff": (".arff", "% @data\n" + ARFF + "1,?,a\n3,4,'b c'\n", [[[1, NAN]], [[3, 4]]], ["a", "b c"]),
    "arff from Windows": (".arff", (ARFF + "1,2,a\n").replace("\n", "\r\n"), [[[1, 2]]], ["a"]),
    "arff of several channels": (
        ".arff",
        BAG + "'1,2\\n3,?',b\n\"5,6\\n7,8\",a",
        [[[1, 2], [3, NAN]], [[5, 6], [7, 8]]],
        ["b", "a"],
    ),
}


@pytest.mark.parametrize("case", GOOD)
def test_read(tmp_path: Path, case: str) -> None:
    ending, content, x, labels = GOOD[case]
    part = read(tmp_path, ending, content)
    assert np.array_equal(part.x, np.array(x), equal_nan=True)
    assert part.labels.tolist() == labels


BROKEN: dict[str, tuple[str, str | bytes, str]] = {
    "ts without header": (".ts", "1,2:a\n", ":1: expected a line that starts with @"),
    "ts without @data": (".ts", "@classLabel true a\n", ": has no line @data"),
    "ts cut off in the header": (".ts", "@prob", ": has no line @data"),
    "ts without series": (".ts", TS, ": has no series after @data"),
    "ts without labels": (".ts", TS.replace("true a b", "false") + "1,2\n", "the header needs @classLabel true"),
    "ts for regression": (".ts", "@targetLabel true\n" + TS + "1,2:0.5\n", "is a regression set"),
    "ts with time stamps": (".ts", TS.replace("Stamps false", "Stamps true") + "(0,1):a\n", "has time stamps"),
    "ts with hidden time stamps": (".ts", TS + "(0,1),(1,2):a\n", ":5: has time stamps"),
    "ts with an unknown label": (
        ".ts",
        TS + "1,2:c\n",
        ":5: @classLabel does not list this label (got 'c'); valid: a, b",
    ),
    "ts with an empty label": (".ts", TS + "1,2:\n", ":5: has no label"),
    "ts with a line without colon": (".ts", TS + "1,2:a\n3,4\n", ":6: has no colon between series and label"),
    "ts with an empty value": (".ts", TS + "1,,2:a\n", ":5, channel 1: field 2 is empty"),
    "ts with a word": (".ts", TS + "1,2:3,x:a\n", ":5, channel 2: field 2 is not a number (got 'x')"),
    "ts with ragged channels": (".ts", TS + "1,2:3:a\n", ":5: channels of different lengths: 1, 2"),
    "ts with one channel less": (".ts", TS + "1:2:a\n3:b\n", ":6: 1 channels, the first series has 2"),
    "ts that says univariate": (
        ".ts",
        "@univariate true\n" + TS + "1:2:a\n",
        "2 channels, but the header says @univariate",
    ),
    "ts that says equal lengths": (".ts", "@equalLength true\n" + TS + "1:a\n1,2:b\n", ":7: 2 time points, the first"),
    "ts in UTF-16": (".ts", TS.encode("utf-16"), ":1: is not UTF-8 text: it holds NUL bytes (UTF-16 perhaps?)"),
    "ts in Latin-1": (".ts", TS.encode() + b"1,2:\xe9\n", ":5:5: is not UTF-8 text: byte 0xe9"),
    "tsv, empty": (".tsv", "", ": is empty"),
    "tsv with a header": (".tsv", "label\tx1\tx2\n1\t2\t3\n", ":1: field 2 is not a number (got 'x1')"),
    "tsv as a data frame is written": (
        ".tsv",
        "label\t0\t1\t2\n1\t2\t3\t5\n",
        ": the first row is a header, which numbers its columns; write the file without",
    ),
    "tsv with the label last": (".tsv", "0.5\t2\t1\n", ":1: the label (first column) must be a whole number or a word"),
    "tsv without label": (".tsv", "\t1\t2\n", ":1: has no label"),
    "tsv whose label is missing": (".tsv", "NaN\t1\t2\n", ":1: the label (first column) is missing"),
    "tsv with a short row": (
        ".tsv",
        "1\t2\t3\n2\t3\n",
        ":2: has 1 values, the first row 2; fill short series up with NaN",
    ),
    "tsv with a long row": (".tsv", "1\t2\n2\t3\t4\n", ":2: has 2 values, the first row 1"),
    "tsv with an empty field": (".tsv", "1\t\t2\n", ":1: field 2 is empty; a missing value is written NaN"),
    "tsv without values": (".tsv", "1\n2\n", ":1: has a label but no values behind it"),
    "tsv with decimal commas": (".tsv", "1\t0,5\n", ":1: field 2 is not a number (got '0,5')"),
    "tsv with underscores": (".tsv", "1\t1_000\n", ":1: field 2 is not a number (got '1_000')"),
    "tsv with other digits": (".tsv", "1\t\u0663\n", ":1: field 2 is not a number (got '\u0663')"),
    "tsv with infinity": (".tsv", "1\t1e999\n", "has a value that is infinite as float32"),
    "tsv with a label of a page": (".tsv", "x" * 300 + "\t1\n", ":1: the label has 300 characters; at most 200"),
    "csv with semicolons": (".csv", "1;0,5;2\n", ":1: field 2 is not a number (got '5;2')"),
    "arff without @data": (".arff", "@relation x\n", ": has no line @data"),
    "arff without attributes": (".arff", "@relation x\n@data\n1,a\n", ": expected numeric attributes"),
    "arff with the class first": (
        ".arff",
        "@attribute c {a,b}\n@attribute x numeric\n@data\na,1\n",
        ": expected numeric attributes",
    ),
    "arff for regression": (
        ".arff",
        "@attribute x numeric\n@attribute y numeric\n@data\n1,2\n",
        ": the last attribute must be the class, with its labels in braces",
    ),
    "arff with a strange line": (".arff", "@inputs x\n" + ARFF, ":1: expected @relation, @attribute or @data"),
    "arff with a strange attribute": (".arff", "@attribute x\n" + ARFF, ":1: expected @attribute, a name and a type"),
    "arff with torn labels": (".arff", ARFF.replace("'b c'", "'b c") + "1,2,a\n", "cannot be told apart"),
    "arff with a value less": (".arff", ARFF + "1,a\n", ":6: 1 values, but 2 numeric attributes"),
    "arff with an unknown label": (".arff", ARFF + "1,2,c\n", ":6: the class attribute does not list this label"),
    "arff without label": (".arff", ARFF + "1,2,\n", ":6: has no label"),
    "arff of a single field": (".arff", ARFF + "1\n", ":6: expected values, a comma and a label"),
    "arff that is sparse": (".arff", ARFF + "{0 1, 2 a}\n", ":6: field 1 is not a number"),
    "arff, channels without quotes": (".arff", BAG + "1,2,a\n", ":8: expected a series in quotes, a comma and a label"),
    "arff, channels differ": (".arff", BAG + "'1,2\\n3,4',a\n'1,2',b\n", ":9: 1 channels, the first series has 2"),
    "arff, a channel cut off": (".arff", BAG + "'1,2\\n3',a\n", ":8: 1 values, but 2 numeric attributes"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_refused(tmp_path: Path, case: str) -> None:
    ending, content, words = BROKEN[case]
    with pytest.raises(InvalidData) as caught:
        read(tmp_path, ending, content)
    assert str(caught.value).startswith(str(tmp_path / f"Some_TRAIN{ending}"))
    assert words in str(caught.value)


@pytest.mark.parametrize("spelling", ["1", "1.0", "1.0000000e+00", '"1"'])
def test_a_class_is_one_however_its_number_is_written(tmp_path: Path, spelling: str) -> None:
    assert read(tmp_path, ".tsv", f"{spelling}\t5\n").labels.tolist() == ["1"]


def test_labels_of_many_digits_stay_apart(tmp_path: Path) -> None:
    labels = [str(2**53), str(2**53 + 1), "1e400000"]
    assert read(tmp_path, ".tsv", "".join(f"{label}\t5\n" for label in labels)).labels.tolist() == labels


def test_all_formats_hold_the_same_numbers(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(3, 7))
    rows = [",".join(map(repr, row.tolist())) for row in values]
    files = {
        ".ts": "@classLabel true 1 2\n@data\n" + "".join(f"{row}:1\n" for row in rows),
        ".arff": "@attribute x numeric\n" * 7 + "@attribute c {1}\n@data\n" + "".join(f"{row},1\n" for row in rows),
        ".tsv": "".join("1\t" + row.replace(",", "\t") + "\n" for row in rows),
        ".csv": "".join(f"1,{row}\n" for row in rows),
        ".txt": "".join("1 " + row.replace(",", " ") + "\n" for row in rows),
        "": "".join(f"1,{row}\n" for row in rows),
    }
    assert list(files) == sorted(files, key=list(FORMATS).index)
    assert set(files) == set(FORMATS)
    for ending, content in files.items():
        assert np.array_equal(read(tmp_path, ending, content).x[:, 0], values)
