"""Every check of ``dsn doctor`` answers about this machine, whatever state it is in."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, asdict
from pathlib import Path

import pytest

from pipeline.health.checks import CHECKS, SLOW
from pipeline.health.finding import Finding, Subject
from pipeline.workspace.layout import Workspace


@pytest.mark.parametrize("name", [name for name in CHECKS if name not in SLOW])
def test_a_check_answers_in_its_name_and_leaves_nothing_behind(tmp_path: Path, name: str) -> None:
    finding = CHECKS[name](Subject(workspace=Workspace(root=tmp_path / "new" / "workspace")))
    assert isinstance(finding, Finding)
    assert finding.name == name
    assert json.loads(json.dumps(asdict(finding))) == asdict(finding)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FrozenInstanceError):
        finding.state = "ok"  # type: ignore[misc]


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_says_what_it_is_for(name: str) -> None:
    assert (CHECKS[name].__doc__ or "").strip()
    assert CHECKS[name].__name__.startswith("check_")


def test_the_slow_ones_come_last() -> None:
    assert set(list(CHECKS)[-len(SLOW) :]) == SLOW
