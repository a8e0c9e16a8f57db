"""Which of the native engine's libraries is loaded, and why none is. Where none was built, only the latter."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import dsn.native.library
from dsn.errors import InvalidInput
from dsn.native.fingerprint import fingerprint
from dsn.native.library import (
    FOLDER,
    LEVELS,
    VARIABLE,
    InstructionSet,
    NativeUnavailable,
    instruction_set,
    instruction_sets,
    load_library,
)

built = pytest.mark.skipif(not list(FOLDER.glob("*.so")), reason="the native engine was not built: no C++ compiler")


@pytest.fixture(autouse=True)
def _nothing_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def best() -> InstructionSet:
    """What is loaded of what was really built; to be asked for before ``folder``."""
    return load_library().instruction_set


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what was built, to be spoilt; under another path the libraries are loaded anew."""
    copied = Path(shutil.copytree(FOLDER, tmp_path / "native"))
    monkeypatch.setattr(dsn.native.library, "FOLDER", copied)
    return copied


@built
def test_the_best_that_the_processor_can_run_is_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    library = load_library()
    assert library is load_library()
    assert library.instruction_set == instruction_sets()[-1]
    assert library.instruction_set == instruction_set()
    for better in LEVELS[LEVELS.index(library.instruction_set) + 1 :]:
        monkeypatch.setenv(VARIABLE, better)
        with pytest.raises(NativeUnavailable, match=f"asks for {better}, which this processor has not"):
            load_library()


@built
def test_a_lesser_one_can_be_asked_for(best: InstructionSet, monkeypatch: pytest.MonkeyPatch) -> None:
    assert instruction_sets()[-1] == best
    for name in instruction_sets():
        monkeypatch.setenv(VARIABLE, name)
        library = load_library()
        assert library.instruction_set == name
        assert f"_{name}." in library.handle._name


@built
def test_without_the_best_one_the_next_is_taken(best: InstructionSet, folder: Path) -> None:
    if best == "portable":
        pytest.skip("this processor runs the portable library only")
    next(folder.glob(f"_{best}.*")).unlink()
    assert instruction_sets() == LEVELS[: LEVELS.index(best)]
    assert load_library().instruction_set == LEVELS[LEVELS.index(best) - 1]


@built
@pytest.mark.parametrize("change", ["edited", "added", "removed"])
def test_a_library_of_other_sources_is_refused(folder: Path, change: str) -> None:
    source = folder / "processor.cpp"
    if change == "edited":
        source.write_text(source.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    elif change == "added":
        (folder / "new.hpp").touch()
    else:
        source.unlink()
    with pytest.raises(NativeUnavailable, match=r"_portable\..* was built from other sources; `make -B install`"):
        load_library()


@built
def test_a_file_that_is_no_library(folder: Path) -> None:
    next(folder.glob("_portable.*")).write_bytes(b"no library")
    with pytest.raises(NativeUnavailable, match="cannot be loaded: "):
        load_library()


def test_none_was_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dsn.native.library, "FOLDER", tmp_path)
    with pytest.raises(NativeUnavailable, match="was built at install; with a C\\+\\+ compiler, `make -B install`"):
        load_library()
    assert instruction_set() is None
    assert instruction_sets() == ()


@built
def test_an_instruction_set_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "avx521")
    with pytest.raises(InvalidInput, match=r"DSN_INSTRUCTION_SET: no such instruction set.*did you mean 'avx512'"):
        load_library()


def test_a_fingerprint_is_of_names_and_contents(tmp_path: Path) -> None:
    found = []
    for files in ({"a.cpp": "x", "b.hpp": "y"}, {"a.cpp": "xy", "b.hpp": ""}, {"b.cpp": "x", "b.hpp": "y"}):
        folder = tmp_path / str(len(found))
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        found.append(fingerprint(folder))
    assert len(set(found)) == 3
    (folder / "notes.md").touch()
    assert fingerprint(folder) == found[-1]
