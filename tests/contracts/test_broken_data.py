"""Broken data files: a study that names them is refused with one clear line, or can really be trained on.

More than a thousand damaged sets go through the command line itself, as ``dsn plan`` and as ``dsn data show``.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dsn.config import DataConfig
from dsn.data import describe, load
from pipeline.cli import main

EXAMPLES_EACH = 90
"""For each of the layouts."""

TOKENS = [
    *(
        b"",
        b" ",
        b"\n",
        b"\r\n",
        b"\t",
        b",",
        b":",
        b";",
        b"'",
        b'"',
        b"\\n",
        b"{",
        b"}",
        b"%",
        b"#",
        b"(",
        b"_",
        b"\0",
    ),
    *(b"nan", b"NaN", b"?", b"inf", b"-inf", b"1e999", b"-3e38", b"4e38", b"1" * 400, b"1e", b"--1", b"0x1f", b"1_0"),
    *(b"@data", b"@data x", b"@classLabel true", b"@classLabel false", b"@timeStamps true", b"@targetLabel true"),
    *(b"@equalLength true\n", b"@univariate true\n", b"@attribute x numeric\n", b"@end\n", b"relational", b"numeric"),
    *(b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", "\u0663".encode(), "\u2028".encode(), b"\x1b[2J", b"'L'", b"|O", b"<f2"),
]

Mutation = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Named:
    """A mutation that says what it is, so that a failing example can be read."""

    name: str
    change: Mutation

    def __repr__(self) -> str:
        return self.name


def _cut(content: bytes, share: float) -> bytes:
    return content[: int(len(content) * share)]


def _put(content: bytes, share: float, token: bytes, replaced: int) -> bytes:
    at = int(len(content) * share)
    return content[:at] + token + content[at + replaced :]


def _flip(content: bytes, shares: list[float], bit: int) -> bytes:
    changed = bytearray(content)
    for share in shares if changed else []:
        changed[int(len(changed) * share)] ^= 1 << bit
    return bytes(changed)


def _line(content: bytes, share: float, kind: str) -> bytes:
    lines = content.splitlines(keepends=True)
    at = int(len(lines) * share)
    if kind == "drop":
        return b"".join(lines[:at] + lines[at + 1 :])
    if kind == "twice":
        return b"".join(lines[: at + 1] + lines[at:])
    return b"".join(lines[::-1])


def _zip(content: bytes) -> bytes:
    return b"PK\x03\x04" + content[4:]


def _pickled(_: bytes) -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([{}, "x"], dtype=object), allow_pickle=True)
    return file.getvalue()


shares = st.floats(0, 1, exclude_max=True)
texts = st.sampled_from([b",", b"\t", b" ", b":", b"\n", b";", b"'", b"@", b".", b"-", b"1", b"e", b"\r\n", b"\r"])
mutations: st.SearchStrategy[Named] = st.one_of(
    st.builds(lambda s: Named(f"cut({s})", lambda c: _cut(c, s)), shares),
    st.builds(
        lambda s, t, r: Named(f"put({s}, {t!r}, {r})", lambda c: _put(c, s, t, r)),
        shares,
        st.sampled_from(TOKENS) | st.binary(max_size=8),
        st.integers(0, 12),
    ),
    st.builds(
        lambda s, b: Named(f"flip({s}, {b})", lambda c: _flip(c, s, b)),
        st.lists(shares, min_size=1, max_size=4),
        st.integers(0, 7),
    ),
    st.builds(lambda a, b: Named(f"replace({a!r}, {b!r})", lambda c: c.replace(a, b)), texts, texts | st.just(b"")),
    st.builds(
        lambda s, k: Named(f"line({s}, {k})", lambda c: _line(c, s, k)),
        shares,
        st.sampled_from(["drop", "twice", "backwards"]),
    ),
    st.builds(lambda b: Named(f"binary({b!r})", lambda _: b), st.binary(max_size=60)),
    st.sampled_from(
        [
            Named("empty", lambda _: b""),
            Named("blank lines", lambda c: c.replace(b"\n", b"\n\n \n")),
            Named("byte order mark", lambda c: b"\xef\xbb\xbf" + c),
            Named("UTF-16", lambda c: c.decode("latin-1").encode("utf-16")),
            Named("fake zip", _zip),
            Named("pickled array", _pickled),
            Named("pickle", pickle.dumps),
            Named("upper case", lambda c: c.upper()),
        ]
    ),
)


def _directory(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _loop(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.name)


def _dangling(file: Path) -> None:
    file.unlink()
    file.symlink_to("nowhere")


def _pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def _device(file: Path) -> None:
    file.unlink()
    file.symlink_to("/dev/zero")


REPLACED: dict[str, Callable[[Path], None]] = {
    "gone": Path.unlink,
    "directory": _directory,
    "symlink loop": _loop,
    "dangling symlink": _dangling,
    "pipe": _pipe,
    "device": _device,
}


class Place:
    """A study of one set in a folder of its own; ``dsn`` is the command line, called in this process."""

    def __init__(self, folder: Path, layout: Any) -> None:
        self.folder = folder
        self.layout = layout
        self.workspace = folder / "workspace"
        self.sets = folder / "sets"
        layout.write(self.sets)
        self.config = DataConfig(source=layout.source, name=layout.name, path=str(self.sets))
        self.files = [Path(file) for file in describe(self.config).files]
        (folder / "study.yaml").write_text(
            f"name: s\ndata: [{{source: {layout.source}, path: sets, names: [{layout.name}]}}]\nseeds: 1\n"
        )

    def dsn(self, *arguments: str) -> tuple[object, str, str]:
        """Exit code, standard output, standard error."""
        out, err = io.StringIO(), io.StringIO()
        before = sys.argv
        sys.argv = ["dsn", *arguments]
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as stop:
                main()
        finally:
            sys.argv = before
        return stop.value.code, out.getvalue(), err.getvalue()

    def is_refused(self) -> bool:
        """Whether the set is refused, in the one form that a refusal has; else it must load as it was planned."""
        study, workspace = str(self.folder / "study.yaml"), str(self.workspace)
        planned = self.dsn("plan", study, "--workspace", workspace)
        shown = self.dsn("data", "show", self.layout.name, "--source", self.layout.source, "--path", str(self.sets))
        assert planned[0] == shown[0], (planned, shown)
        if planned[0] == 2:
            for _, out, err in (planned, shown):
                assert out == ""
                assert err.startswith("dsn: ")
                assert err.count("\n") == 1
                assert err[:-1].isprintable(), err
            assert not self.workspace.exists()
            return True
        assert planned[0] == 0, planned
        assert planned[2] == shown[2] == ""
        data, info = load(self.config), describe(self.config)
        assert data.x_train.shape == (info.train_n, info.channels, info.length)
        assert data.x_test.shape == (info.test_n, info.channels, info.length)
        assert (len(data.classes), data.content_hash) == (info.classes, info.content_hash)
        assert np.isfinite(data.x_train).all()
        assert np.isfinite(data.x_test).all()
        shutil.rmtree(self.workspace)
        return False


@pytest.fixture
def place(layout: Any, tmp_path: Path) -> Place:
    return Place(tmp_path, layout)


def test_the_unbroken_set_is_planned(place: Place) -> None:
    assert not place.is_refused()


@settings(
    max_examples=EXAMPLES_EACH,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.data())
def test_damaged_content_is_refused_or_usable(place: Place, data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(place.files), label="file")
    before = file.read_bytes()
    content = before
    for mutation in data.draw(st.lists(mutations, min_size=1, max_size=3), label="mutations"):
        content = mutation.change(content)
    try:
        file.write_bytes(content)
        place.is_refused()
    finally:
        file.write_bytes(before)


@pytest.mark.parametrize("kind", REPLACED)
def test_something_else_than_a_file_is_refused(place: Place, kind: str) -> None:
    for file in (place.files[0], place.files[-1]):
        kept = file.read_bytes()
        REPLACED[kind](file)
        assert place.is_refused()
        file.rmdir() if file.is_dir() and not file.is_symlink() else file.unlink(missing_ok=True)
        file.write_bytes(kept)


@pytest.mark.skipif(os.geteuid() == 0, reason="the super-user may read everything")
def test_a_file_without_permission_is_refused(place: Place) -> None:
    place.files[0].chmod(0)
    assert place.is_refused()


@pytest.mark.skipif(os.geteuid() == 0, reason="the super-user may read everything")
def test_a_folder_without_permission_is_refused(place: Place) -> None:
    place.files[0].parent.chmod(0)
    try:
        assert place.is_refused()
    finally:
        place.files[0].parent.chmod(0o755)
