"""Fetching data sets: from a real server on this machine that answers as Zenodo does."""

from __future__ import annotations

import functools
import hashlib
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from dsn.config import DataConfig
from dsn.data import fetching, load
from dsn.data.fetching import fetch, known_records, present, require_known
from dsn.errors import InvalidData
from pipeline.cli import main

TS = b"@classLabel true 1 2\n@data\n1,2,3:1\n4,5,6:2\n"
RECORD = 17


class Zenodo:
    """A record with files; what a test changes is what is broken about it."""

    def __init__(self) -> None:
        self.files = {"Some_TRAIN.ts": TS, "Some_TEST.ts": TS, "Some_eq_TRAIN.ts": b"not asked for"}
        self.checksum: Callable[[bytes], str] = lambda content: f"md5:{hashlib.md5(content).hexdigest()}"
        self.status = 200
        self.listing: bytes | None = None
        self.announced = 0
        self.silent = 0.0
        self.asked: list[str] = []
        self.url = ""

    def answer(self, path: str) -> bytes | None:
        self.asked.append(path)
        if path == f"/api/records/{RECORD}":
            files = [
                {"key": name, "size": len(content), "checksum": self.checksum(content)}
                for name, content in self.files.items()
            ]
            return self.listing if self.listing is not None else json.dumps({"files": files}).encode()
        prefix, suffix = f"/api/records/{RECORD}/files/", "/content"
        return self.files.get(path.removeprefix(prefix).removesuffix(suffix))


