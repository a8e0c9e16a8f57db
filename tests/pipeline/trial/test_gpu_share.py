"""A trial keeps to its part of a GPU's memory: on a GPU."""

from __future__ import annotations

import multiprocessing

import pytest

from pipeline.trial.cause import cause_of
from pipeline.trial.training import _keep_to_share


def _takes(share: float, wanted: float) -> str:
    """In a process of its own, with that part of the GPU, take another part of it: the kind of the error, or none."""
    import torch

    _keep_to_share(share)
    there = torch.cuda.get_device_properties(0).total_memory
    try:
        torch.empty(int(wanted * there), dtype=torch.uint8, device="cuda")
    except RuntimeError as error:
        return cause_of(error).kind
    return ""


@pytest.mark.parametrize(("share", "wanted", "kind"), [(0.25, 0.1, ""), (0.25, 0.3, "out-of-memory"), (1, 0.3, "")])
def test_more_than_its_part_is_refused_to_a_process(share: float, wanted: float, kind: str) -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("there is no GPU here")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_takes, (share, wanted)) == kind
