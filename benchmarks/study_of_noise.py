"""A study of any size whose data sets are there, small ones of noise."""

from __future__ import annotations

from pathlib import Path

from benchmarks.made_up_study import study_text
from benchmarks.one_training import write_noise

EPOCHS = 30
"""As in studies/quickstart.yaml."""

BASE = f"{{training.epochs: {EPOCHS}, model: {{channels: 9, kernel_size: 9, depth: 2}}}}"
"""A network of a hundredth of the usual size: what ten thousand of them leave fits on any disk."""


def study_of_noise(folder: Path, trials: int) -> tuple[Path, int]:
    """The file of a study of at least ``trials`` trials, with its data sets beside it in ``folder``, which is made; and
    how many they are."""
    folder.mkdir(parents=True)
    text, datasets, made = study_text(trials, str(folder), BASE)
    for seed, name in enumerate(datasets):
        write_noise(folder / f"{name}.npz", seed)
    file = folder / "study.yaml"
    file.write_text(text, encoding="utf-8")
    return file, made
