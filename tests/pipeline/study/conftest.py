"""A folder with two data sets, for tests that plan whatever somebody might write."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from plan_judge import Bench


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("bench")
    (folder / "sets").mkdir()
    x = np.arange(32.0).reshape(4, 8)
    for name in ("Two", "Three"):
        np.savez(folder / "sets" / f"{name}.npz", X_train=x, y_train=[0, 1, 0, 1], X_test=x, y_test=[0, 1, 0, 1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DSN_WORKSPACE", str(folder / "workspace"))
        patch.setenv("DSN_FUZZ_SETS", str(folder / "sets"))
        patch.chdir(folder)
        yield Bench(folder=folder)
