"""``dsn verify``: by name, by folder and by page; how it ends, and what it says."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from made_workspace import end, ended, planned

from pipeline.analysis.published import read_published
from pipeline.driver.run import publish
from pipeline.workspace.layout import AGAINST, Workspace

Dsn = Callable[..., tuple[object, str, str]]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with the report of a study."""
    workspace = Workspace(root=tmp_path_factory.mktemp("written") / "workspace")
    ended(workspace)
    publish(workspace, "first")
    return workspace


@pytest.fixture
def workspace(written: Workspace, tmp_path: Path) -> Workspace:
    """A copy of it to spoil."""
    return Workspace(root=Path(shutil.copytree(written.root, tmp_path / "workspace")))


def plant(page: Path, old: str, new: str, times: int = 1) -> None:
    text = page.read_text(encoding="utf-8")
    assert old in text
    page.write_text(text.replace(old, new, times), encoding="utf-8")


@pytest.fixture
def verify(workspace: Workspace, dsn: Dsn) -> Dsn:
    return lambda *arguments: dsn("verify", *arguments, "--workspace", str(workspace.root))


def test_nothing_differs_by_whatever_name(workspace: Workspace, verify: Dsn, tmp_path: Path) -> None:
    folder = workspace.report("first")
    sent = shutil.copy(folder / "report.html", tmp_path / "sent.html")
    for name in ("first", str(folder), str(folder / "report.html"), str(workspace.root / "first.yaml"), str(sent)):
        code, out, err = verify(name)
        assert (code, err) == (0, "")
        *_, compared, verdict = out.splitlines()
        assert compared.startswith("compared: ")
        assert compared.endswith(
            "1 file in all" if name == str(sent) else f"{len(list(folder.iterdir()))} files in all"
        )
        assert verdict == "nothing differs from the ledger"


def test_a_planted_number_is_named_and_ends_with_its_own_code(workspace: Workspace, verify: Dsn) -> None:
    plant(workspace.report("first") / "report.html", "30.00", "30.01")
    code, out, _ = verify("first")
    assert code == 6
    line = 'report.html, table "Test accuracy (%)", row A, column y: says 30.01 ± 0.00, the ledger 30.00 ± 0.00'
    assert out.splitlines()[0] == line
    assert out.splitlines()[-1] == "1 difference from the ledger"
    code, out, _ = verify("first", "--json")
    assert code == 6
    found = json.loads(out)
    assert found["study"] == "first"
    assert [each["part"] for each in found["differences"]] == ['table "Test accuracy (%)"']
    assert found["compared"]["tables"] > 5


def test_hundreds_are_summed_up(workspace: Workspace, verify: Dsn) -> None:
    plant(workspace.report("first") / "report.html", "seeds done", "seed done", -1)
    plant(workspace.report("first") / "trials.csv", "0.3", "0.4", -1)
    plant(workspace.report("first") / "report.md", "30.00", "30.01", -1)
    _, out, _ = verify("first")
    lines = out.splitlines()
    assert sum(": says " in line for line in lines) == 20
    assert any(line.startswith("and ") and line.endswith(" differences more:") for line in lines)
    assert any(line.endswith(" in trials.csv") for line in lines)


def test_other_trials_since_are_said_first(workspace: Workspace, verify: Dsn) -> None:
    pending = planned(workspace, "first").trials[8].trial_id
    end(workspace, "first", pending, "done", metrics={"test_accuracy": 0.5})
    code, out, _ = verify("first")
    assert code == 6
    assert out.splitlines()[0] == (
        "The report has 5 of 12 trials done, the ledger 6 of 12 trials done: 1 done since. "
        "That may explain what follows."
    )


def test_what_is_set_beside_is_no_difference_and_no_ledgers_word(
    workspace: Workspace, verify: Dsn, tmp_path: Path
) -> None:
    file = tmp_path / "p.csv"
    file.write_text("dataset,arm,system,accuracy,std,source\nA,,ROCKET,91,,T\n", encoding="utf-8")
    _, paths = publish(workspace, "first", read_published(file))
    said = "Published accuracies are those of against.csv beside the report: no ledger can confirm them."
    sent = shutil.copy(paths.html, tmp_path / "sent.html")
    for name in ("first", str(sent)):
        code, out, _ = verify(name)
        assert (code, out.splitlines()[-2]) == (0, said)
    (paths.html.parent / AGAINST).unlink()
    assert verify("first")[0] == 6


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nosuch", "dsn: study: not in workspace"),
        ("second", "there is none yet; write it with: dsn report second"),
        ("no/such", "dsn: report: has no report.html"),
        ("no/such.html", "dsn: report: cannot be read"),
        ("other.html", "dsn: report: is no report's page"),
    ],
)
def test_what_is_no_report_is_refused(
    verify: Dsn, name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.html").write_text("<title>first</title>", encoding="utf-8")
    (tmp_path / "second").mkdir()
    code, out, err = verify(name)
    assert (code, out) == (2, "")
    assert message in err
