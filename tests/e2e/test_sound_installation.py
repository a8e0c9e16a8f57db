"""``dsn doctor`` on a machine where studies run: Ray, MLflow and CUDA are really started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from pipeline.health.checks import SLOW


def test_a_sound_installation_passes_the_slow_checks_too(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "pipeline", "doctor", "--json"],
        env={**os.environ, "DSN_WORKSPACE": str(tmp_path / "workspace")},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    findings = json.loads(answer.stdout)["findings"]
    assert {each["name"]: each["state"] for each in findings if each["name"] in SLOW} == dict.fromkeys(SLOW, "ok")
    assert list(tmp_path.iterdir()) == []
