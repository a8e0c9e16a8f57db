"""Made-up studies: small ones whose numbers a test can check by hand, and one that looks like a real one. Their reports
in a browser."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from browser import PROGRAM, Page, browser
from read_columns import columns_of

from dsn.active_weights import tap_counts
from dsn.architecture import layer_plans
from dsn.config import DataConfig, RunConfig
from dsn.data import DataInfo
from dsn.sparsity.exploration import group_updates, initial_record
from dsn.sparsity.trainer import SparseLayer, SparseTrainer
from pipeline.analysis.report.files import write_report
from pipeline.analysis.results import METRICS, Columns, StudyResults
from pipeline.planning.plan import DataUse

Outcome = float | str
"""A test accuracy (a fraction) of a trial that is done, or the status of one that is not."""

COSTS = {"parameters": 126_220.0, "active_weights": 25_244.0, "flops": 20.5e6, "flops_published": 104.88e6}


@pytest.fixture
def make_results() -> Callable[..., StudyResults]:
    """(arm, data set) -> one outcome a seed, in, results out; arms and data sets in order of appearance,
    every arm compared with the first unless ``references`` says otherwise."""

    def make(
        outcomes: Mapping[tuple[str, str], Sequence[Outcome]],
        histories: Mapping[str, pd.DataFrame] = MappingProxyType({}),
        **fields: object,
    ) -> StudyResults:
        rows = [
            trial_row(arm, dataset, seed, outcome)
            for (arm, dataset), seeds in outcomes.items()
            for seed, outcome in enumerate(seeds)
        ]
        arms = tuple(dict.fromkeys(arm for arm, _ in outcomes))
        defaults: dict[str, object] = {
            "name": "toy",
            "question": "Does it help?",
            "reproduces": "",
            "arms": arms,
            "references": dict.fromkeys(arms[1:], arms[0]),
            "datasets": tuple(dict.fromkeys(dataset for _, dataset in outcomes)),
            "receptive_fields": {},
            "mask_updates": {},
            "active_weights": {},
            "factors": {arm: {} for arm in arms},
            "configs": {arm: RunConfig(data=DataConfig(source="npz", name="A")) for arm in arms},
            "data": (),
            "source": "name: toy\n",
            "file": "toy.yaml",
        }
        read = {trial: columns_of(history) for trial, history in histories.items()}
        return StudyResults(trials=pd.DataFrame(rows), histories=read, **(defaults | fields))

    return make


@pytest.fixture
def factors(make_results: Callable[..., StudyResults]) -> StudyResults:
    """Two arms at two kernel sizes, each compared at its own size; against ``random, k=21`` all would differ."""
    return make_results(
        {
            ("random, k=21", "A"): [0.50, 0.60],  # mean 0.55
            ("random, k=21", "B"): [0.80, 0.80],
            ("random, k=39", "A"): [0.70, 0.70],
            ("random, k=39", "B"): [0.90, 0.90],
            ("gradient, k=21", "A"): [0.60, 0.70],  # +0.10: a win
            ("gradient, k=21", "B"): [0.80, 0.80],  # a tie
            ("gradient, k=39", "A"): [0.60, 0.60],  # -0.10: a loss, though a win against k=21
            ("gradient, k=39", "B"): [0.88, 0.90],  # -0.01: a loss, though a win against k=21
        },
        references={"gradient, k=21": "random, k=21", "gradient, k=39": "random, k=39"},
    )


@pytest.fixture
def shared(make_results: Callable[..., StudyResults]) -> StudyResults:
    """Four cells and three trials: both arms mean the same training at seed 1, and it failed."""
    results = make_results({("dsn", "A"): [0.5, "failed"], ("same", "A"): [0.6, "failed"]})
    trials = results.trials.replace({"trial_id": {"same-A-1": "dsn-A-1"}})
    return dataclasses.replace(results, trials=trials)


def trial_row(arm: str, dataset: str, seed: int, outcome: Outcome) -> dict[str, object]:
    """A row of ``StudyResults.trials``; a done trial of seed s trained for 10 + s seconds and was best in epoch 30 + s.

    Every trial that has ended took 90 seconds in all.
    """
    row: dict[str, object] = {"trial_id": f"{arm}-{dataset}-{seed}", "arm": arm, "dataset": dataset, "seed": seed}
    row |= {"status": outcome if isinstance(outcome, str) else "done"} | dict.fromkeys(METRICS, float("nan"))
    if not isinstance(outcome, str):
        row |= {"test_accuracy": outcome, "best_epoch": 30.0 + seed, "epochs": 40.0, "train_seconds": 10.0 + seed}
        row |= COSTS
    failed = outcome == "failed"
    row |= {"error_kind": "diverged" if failed else "", "error": "the training loss is not finite" if failed else ""}
    ended = row["status"] in ("done", "failed")
    row |= {"traceback": "", "started": 1000.0 if ended else np.nan, "finished": 1090.0 if ended else np.nan}
    row |= {"data.source": "npz", "data.split": 2018, "data.normalisation": "none"}
    row |= {"data.train_subset": None, "model.kernel_size": 39}
    return row | {"provenance.engine": "torch", "provenance.code": "0.1.0"}


@pytest.fixture
def make_history() -> Callable[[Sequence[float]], pd.DataFrame]:
    """Training losses, from epoch 1 on -> a history."""

    def make(losses: Sequence[float]) -> pd.DataFrame:
        epochs = np.arange(1, len(losses) + 1)
        return pd.DataFrame(
            {"epoch": epochs, "train_loss": losses, "train_accuracy": 0.9, "learning_rate": 1e-3, "seconds": 0.25}
        )

    return make


@pytest.fixture
def sweep(make_results: Callable[..., StudyResults]) -> StudyResults:
    """Two arms at three kernel sizes on two data sets; mean accuracy is 0.525 + 0.01 k for ``one``, 0.1 less for
    ``two``, and a seed is 0.02 below or above it."""
    sizes = (9, 21, 39)
    labels = {(arm, size): f"{arm}, model.kernel_size={size}" for arm in ("one", "two") for size in sizes}
    outcomes: dict[tuple[str, str], list[Outcome]] = {}
    for (arm, size), label in labels.items():
        for dataset, lift in (("A", 0.0), ("B", 0.05)):
            level = 0.5 + 0.01 * size + lift - (0.1 if arm == "two" else 0.0)
            outcomes[label, dataset] = [level - 0.02, level + 0.02]
    return make_results(
        outcomes,
        references={labels["two", size]: labels["one", size] for size in sizes},
        factors={label: {"model.kernel_size": size} for (_, size), label in labels.items()},
        configs={label: config(**{"model.kernel_size": size}) for (_, size), label in labels.items()},
    )


def config(**settings: object) -> RunConfig:
    """The defaults with these dotted settings."""
    made = RunConfig(data=DataConfig(source="npz", name="A"))
    for key, value in settings.items():
        room, _, name = key.partition(".")
        made = dataclasses.replace(made, **{room: dataclasses.replace(getattr(made, room), **{name: value})})
    return made


@pytest.fixture
def make_config() -> Callable[..., RunConfig]:
    """Dotted settings in, the defaults with them out."""
    return config


@pytest.fixture
def study(make_results: Callable[..., StudyResults], make_history: Callable[..., pd.DataFrame]) -> StudyResults:
    """Five arms, three data sets, three seeds, 40 epochs: all done but one that failed."""
    generator = np.random.default_rng(0)
    level = {"GunPoint": (150, 0.985), "Coffee": (28, 0.99), "ECG200": (100, 0.90)}
    offset = {"dsn": 0.0, "fixed": -0.02, "gradient": 0.004, "ungrouped": -0.01, "dense": -0.003}
    outcomes: dict[tuple[str, str], list[Outcome]] = {}
    histories = {}
    for arm, change in offset.items():
        for dataset, (size, accuracy) in level.items():
            correct = generator.binomial(size, min(1.0, accuracy + change), size=3)
            outcomes[arm, dataset] = [int(count) / size for count in correct]
            for seed in range(3):
                noise = generator.normal(0, 0.05, size=40).cumsum()
                pace = (6.0 if dataset != "ECG200" else 25.0) * (1 - 10 * change)
                losses = 0.69 * np.exp(-np.arange(40) / pace + noise)
                histories[f"{arm}-{dataset}-{seed}"] = make_history(losses + 1e-3)
    outcomes["dense", "ECG200"][1] = "failed"
    del histories["dense-ECG200-1"]
    return make_results(
        outcomes,
        histories,
        name="quickstart@small",
        question="Does exploring the topology help, and does it matter where the network may grow?",
        reproduces="Figure 7",
        source="name: quickstart\narms:\n  dsn: {}\n  fixed: {sparsity.explore: false}\nseeds: 3\n",
    )


@pytest.fixture
def data_uses() -> Callable[..., tuple[DataUse, ...]]:
    """Names of data sets and their channels in, what a study knows of them out."""

    def make(**channels: int) -> tuple[DataUse, ...]:
        info = DataInfo(name="", content_hash="", train_n=1, test_n=1, channels=0, length=1, classes=2, files=())
        return tuple(
            DataUse(
                config=DataConfig(source="npz", name=name),
                info=dataclasses.replace(info, name=name, channels=number),
            )
            for name, number in channels.items()
        )

    return make


@pytest.fixture
def make_explored(make_results: Callable[..., StudyResults], data_uses: Callable[..., tuple[DataUse, ...]]):
    """Arms by their configurations, done on data set A (univariate) and B (5 channels) with so many seeds: masks that
    the trainer has made and, in 10 epochs, updated twice by made-up weights."""

    def make(configs: Mapping[str, RunConfig], *, seeds: int = 2) -> StudyResults:
        channels = {"A": 1, "B": 5}
        outcomes = {(arm, dataset): [0.5] * seeds for arm in configs for dataset in channels}
        updates, weights = {}, {}
        for arm, dataset in outcomes:
            for seed in range(seeds):
                recorded = explored_masks(configs[arm], channels[dataset], seed)
                updates[f"{arm}-{dataset}-{seed}"], weights[f"{arm}-{dataset}-{seed}"] = recorded
        return make_results(
            outcomes, configs=configs, data=data_uses(**channels), mask_updates=updates, active_weights=weights
        )

    return make


def explored_masks(made: RunConfig, channels: int, seed: int) -> tuple[Columns, Columns]:
    """What there is to read of mask updates and of active weights."""
    plans = layer_plans(made.model, made.sparsity, channels)
    layers = [
        SparseLayer(shape=(made.model.channels, plan.sparse_inputs, made.model.kernel_size), groups=plan.groups)
        for plan in plans
        if plan.groups
    ]
    trainer = SparseTrainer(layers, made.sparsity, seed)
    masks = trainer.initial_masks()
    rows = [*initial_record(layers, masks)]
    weights = [np.random.default_rng(seed).normal(size=layer.shape) for layer in layers]
    for epoch in (5, 10) if layers and made.sparsity.explore else ():
        held = [weight * mask for weight, mask in zip(weights, masks, strict=True)]
        update = trainer.update(held, masks, weights, step=3 * epoch, total_steps=30)
        rows += group_updates(layers, masks, update, trainer.covered, epoch=epoch, step=3 * epoch)
        masks = update.masks
    return _columns(rows), _columns(list(tap_counts(plans, masks)))


def _columns(rows: Sequence[Any]) -> Columns:
    return columns_of(pd.DataFrame([dataclasses.asdict(row) for row in rows]))


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A browser for all tests of a file; they are skipped where there is none."""
    if PROGRAM is None:
        pytest.skip("no chromium on this machine")
    with browser(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture
def open_report(window: Page, tmp_path: Path) -> Callable[..., Page]:
    """Results in, the page of their report out, loaded and with no problem noted yet; keywords are ``Page.open``'s."""

    def opened(results: StudyResults, **how: Any) -> Page:
        window.open(write_report(results, tmp_path).html, **how)
        window.problems.clear()
        return window

    return opened


@pytest.fixture
def page(open_report: Callable[..., Page], study: StudyResults) -> Page:
    """The report of ``study``."""
    return open_report(study)
