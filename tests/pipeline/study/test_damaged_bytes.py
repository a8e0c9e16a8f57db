"""A study file with damaged bytes is answered with a plan or in a line, never with a traceback."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_judge import Bench, judge, process, require_refusal
from whole_studies import DOTTED, OPTIONS, TEXTS, THOROUGH


@pytest.mark.parametrize("text", TEXTS, ids=["nested", "dotted", "collected", "every key"])
@pytest.mark.parametrize("options", [(), ("--profile", "tiny"), ("--set", "base.training.epochs=2")])
def test_the_studies_that_are_damaged_are_whole(bench: Bench, text: str, options: tuple[str, ...]) -> None:
    assert bench.plan(text.encode(), *options).code == 0
    judge(bench, text.encode(), *options)


SNIPPETS: tuple[bytes, ...] = (
    *(b"\x00", b"\x07", b"\x1b[2J", b"\x7f", b"\t", b"\r", b"\r\n", b"\n", b"\n\n", b" ", b"\xef\xbb\xbf", b"\xff"),
    *(b"\xc3\x28", b"\xed\xa0\x80", b"\xe2\x80\xa8", b"\xc2\x85", b"\xc2\xa0", "😀".encode(), "\u202e".encode()),
    *(b'"\\ud800"', b'"\\x00"', b'"\\U00110000"', b'"\\q"', b'"\\', b'"', b"'", b"`", b"@", b"%", b"#", b" # "),
    *(b":", b": ", b"- ", b"? ", b"? [a]\n: b\n", b",", b"[", b"]", b"{", b"}", b"[" * 40, b"{a: " * 40, b"- " * 40),
    *(b"&a ", b"*a", b"&a [*a, *a]", b"<<: *a\n", b"<<: {a: 1}\n", b"&a [&b [&c [1, *c], *b], *a]"),
    *(b"!!python/object/apply:os.system [x] ", b"!!str ", b"! ", b"!<x> ", b"!!binary aGk= ", b"!!set {a} "),
    *(b"\n---\n", b"\n...\n", b"%YAML 1.2\n---\n", b"%YAML 9.9\n", b"%YAML 1." + b"9" * 5000, b"%TAG ! x\n", b"%X\n"),
    *(b"|", b">", b"|9\n", b">-\n", b"|0", b"~", b"null", b"true", b"no", b"1e999", b".nan", b"-.inf", b"2020-01-01"),
    *(b"0o17", b"0x1F", b"12:30", b"1_000", b"9" * 30, b"9" * 5000, b"-0", b"1.", b".", b"..", b"=", b"y"),
    *(b"a" * 1500, b"a" * 20_000, b"\nseeds: 1\n", b"\nname: s\n", b"\n  ", b"a: b: c", b"{a: 1, a: 2}"),
)

LINE_ENDS = (b"\r\n", b"\r", b"\n\r", "\u2028".encode(), b"\x0c", b"")


@st.composite
def damaged_texts(draw: st.DrawFn) -> bytes:
    content = draw(st.sampled_from(TEXTS)).encode()
    for _ in range(draw(st.integers(1, 3))):
        content = draw(st.sampled_from(BYTE_DAMAGES))(draw, content)
    return content


def _flip(draw: st.DrawFn, content: bytes) -> bytes:
    at = draw(st.integers(0, max(len(content) - 1, 0)))
    return content[:at] + bytes([draw(st.integers(0, 255))]) + content[at + 1 :]


def _insert(draw: st.DrawFn, content: bytes) -> bytes:
    at = draw(st.integers(0, len(content)))
    return content[:at] + draw(st.sampled_from(SNIPPETS)) + content[at:]


def _cut(draw: st.DrawFn, content: bytes) -> bytes:
    start = draw(st.integers(0, len(content)))
    return content[:start] + content[start + draw(st.integers(1, 40)) :]


def _truncate(draw: st.DrawFn, content: bytes) -> bytes:
    return content[: draw(st.integers(0, len(content)))]


def _replace_value(draw: st.DrawFn, content: bytes) -> bytes:
    """What stands after some colon, as far as the line, becomes a snippet."""
    colons = [match.end() for match in re.finditer(rb": ", content)] or [0]
    start = draw(st.sampled_from(colons))
    stop = draw(st.sampled_from([len(content), *(match.start() for match in re.finditer(rb"[,}\n]", content))]))
    return content[:start] + draw(st.sampled_from(SNIPPETS)) + content[max(start, stop) :]


def _rearrange(draw: st.DrawFn, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True) or [b""]
    line = lines[draw(st.integers(0, len(lines) - 1))]
    lines.insert(draw(st.integers(0, len(lines))), draw(st.sampled_from([b"", b" ", b"  ", b"\t", b"- "])) + line)
    if draw(st.booleans()):
        lines.remove(line)
    return b"".join(lines)


def _end_lines(draw: st.DrawFn, content: bytes) -> bytes:
    return content.replace(b"\n", draw(st.sampled_from(LINE_ENDS)))


def _encode(draw: st.DrawFn, content: bytes) -> bytes:
    return content.decode("utf-8", "replace").encode(draw(st.sampled_from(["utf-16", "utf-32", "utf-8-sig", "utf-7"])))


ByteDamage = Callable[[st.DrawFn, bytes], bytes]
BYTE_DAMAGES: tuple[ByteDamage, ...] = (
    _flip,
    _insert,
    _insert,
    _cut,
    _truncate,
    _replace_value,
    _replace_value,
    _rearrange,
    _end_lines,
    _encode,
)

WHOLE_FILES: dict[str, bytes] = {
    "empty": b"",
    "a comment": b"# nothing\n",
    "a null": b"~",
    "a list": b"- a\n",
    "a scalar": b"name",
    "only a mark": b"---",
    "two documents": b"name: s\n---\nname: s\n",
    "only a byte order mark": b"\xef\xbb\xbf",
    "NUL": b"\x00" * 100,
    "an alias bomb": b"a: &a [x, x]\n"
    + b"".join(b"%c: &%c [*%c, *%c]\n" % (n, n, n - 1, n - 1) for n in range(98, 120)),
    "deep brackets": b"[" * 100_000,
    "a long line": b"name: " + b"a" * 200_000,
    "a long key": b"a" * 200_000 + b": 1",
    "many keys": b"".join(b"k%d: 1\n" % n for n in range(10_000)),
    "a zip file": b"PK\x03\x04" + bytes(range(256)),
}


@pytest.mark.parametrize("case", WHOLE_FILES)
def test_a_file_that_is_nothing_like_a_study_is_refused(bench: Bench, case: str) -> None:
    require_refusal(bench.plan(WHOLE_FILES[case]))


@settings(THOROUGH, max_examples=1200)
@given(content=damaged_texts(), options=st.sampled_from(OPTIONS))
def test_a_file_with_damaged_bytes_is_refused_in_a_line_or_planned(
    bench: Bench, content: bytes, options: tuple[str, ...]
) -> None:
    judge(bench, content, *options)


@pytest.mark.parametrize("case", ["NUL", "an alias bomb", "a long line", "a zip file"])
def test_a_process_of_its_own_answers_the_same(bench: Bench, case: str) -> None:
    here = bench.plan(WHOLE_FILES[case])
    assert process(bench.folder, "plan", str(bench.study)) == here


def test_bytes_of_the_command_line_that_are_no_text_are_refused(bench: Bench) -> None:
    bench.study.write_text(DOTTED, encoding="utf-8")
    for option in ("--set=base.\udcff=1", "--set=base.training.epochs=\udcff", "--profile=\udcff"):
        require_refusal(process(bench.folder, "plan", "study.yaml", option))
