"""``dsn doctor`` in words: what each check found, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pipeline.health.checks import CHECKS
from pipeline.health.finding import Finding
from pipeline.wording import counted

_STATE = max(map(len, ("ok", "warning", "problem")))
_NAME = max(map(len, CHECKS))


def finding_text(finding: Finding) -> str:
    """A line, and below it what to do."""
    line = f"{finding.state:{_STATE}}  {finding.name:{_NAME}}  {finding.found}"
    return f"{line}\n{'':{_STATE + _NAME + 4}}-> {finding.advice}" if finding.advice else line


def verdict_text(findings: Sequence[Finding]) -> str:
    """All in one line."""
    problems, warnings = (sum(each.state == state for each in findings) for state in ("problem", "warning"))
    if not problems and not warnings:
        return f"all {len(findings)} checks are well"
    return f"{counted(problems, 'problem')} and {counted(warnings, 'warning')} in {len(findings)} checks"


def healthy(findings: Sequence[Finding]) -> bool:
    """Whether studies can run; warnings do not count."""
    return all(finding.state != "problem" for finding in findings)


def findings_summary(findings: Sequence[Finding]) -> dict[str, Any]:
    """For scripts."""
    return {"healthy": healthy(findings), "findings": [asdict(finding) for finding in findings]}