@pytest.fixture
def zenodo() -> Iterator[Zenodo]:
    record = Zenodo()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = record.answer(self.path)
            time.sleep(record.silent)
            # Whoever has waited too long has gone; what this thread would print of it may fall into another test.
            with suppress(BrokenPipeError, ConnectionResetError):
                self.send_response(record.status if content is not None else 404)
                self.send_header("Content-Length", str(len(content or b"") + record.announced))
                self.end_headers()
                self.wfile.write(content or b"")

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    record.url = f"http://127.0.0.1:{server.server_port}/api"
    yield record
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_set_is_fetched_and_can_be_loaded(zenodo: Zenodo, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "sets"
    assert not present("Some", folder)
    info = fetch("Some", RECORD, folder, zenodo.url)
    assert (info.train_n, info.test_n, info.length) == (2, 2, 3)
    assert sorted(file.name for file in folder.rglob("*")) == ["Some", "Some_TEST.ts", "Some_TRAIN.ts"]
    assert (folder / "Some").stat().st_mode & 0o777 == 0o755
    data = load(DataConfig(source="archive", name="Some", path=str(folder)))
    assert data.content_hash == info.content_hash
    assert present("Some", folder)
    assert zenodo.asked == [
        f"/api/records/{RECORD}",
        f"/api/records/{RECORD}/files/Some_TRAIN.ts/content",
        f"/api/records/{RECORD}/files/Some_TEST.ts/content",
    ]


def test_the_command_fetches_once(
    zenodo: Zenodo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fetching, "ZENODO", zenodo.url)
    monkeypatch.setattr(fetching, "known_records", lambda: {"Some": RECORD})
    monkeypatch.setattr(sys, "argv", ["dsn", "data", "fetch", "Some", "--path", str(tmp_path / "sets")])
    for said in ("Some: fetched, 2 training and 2 test series\n", "Some: is there already\n"):
        with pytest.raises(SystemExit) as stop:
            main()
        assert stop.value.code == 0
        assert capsys.readouterr() == (said, "")
    assert len(zenodo.asked) == 3


Answer = tuple[object, str, str]
Command = Callable[..., Answer]


@pytest.fixture
def command(zenodo: Zenodo, dsn: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch) -> Command:
    """``dsn data fetch`` with these arguments, from that server."""
    monkeypatch.setattr(fetching, "ZENODO", zenodo.url)
    monkeypatch.setattr(fetching, "known_records", lambda: {"Some": RECORD, "Coffee": RECORD})
    return functools.partial(dsn, "data", "fetch")


STUDY = "name: s\ndata:\n  - {source: folder, path: sets/new, names: [%s]}\nprofiles: {p: {seeds: 1}}\n"


def test_what_a_study_lacks_is_fetched_to_where_it_looks(command: Command, zenodo: Zenodo, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY % "Some")
    said = "Some: fetched, 2 training and 2 test series\n"
    assert command("--study", "study.yaml", "--profile", "p") == (0, said, "")
    assert load(DataConfig(source="folder", name="Some", path=str(tmp_path / "sets" / "new"))).x_train.shape == (
        2,
        1,
        3,
    )
    asked = len(zenodo.asked)
    assert command("--study", "study.yaml") == (0, "study.yaml: all of its data sets are there\n", "")
    assert len(zenodo.asked) == asked


def test_what_cannot_be_fetched_is_named_and_fails_a_check(command: Command, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY % "HAR, Some, EEG2")
    code, out, err = command("--study", "study.yaml")
    assert (code, out) == (6, "Some: fetched, 2 training and 2 test series\n")
    assert err.splitlines() == [
        "dsn: HAR is to be found at https://archive.ics.uci.edu/dataset/240",
        "dsn: EEG2 is to be found at https://archive.ics.uci.edu/dataset/121",
    ]


def test_a_source_that_would_not_read_it_gets_nothing(command: Command, zenodo: Zenodo, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text((STUDY % "Some").replace("folder", "npz"))
    said = "dsn: `dsn data fetch` downloads what source folder reads, and source npz does not\n"
    assert command("--study", "study.yaml") == (6, "", said)
    assert zenodo.asked == []


def test_a_set_that_is_there_in_another_layout_is_not_fetched(command: Command, zenodo: Zenodo, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY % "Some")
    (tmp_path / "sets" / "new").mkdir(parents=True)
    (tmp_path / "sets" / "new" / "some.npz").write_bytes(b"whatever is in it")
    assert command("--study", "study.yaml") == (0, "study.yaml: all of its data sets are there\n", "")
    assert zenodo.asked == []


def test_a_slip_in_a_name_is_told_before_anything_is_fetched(command: Command, zenodo: Zenodo, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY % "Some, Cofee")
    code, out, err = command("--study", "study.yaml")
    assert (code, out) == (2, "")
    assert err.startswith("dsn: study.yaml:3:52: name: is none of the 2 sets of the archive; did you mean 'Coffee'?")
    assert zenodo.asked == []
    assert not (tmp_path / "sets").exists()


def test_what_is_in_the_way_of_a_set_is_told_before_anything_is_fetched(
    command: Command, zenodo: Zenodo, tmp_path: Path
) -> None:
    (tmp_path / "study.yaml").write_text(STUDY % "Some, Coffee")
    (tmp_path / "sets" / "new" / "Coffee").mkdir(parents=True)
    code, _, err = command("--study", "study.yaml")
    assert code == 2
    assert "sets/new/Coffee: is there, but not with this data set in it" in err
    assert zenodo.asked == []


@pytest.mark.parametrize(
    ("names", "arguments", "words"),
    [
        ("Some", ("--study", "study.yaml", "Some"), "--study: says which data sets and where"),
        ("Some", ("--study", "study.yaml", "--path", "x"), "--study: says which data sets and where"),
        ("Some", ("--profile", "p", "Some", "--path", "x"), "--profile: is of a study"),
        ("Some", ("Some",), "fetch: needs NAME... and --path FOLDER, or --study FILE"),
        ("Some", ("--path", "x"), "fetch: needs NAME... and --path FOLDER, or --study FILE"),
        ("Some", ("--study", "none.yaml"), "none.yaml: cannot be read: No such file or directory"),
        ("Half", ("--study", "study.yaml"), "study.yaml:3:46: data set Half: "),
        ("Some", ("--study", "study.yaml", "--profile", "q"), "no such profile in this study (got 'q')"),
    ],
)
def test_what_cannot_be_understood_fetches_nothing(  # noqa: PLR0917
    command: Command, zenodo: Zenodo, tmp_path: Path, names: str, arguments: tuple[str, ...], words: str
) -> None:
    (tmp_path / "study.yaml").write_text(STUDY % names)
    (tmp_path / "sets" / "new").mkdir(parents=True)
    (tmp_path / "sets" / "new" / "Half_TRAIN.ts").write_bytes(TS)
    code, out, err = command(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err
    assert zenodo.asked == []


def change(**settings: Any) -> Callable[[Zenodo], None]:
    return lambda zenodo: [setattr(zenodo, key, value) for key, value in settings.items()] and None


def refuse_connections(zenodo: Zenodo) -> None:
    zenodo.url = "http://127.0.0.1:1/api"  # where nothing listens


BROKEN: dict[str, tuple[Callable[[Zenodo], None], str]] = {
    "no server": (refuse_connections, "/records/17: cannot be reached: [Errno 111] Connection refused"),
    "server error": (change(status=503), "/records/17: the server answers 503 Service Unavailable"),
    "a web page": (change(listing=b"<html>"), "/records/17: is no list of files of Zenodo's"),
    "other JSON": (change(listing=b'{"files": [3]}'), "/records/17: is no list of files of Zenodo's"),
    "a test part missing": (change(files={"Some_TRAIN.ts": TS}), "/records/17: has no file Some_TEST.ts"),
    "another checksum": (change(checksum=lambda _: "md5:0"), "came with 43 bytes that are not those of the record"),
    "no data set": (
        change(files={"Some_TRAIN.ts": TS, "Some_TEST.ts": b"<html>"}),
        "Some_TEST.ts:1: expected a line that starts with @",
    ),
    "cut off": (change(announced=10), "/records/17: cannot be reached: IncompleteRead"),
    "silent": (change(silent=2.0), "/records/17: cannot be reached: timed out"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_goes_wrong_leaves_nothing_behind(
    zenodo: Zenodo, tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "_TIMEOUT", 0.5)
    breaking, words = BROKEN[case]
    breaking(zenodo)
    for folder in (tmp_path / "new" / "sets", tmp_path):
        with pytest.raises(InvalidData) as caught:
            fetch("Some", RECORD, folder, zenodo.url)
        assert words in str(caught.value)
        assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made(zenodo: Zenodo, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidData, match=r"file/sets: cannot be written: Not a directory"):
        fetch("Some", RECORD, tmp_path / "file" / "sets", zenodo.url)
    assert zenodo.asked == []


def test_something_else_under_the_name_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "Some").mkdir()
    (tmp_path / "Some" / "mine.txt").write_text("mine")
    with pytest.raises(InvalidData, match="Some: is there, but not with this data set in it"):
        present("Some", tmp_path)
    (tmp_path / "Some" / "Some_TRAIN.ts").write_bytes(TS)
    with pytest.raises(InvalidData, match=r"its other part, Some_TEST\.ts, is missing"):
        present("Some", tmp_path)


def test_which_sets_can_be_fetched() -> None:
    records = known_records()
    assert {"GunPoint", "Worms", "BasicMotions", "EigenWorms"} <= set(records)
    require_known("GunPoint", records)
    with pytest.raises(InvalidData, match=r"^name: is none of the \d+ sets of the archive; did you mean 'GunPoint'"):
        require_known("Gunpoint", records)


def test_without_aeon_nothing_can_be_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(InvalidData, match="pip install aeon"):
        known_records()
