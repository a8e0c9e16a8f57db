"""The paragraph on the setup: every number is a setting's."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Literal, get_args, get_origin, get_type_hints

import pandas as pd
import pytest

from dsn.config import DataConfig, RunConfig
from dsn.data import DataInfo
from pipeline.analysis.results import StudyResults
from pipeline.analysis.setup import PHRASES, key_in_words, setup_paragraph
from pipeline.planning.plan import DataUse

MakeResults = Callable[..., StudyResults]
MakeConfig = Callable[..., RunConfig]


def described(make_results: MakeResults, configs: dict[str, RunConfig], **more: object) -> str:
    return setup_paragraph(make_results({(arm, "A"): [0.5, 0.5] for arm in configs}, configs=configs, **more))


def test_a_study_of_one_arm_in_full(make_results: MakeResults, make_config: MakeConfig) -> None:
    info = DataInfo(
        name="A", content_hash="0", train_n=67, test_n=1029, channels=1, length=24, classes=2, files=("A.npz",)
    )
    use = DataUse(config=DataConfig(source="npz", name="A"), info=info)
    text = described(make_results, {"dsn": make_config()}, data=(use,))
    assert text == (
        "We use 1 data set (A), data source npz, train and test sets as the files hold them, not normalised, missing "
        "values and padding set to 0. They have 67 training series, 1029 test series, 1 channel, 24 time steps and 2 "
        "classes. "
        "The networks have the architecture of a dynamic sparse network (DSN), 141 output channels a layer, kernels of "
        "39 taps, 4 layers, padding that repeats the last value on the right and a head that pools to 50 steps. "
        "The layers have a sparsity of 0.8, sparsity counted inside the region of each kernel group, a number of "
        "kernel groups of 3, regions of i floor(k/N) taps for group i of N, channels shared out in equal runs (the "
        "last one shorter), a topology that is explored during training and a sequential initial topology. "
        "Exploration uses pruning by magnitude, regrowth at random, an interval between updates of 5, intervals "
        "counted in epochs, updates after the gradient step, moments of grown weights that dense gradients have kept "
        "up, an exchanged fraction of active weights of 0.5 at first, an exchanged fraction of 0.001 at last, a change "
        "from one to the other over the first 0.8 of all steps and a cosine for that change. "
        "Training uses Adam without weight decay, 1000 epochs, mini-batches of at most 16 series, a batch size of a "
        "tenth of the training set but at least 2, a learning rate of 0.0003 in the first epoch, a cosine towards a "
        "learning rate of 0.0001 over the epochs and no test before its end. "
        "The regions of the kernel groups are the first 13, 26 and 39 taps. "
        "This gives batch sizes of 6. "
        "The network of the epoch with the lowest running training loss (of equal ones the last) is evaluated on the "
        "test set, once; nothing is selected on test data. "
        "Each arm is trained on each data set with 2 seeds (0, 1); trainings with the same seed share the order of the "
        "batches and, where shapes agree, the initial weights. "
        "We report test accuracy as mean and sample standard deviation over seeds; means over data sets weigh each of "
        "them the same. "
        "Computed with its engine torch; 2 trainings took 3.0 min in total."
    )


def test_what_differs_is_named_by_arm_and_not_among_what_is_shared(
    make_results: MakeResults, make_config: MakeConfig
) -> None:
    configs = {
        "dsn": make_config(),
        "fixed": make_config(**{"sparsity.explore": False}),
        "fast": make_config(**{"training.learning_rate": 1e38}),
        "dense": make_config(**{"sparsity.level": "dense", "sparsity.groups": 7}),
    }
    text = described(make_results, configs)
    assert "There are 4 arms: dsn, fixed, fast and dense. They differ in the following: " in text
    differing = text.partition("They differ in the following: ")[2].partition(". Each arm")[0]
    learning_rates = (
        "a learning rate of 0.0003 in the first epoch in dsn, fixed and dense, a learning rate of 1e+38 in the first "
        "epoch in fast"
    )
    assert differing.split("; ") == [
        "a sparsity of 0.8 in dsn, fixed and fast, no sparsity in dense",
        "a topology that is explored during training in dsn and fast, a topology that stays fixed in fixed",
        learning_rates,
    ]
    assert text.count("learning rate of 0.0003") == 1
    assert "Where layers are sparse, they have sparsity counted inside the region of each kernel group, a num" in text
    assert "Exploration, in the arms that explore, uses pruning" in text
    assert "Arms are compared with dsn on the data sets" in text
    assert "7" not in differing, "a dense arm has no groups"


def test_regions_need_no_layer_that_the_data_do_not_have(make_results: MakeResults, make_config: MakeConfig) -> None:
    # Of a univariate first layer this sparsity would leave no weight; the study's data have more channels.
    config = make_config(**{"model.channels": 30, "model.kernel_size": 9, "sparsity.level": 0.99})
    assert "The regions of the kernel groups are the first 3, 6 and 9 taps." in described(make_results, {"dsn": config})


def test_a_single_layer_is_one(make_results: MakeResults, make_config: MakeConfig) -> None:
    assert "39 taps, 1 layer, padding" in described(make_results, {"dsn": make_config(**{"model.depth": 1})})


def test_factors_are_named_with_their_values(sweep: StudyResults) -> None:
    text = setup_paragraph(sweep)
    assert "Factors, combined: model kernel size takes 9, 21 and 39; with the arms they make 6 combinations." in text
    assert "There are 2 arms: one and two." in text
    assert "They differ" not in text, "the two of the fixture have equal settings"
    assert "kernels of" not in text
    assert "Arms are compared with the reference at equal factor values" in text


@pytest.mark.parametrize(
    ("combinations", "said"),
    [
        ([(9, 2), (9, 3), (21, 2), (21, 3)], "Factors, combined: model kernel size takes 9 and 21; model depth takes"),
        ([(9, 2), (21, 3)], "Factors, varied together: model kernel size takes 9 and 21; model depth takes 2 and 3"),
        ([(9, 2), (9, 3), (21, 2)], "Factors, combined in part: model kernel size takes 9 and 21; model depth takes"),
        ([(9, 2)], "Factors, combined: model kernel size takes 9; model depth takes 2; with"),
        ([(None, None), (9, None), (None, 2)], "Factors, varied one at a time: model kernel size takes 9;"),
    ],
    ids=["grid", "zip", "grid with an exclusion", "one combination", "one at a time"],
)
def test_how_factors_vary_is_said(
    make_results: MakeResults, combinations: list[tuple[int | None, int | None]], said: str
) -> None:
    keys = ("model.kernel_size", "model.depth")
    factors = {
        f"{arm}, {number}": {key: value for key, value in zip(keys, chosen, strict=True) if value is not None}
        for arm in ("one", "two")
        for number, chosen in enumerate(combinations)
    }
    assert said in setup_paragraph(make_results({(label, "A"): [0.5] for label in factors}, factors=factors))


def test_arms_that_take_no_factors_are_told_apart(make_results: MakeResults, make_config: MakeConfig) -> None:
    factors: dict[str, dict[str, object]] = {
        "sparse, 1": {"sparsity.level": 0.5},
        "sparse, 2": {"sparsity.level": 0.9},
        "wide, 1": {"sparsity.level": 0.5},
        "wide, 2": {"sparsity.level": 0.9},
        "dense": {},
    }
    text = setup_paragraph(
        make_results(
            {(label, "A"): [0.5] for label in factors},
            factors=factors,
            references={"wide, 1": "sparse, 1", "wide, 2": "sparse, 2", "dense": "sparse, 1"},
            configs={
                label: make_config(
                    **{
                        "sparsity.level": combination.get("sparsity.level", "dense"),
                        "model.channels": 177 if label.startswith("wide") else 141,
                    }
                )
                for label, combination in factors.items()
            },
        )
    )
    made = "sparsity level takes 0.5 and 0.9; with the arms they make 5 combinations."
    assert f"Factors, combined in sparse and wide: {made}" in text
    assert "141 output channels a layer in sparse and dense, 177 output channels a layer in wide" in text
    assert "; no sparsity in dense." in text
    assert (
        "Arms are compared with the reference at equal factor values (arms that take no factors with sparse, 1) on"
        in text
    )


def test_one_of_a_thing_is_said_as_one(make_results: MakeResults, make_config: MakeConfig) -> None:
    text = described(make_results, {"dsn": make_config(**{"training.epochs": 1})})
    assert "1 epoch," in text


@pytest.mark.parametrize("key", [key for key in PHRASES if key != "model.name"])
def test_every_setting_is_said_with_its_value(key: str, make_results: MakeResults, make_config: MakeConfig) -> None:
    other = {
        "model.channels": 27,
        "model.kernel_size": 17,
        "model.depth": 6,
        "model.padding": "zero",
        "model.pool_size": 33,
        "sparsity.level": 0.37,
        "sparsity.relative_to": "layer",
        "sparsity.groups": 2,
        "sparsity.explore": False,
        "sparsity.initial": "random",
        "sparsity.regions": "proportional",
        "sparsity.group_sizes": "balanced",
        "sparsity.update_timing": "replaces-step",
        "sparsity.moments": "fresh",
        "sparsity.grow": "gradient",
        "sparsity.update_every": 7,
        "sparsity.update_unit": "steps",
        "sparsity.initial_fraction": 0.41,
        "sparsity.final_fraction": 0.0123,
        "sparsity.explore_until": 0.61,
        "sparsity.schedule": "linear",
        "training.epochs": 77,
        "training.batch_size": 29,
        "training.batch_rule": "fixed",
        "training.learning_rate": 0.00711,
        "training.final_learning_rate": 0.00713,
        "training.eval_test_every": 13,
        "sparsity.drop": "random",
    }
    before, after = make_config(), make_config(**{key: other[key]})
    changed = described(make_results, {"dsn": after})
    assert changed != described(make_results, {"dsn": before})
    if isinstance(other[key], float) or (isinstance(other[key], int) and not isinstance(other[key], bool)):
        assert re.search(rf"\b{re.escape(str(other[key]))}\b", changed)


def test_a_test_set_that_is_looked_at_on_the_way_is_owned_up_to(
    make_results: MakeResults, make_config: MakeConfig
) -> None:
    watched = make_config(**{"training.eval_test_every": 1})
    text = described(make_results, {"dsn": watched, "fixed": make_config(**{"sparsity.explore": False})})
    assert "a test after every epoch in dsn, no test before its end in fixed" in text
    assert (
        "is evaluated on the test set, the networks of other epochs for the learning curve alone; nothing is selected "
        "on test data. "
    ) in text
    assert "once" not in text


def test_every_setting_of_a_configuration_has_words() -> None:
    settings = RunConfig(data=DataConfig(source="npz", name="A")).settings()
    unsaid = [key_in_words(key) for key in settings if not key.startswith("data.") and key not in PHRASES]
    assert unsaid == [], "these would be named by their keys: give them a phrase"


def test_every_choice_of_a_setting_has_words() -> None:
    wordless = []
    for room in fields(RunConfig):
        kind = get_type_hints(RunConfig)[room.name]
        for key, hint in get_type_hints(kind).items():
            phrases = PHRASES.get(f"{room.name}.{key}")
            if isinstance(phrases, Mapping) and get_origin(hint) is Literal:
                wordless += [(key, choice) for choice in get_args(hint) if choice not in phrases]
    assert wordless == []


def test_preparation_that_differs_is_said_by_data_set(make_results: MakeResults) -> None:
    results = make_results({("dsn", "A"): [0.5], ("dsn", "Worms"): [0.5]})
    trials = results.trials.assign(**{"data.split": [2018, 2015]})
    assert (
        "train and test sets as the files hold them for A and train and test sets as in the 2015 release of the UCR "
        "archive for Worms, not normalised"
    ) in setup_paragraph(replace(results, trials=trials))


@pytest.mark.parametrize(
    ("subsets", "words"),
    [
        ([pd.NA, pd.NA], "not normalised, missing values"),
        ([600, 600], "not normalised, training on a fixed subset of 600 series with the proportions of the classes, "),
        (
            [600, pd.NA],
            "600 series with the proportions of the classes for A and training on all series for B, missing values",
        ),
    ],
)
def test_a_subset_is_said(make_results: MakeResults, subsets: list[object], words: str) -> None:
    results = make_results({("dsn", "A"): [0.5], ("dsn", "B"): [0.5]})
    trials = results.trials.assign(**{"data.train_subset": pd.array(subsets, dtype="Int64")})
    assert words in setup_paragraph(replace(results, trials=trials))


def test_a_subset_that_varies_is_said_among_the_factors(make_results: MakeResults) -> None:
    results = make_results({("dsn, 10", "A"): [0.5], ("dsn, all", "A"): [0.5]})
    sizes = {"dsn, 10": 10, "dsn, all": None}
    trials = results.trials.assign(**{"data.train_subset": pd.array(list(sizes.values()), dtype="Int64")})
    factors = {arm: {"data.train_subset": size} for arm, size in sizes.items()}
    text = setup_paragraph(replace(results, trials=trials, factors=factors))
    assert "data train subset takes 10 and null" in text
    assert "training on" not in text


def test_the_words_are_safe_in_latex(study: StudyResults, sweep: StudyResults) -> None:
    for results in (study, sweep):
        text = setup_paragraph(results)
        assert not set(text) & set("%&_#$~^\\{}")
        assert text.isascii()
        assert "\n" not in text


def test_a_single_seed_has_no_deviation(make_results: MakeResults) -> None:
    text = setup_paragraph(make_results({("dsn", "A"): [0.5]}))
    assert "with 1 seed (0)" in text
    assert "deviation over seeds" not in text


def test_the_instruction_sets_of_the_native_engine_are_named(
    make_results: MakeResults, make_config: MakeConfig
) -> None:
    results = make_results({("dsn", "A"): [0.5, 0.6]}, configs={"dsn": make_config()})
    results.trials["provenance.engine"] = ["native", "native"]
    results.trials["provenance.instruction_set"] = ["avx512", "avx2"]
    assert "Computed with its engine native (AVX-512 and AVX2); 2 trainings" in setup_paragraph(results)
