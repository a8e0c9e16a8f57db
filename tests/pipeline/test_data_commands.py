"""``dsn data list``, ``show`` and ``fetch``, through the command line's own entry."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dsn.data import fetching, names

Answer = tuple[object, str, str]
TS = "@classLabel true 1 2\n@data\n1,2,3:1\n4,5,6:2\n"


def save(folder: Path, name: str, labels: str = "abab") -> None:
    folder.mkdir(exist_ok=True)
    x = np.array([[1.0, 2], [4, 3], [0, 5], [7, 6]])
    np.savez(folder / f"{name}.npz", X_train=x, y_train=list(labels), X_test=x + 10, y_test=list(labels))


def test_list_without_a_path_lists_what_comes_with_aeon(dsn: Callable[..., Answer]) -> None:
    code, out, err = dsn("data", "list")
    assert (code, err) == (0, "")
    title, _, heads, *_ = out.splitlines()
    assert title == f"{len(names('aeon'))} data sets that come with aeon"
    assert heads.split() == ["data", "set", "source", "train", "test", "length", "channels", "classes"]
    assert "GunPoint aeon 50 150 150 1 2" in [" ".join(line.split()) for line in out.splitlines()]


def test_the_help_says_what_is_taken_where_nothing_is_given(dsn: Callable[..., Answer]) -> None:
    code, out, _ = dsn("data", "list", "--help")
    assert code == 0
    for default in ("(default: what the path fits)", "(default: what comes with aeon)", "(default: $DSN_WORKSPACE"):
        assert default in out


def test_list_goes_on_behind_a_broken_set(dsn: Callable[..., Answer], tmp_path: Path) -> None:
    save(tmp_path / "sets", "A")
    save(tmp_path / "sets", "B", labels="aaaa")
    save(tmp_path / "sets", "C")
    code, out, err = dsn("data", "list", "--path", "sets")
    assert (code, err) == (0, "")
    rows = [line.split() for line in out.splitlines()]
    assert ["A", "npz", "4", "4", "2", "1", "2"] in rows
    assert ["B", "npz", "-", "-", "-", "-", "-"] in rows
    assert ["C", "npz", "4", "4", "2", "1", "2"] in rows
    assert "B cannot be used: sets/B.npz: the training set has only the class 'a'" in " ".join(out.split())
    listed = json.loads(dsn("data", "list", "--path", "sets", "--source", "npz", "--json")[1])
    assert [(each["name"], "problem" in each) for each in listed] == [("A", False), ("B", True), ("C", False)]
    assert (listed[0]["train_n"], listed[0]["files"]) == (4, ["sets/A.npz"])


def test_list_of_several_sources_and_of_none(dsn: Callable[..., Answer], tmp_path: Path) -> None:
    save(tmp_path / "sets", "A")
    for part in ("TRAIN", "TEST"):
        (tmp_path / "sets" / f"B_{part}.ts").write_text(TS)
    assert [line.split()[:2] for line in dsn("data", "list", "--path", "sets")[1].splitlines()[4:]] == [
        ["B", "archive"],
        ["A", "npz"],
    ]
    (tmp_path / "empty").mkdir()
    assert dsn("data", "list", "--path", "empty") == (0, "no data sets in empty\n", "")


def test_list_keeps_what_it_found_for_the_next_command(dsn: Callable[..., Answer], tmp_path: Path) -> None:
    save(tmp_path / "sets", "A")
    first = dsn("data", "list", "--path", "sets")
    assert (tmp_path / "workspace" / "cache" / "data.json").is_file()
    assert dsn("data", "list", "--path", "sets") == first


def test_a_workspace_that_cannot_be_written_does_not_keep_from_listing(
    dsn: Callable[..., Answer], tmp_path: Path
) -> None:
    save(tmp_path / "sets", "A")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "cache").touch()
    code, out, err = dsn("data", "list", "--path", "sets", "--workspace", "elsewhere")
    assert code == 0
    assert out.startswith("1 data set in sets\n")
    assert err.startswith("dsn: what was found out about the data sets is not kept: ")


def test_show(dsn: Callable[..., Answer], tmp_path: Path) -> None:
    save(tmp_path / "sets", "Worms")
    code, out, err = dsn("data", "show", "Worms", "--path", "sets")
    assert (code, err) == (0, "source: npz\n")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == "Worms: 1 channel, length 2, 2 classes (source npz)"
    for line in ("series 4 4", "largest value 7 17", "class a 2 2", "split: 2015 exchanges train and test"):
        assert line in lines
    assert "file sets/Worms.npz" in lines
    plain = json.loads(dsn("data", "show", "Worms", "--path", "sets", "--source", "npz", "--json")[1])
    assert plain["train"]["classes"] == {"a": 2, "b": 2}
    assert plain["info"]["content_hash"] in out
    assert not (tmp_path / "workspace").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "Gunpoint"], "name: aeon ships no such data set (got 'Gunpoint'); did you mean 'GunPoint'?"),
        (["show", "B", "--path", "sets"], "no such data set in this folder (got 'B'); valid: A"),
        (["show", "A", "--path", "mixed"], "path: several sources read this folder; say which with --source"),
        (["show", "A", "--path", "empty"], "path: no source finds a data set in this folder; say which with"),
        (["show", "A", "--path", "nowhere"], "path: no such folder or file (got 'nowhere')"),
        (
            ["show", "A", "--path", "sets", "--source", "nzp"],
            "source: no such source of data (got 'nzp'); did you mean",
        ),
        (["list", "--path", "nowhere"], "path: no such folder or file (got 'nowhere')"),
        (["list", "--source", "npz"], "path: source 'npz' needs the folder that holds NAME.npz"),
        (["list", "--source", "aeon", "--path", "sets"], "path: source 'aeon' reads its own files"),
        (["fetch", "Gunpoint", "--path", "new"], "sets of the archive; did you mean 'GunPoint'"),
        (["fetch", "../GunPoint", "--path", "new"], "name: must be a plain name, without slashes"),
        (["fetch", "GunPoint", "--path", "new"], "cannot be reached: [Errno 111] Connection refused"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_answered_in_one_line_and_nothing_is_written(
    dsn: Callable[..., Answer], tmp_path: Path, arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "ZENODO", "http://127.0.0.1:1/api")  # where nothing listens
    save(tmp_path / "sets", "A")
    save(tmp_path / "mixed", "A")
    (tmp_path / "mixed" / "A_TRAIN.ts").write_text(TS)
    (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.rglob("*"))
    code, out, err = dsn("data", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(("dsn: ", "source: "))
    assert words in err.splitlines()[-1]
    assert sorted(tmp_path.rglob("*")) == before


def test_fetch_leaves_alone_what_is_there(dsn: Callable[..., Answer], tmp_path: Path) -> None:
    (tmp_path / "sets" / "Mine").mkdir(parents=True)
    for part in ("TRAIN", "TEST"):
        (tmp_path / "sets" / "Mine" / f"Mine_{part}.ts").write_text(TS)
    assert dsn("data", "fetch", "Mine", "Mine", "--path", "sets") == (0, "Mine: is there already\n", "")
