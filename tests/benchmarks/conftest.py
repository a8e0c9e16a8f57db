"""benchmarks/ is not installed. It comes last in the path, so that the installed packages are what is tested."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
