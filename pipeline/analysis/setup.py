"""The experimental setup in words, to be pasted into a paper: what the arms share, then what differs, arm by arm.

Every number is a setting's, a data set's or a recorded fact. Only settings count that a configuration reads
(``pipeline.planning.identity.effective``): a dense arm has no exploration to describe. A setting without words of its
own in ``PHRASES`` is named by its key, so that none is ever left out. The text is plain, without the characters that
LaTeX gives a meaning, names from the study file apart.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from dsn.architecture import is_sparse
from dsn.config import RunConfig
from dsn.engine_choice import INSTRUCTION_SETS
from dsn.sparsity.regions import regions
from pipeline.analysis import statistics
from pipeline.analysis.results import StudyResults
from pipeline.planning.absent import omission
from pipeline.planning.identity import EXPLORATION_ONLY, effective
from pipeline.wording import LONGEST_LIST, counted, duration, enumerated, listed, spelled

OTHER = "*"

PHRASES: Mapping[str, str | Mapping[object, str]] = {
    "model.name": {"dsn": "the architecture of a dynamic sparse network (DSN)"},
    "model.depth": {1: "1 layer", OTHER: "{} layers"},
    "model.channels": "{} output channels a layer",
    "model.kernel_size": "kernels of {} taps",
    "model.padding": {
        "replicate-right": "padding that repeats the last value on the right",
        "zero": "zero padding on both sides",
    },
    "model.pool_size": "a head that pools to {} steps",
    "sparsity.level": {"dense": "no sparsity", OTHER: "a sparsity of {}"},
    "sparsity.relative_to": {
        "region": "sparsity counted inside the region of each kernel group",
        "layer": "sparsity counted over the whole layer, with one density in all regions",
    },
    "sparsity.groups": "a number of kernel groups of {}",
    "sparsity.regions": {
        "multiples": "regions of i floor(k/N) taps for group i of N",
        "proportional": "regions of floor(i k/N) taps for group i of N",
    },
    "sparsity.group_sizes": {
        "runs": "channels shared out in equal runs (the last one shorter)",
        "balanced": "channels shared out evenly",
    },
    "sparsity.explore": {True: "a topology that is explored during training", False: "a topology that stays fixed"},
    "sparsity.initial": {"sequential": "a sequential initial topology", "random": "a random initial topology"},
    "sparsity.drop": {
        "magnitude": "pruning by magnitude",
        "set": "pruning by magnitude, positive and negative weights apart (SET)",
        "snip": "pruning by the product of weight and gradient",
        "taylor": "pruning by the product of weight and gradient",
        "random": "pruning at random",
    },
    "sparsity.grow": {
        "random": "regrowth at random",
        "gradient": "regrowth by the gradient",
        "momentum": "regrowth by the running mean of gradients",
        "least-covered": "regrowth at random, positions never active before first",
    },
    "sparsity.update_every": "an interval between updates of {}",
    "sparsity.update_unit": {"epochs": "intervals counted in epochs", "steps": "intervals counted in steps"},
    "sparsity.update_timing": {
        "after-step": "updates after the gradient step",
        "replaces-step": "updates in place of the gradient step",
    },
    "sparsity.moments": {
        "warm": "moments of grown weights that dense gradients have kept up",
        "fresh": "moments of grown weights that start at zero",
    },
    "sparsity.initial_fraction": "an exchanged fraction of active weights of {} at first",
    "sparsity.final_fraction": "an exchanged fraction of {} at last",
    "sparsity.explore_until": "a change from one to the other over the first {} of all steps",
    "sparsity.schedule": {
        "cosine": "a cosine for that change",
        "constant": "no change before the end of that time",
        "linear": "a straight line for that change",
        "inverse-power": "a cubic decay for that change",
    },
    "training.epochs": {1: "1 epoch", OTHER: "{} epochs"},
    "training.batch_size": "mini-batches of at most {} series",
    "training.batch_rule": {
        "tenth": "a batch size of a tenth of the training set but at least 2",
        "fixed": "a batch size of that bound whatever the training set",
    },
    "training.learning_rate": "a learning rate of {} in the first epoch",
    "training.final_learning_rate": "a cosine towards a learning rate of {} over the epochs",
    "training.eval_test_every": {
        0: "no test before its end",
        1: "a test after every epoch",
        OTHER: "a test after every {} epochs",
    },
}
"""Setting -> its words with the value in place of ``{}``, or words value by value, ``OTHER`` for those not listed."""

Settings = Mapping[str, Any]

_SELECTION = (
    "The network of the epoch with the lowest running training loss (of equal ones the last) is evaluated on the test "
    "set{}; nothing is selected on test data."
)


def setup_paragraph(results: StudyResults) -> str:
    """The whole paragraph."""
    read = {arm: _read(results.configs[arm]) for arm in results.arms}
    sentences = [
        _data(results),
        *_shared(read),
        _regions(results),
        _batches(results),
        _selection(results),
        *_differences(results, read),
        *_factors(results),
        _seeds(results),
        _statistics(results),
        _computed(results),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _read(config: RunConfig) -> Settings:
    """Key -> value of every setting that the configuration reads, the data's apart."""
    rooms = effective(config)
    return {f"{room}.{key}": value for room, block in rooms.items() if room != "data" for key, value in block.items()}


def _said(key: str, value: object) -> str:
    words = PHRASES.get(key, {})
    template = words if isinstance(words, str) else words.get(value, words.get(OTHER))
    return f"{key_in_words(key)} {value}" if template is None else template.format(value)


def _named(names: Iterable[str]) -> str:
    """The names, as far as a paragraph can bear them."""
    named = list(names)
    return enumerated(named) if len(named) <= LONGEST_LIST else listed(named, LONGEST_LIST)


def key_in_words(key: str) -> str:
    """``model kernel size`` for ``model.kernel_size``."""
    return key.replace(".", " ").replace("_", " ")


_TOPICS: Mapping[str, Sequence[str]] = {
    "The networks have": (),
    "The layers have": (),
    "Where layers are sparse, they have": (),
    "Exploration uses": (),
    "Exploration, in the arms that explore, uses": (),
    "Training uses": ("Adam without weight decay",),
}
"""Beginning of a sentence -> what it says first, whatever the settings; in reading order."""


def _shared(read: Mapping[str, Settings]) -> list[str]:
    """A sentence a topic: the settings on which all arms that read them agree."""
    said = {topic: list(first) for topic, first in _TOPICS.items()}
    for key in dict.fromkeys(key for settings in read.values() for key in settings):
        values = [settings[key] for settings in read.values() if key in settings]
        if all(value == values[0] for value in values):
            said[_topic(key, everywhere=len(values) == len(read))].append(_said(key, values[0]))
    return [f"{topic} {enumerated(phrases)}." for topic, phrases in said.items() if phrases]


def _topic(key: str, *, everywhere: bool) -> str:
    room, _, name = key.partition(".")
    if room == "sparsity" and name in EXPLORATION_ONLY:
        return "Exploration uses" if everywhere else "Exploration, in the arms that explore, uses"
    if room == "sparsity":
        return "The layers have" if everywhere else "Where layers are sparse, they have"
    return "Training uses" if room == "training" else "The networks have"


def _differences(results: StudyResults, read: Mapping[str, Settings]) -> list[str]:
    """Each setting on which arms of the file disagree: value by value with the arms that have it. Of what is a factor,
    only what the arms have that take no factors."""
    factors = {key for combination in results.factors.values() for key in combination}
    crossed = _crossed(results)
    differing = []
    for key in dict.fromkeys(key for settings in read.values() for key in settings):
        arms: dict[object, dict[str, None]] = {}
        for arm, settings in read.items():
            if key in settings and not (key in factors and results.arm_name(arm) in crossed):
                arms.setdefault(settings[key], {})[results.arm_name(arm)] = None
        if len(arms) > (key not in factors):
            differing.append(", ".join(f"{_said(key, value)} in {_named(names)}" for value, names in arms.items()))
    names = list(dict.fromkeys(results.arm_name(arm) for arm in results.arms))
    if len(names) == 1:
        return []
    text = f"There are {len(names)} arms: {_named(names)}."
    return [text, f"They differ in the following: {'; '.join(differing)}."] if differing else [text]


def _factors(results: StudyResults) -> list[str]:
    """The factors with their values, and how many combinations there are."""
    values: dict[str, dict[object, None]] = {}
    for combination in results.factors.values():
        for key, value in combination.items():
            values.setdefault(key, {})[value] = None
    if not values:
        return []
    crossed = _crossed(results)
    where = "" if crossed == {*map(results.arm_name, results.arms)} else f" in {_named(crossed)}"
    parts = [f"{key_in_words(key)} takes {enumerated(list(map(spelled, found)))}" for key, found in values.items()]
    how = _combined({arm: results.factors[arm] for arm in results.arms if results.arm_name(arm) in crossed}, values)
    made = f"with the arms they make {counted(len(results.arms), 'combination')}"
    return [f"Factors, {how}{where}: {'; '.join(parts)}; {made}."]


def _crossed(results: StudyResults) -> Collection[str]:
    """Names of the arms that take factors, in the order of the file."""
    return {results.arm_name(arm): None for arm in results.arms if results.factors[arm]}.keys()


def _combined(factors: Mapping[str, Settings], values: Mapping[str, Mapping[object, None]]) -> str:
    """How the factors vary, as the combinations show it; what an exclusion leaves out is not among them."""
    if any(len(combination) < len(values) for combination in factors.values()):
        return "varied one at a time"
    distinct = {tuple(combination.items()) for combination in factors.values()}
    whole = math.prod(len(found) for found in values.values())
    if len(distinct) == whole:
        return "combined"
    # Zipped, a value is in one combination only; in what exclusions leave of a grid, some value is in several.
    return "varied together" if all(len(found) == len(distinct) for found in values.values()) else "combined in part"


_PREPARATION: Mapping[str, Mapping[object, str]] = {
    "data.source": {},
    "data.split": {
        2018: "train and test sets as the files hold them",
        2015: "train and test sets as in the 2015 release of the UCR archive",
    },
    "data.normalisation": {
        "none": "not normalised",
        "global": "normalised by the mean and standard deviation of the whole training set",
    },
    "data.train_subset": {
        None: "training on all series",
        OTHER: "training on a fixed subset of {} series with the proportions of the classes",
    },
}
"""Setting of the data -> its words value by value."""


def _data(results: StudyResults) -> str:
    """Names, source, preparation and, if they are recorded, sizes."""
    names = f"{counted(len(results.datasets), 'data set')} ({_named(results.datasets)})"
    factors = {key for combination in results.factors.values() for key in combination}
    partly = results.trials["data.train_subset"].notna().any() and "data.train_subset" not in factors
    told = [key for key in _PREPARATION if key != "data.train_subset" or partly]
    parts = [names, *(_by_dataset(results, key) for key in told), "missing values and padding set to 0"]
    left_out = results.left_out
    absent = f" {omission(left_out, len(results.datasets), most=len(left_out))}." if left_out else ""
    return f"We use {', '.join(parts)}.{absent}{_sizes(results)}"


def _by_dataset(results: StudyResults, key: str) -> str:
    """A setting of the data in words; where it differs, which data sets have which value."""
    found: dict[object, dict[str, None]] = {}
    column = results.trials[key]
    values = column.astype(object).where(column.notna(), None)
    for value, dataset in zip(values, results.trials["dataset"], strict=True):
        found.setdefault(value, {})[dataset] = None
    known = _PREPARATION[key]
    words = {value: known.get(value, known.get(OTHER, f"{key_in_words(key)} {{}}")).format(value) for value in found}
    if len(found) == 1:
        return next(iter(words.values()))
    return " and ".join(f"{words[value]} for {_named(names)}" for value, names in found.items())


def _sizes(results: StudyResults) -> str:
    if not results.data:
        return ""
    infos = [use.info for use in results.data]
    channels = [info.channels for info in infos]
    parts = [
        f"{_span([info.train_n for info in infos])} training series",
        f"{_span([info.test_n for info in infos])} test series",
        f"{_span(channels)} {'channel' if max(channels) == 1 else 'channels'}",
        f"{_span([info.length for info in infos])} time steps",
        f"{_span([info.classes for info in infos])} classes",
    ]
    return f" They have {enumerated(parts)}."


def _span(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} to {high}"


def _regions(results: StudyResults) -> str:
    """The taps of the groups' regions, if they are the same in all arms with sparse layers."""
    found = set()
    for config in results.configs.values():
        if is_sparse(config.model, config.sparsity):
            found.add(regions(config.sparsity, config.model.kernel_size))
    if len(found) != 1:
        return ""
    taps = list(map(str, found.pop()))
    if len(taps) == 1:
        return f"The region of the one kernel group is the first {taps[0]} taps."
    return f"The regions of the kernel groups are the first {enumerated(taps)} taps."


def _batches(results: StudyResults) -> str:
    sizes = [
        config.training.batch_size_for(use.info.train_n) for config in results.configs.values() for use in results.data
    ]
    return f"This gives batch sizes of {_span(sizes)}." if sizes else ""


def _selection(results: StudyResults) -> str:
    """Which network is tested, and, if others are too, what for."""
    tested = any(config.training.eval_test_every for config in results.configs.values())
    return _SELECTION.format(", the networks of other epochs for the learning curve alone" if tested else ", once")


def _seeds(results: StudyResults) -> str:
    seeds = sorted({int(seed) for seed in results.trials["seed"]})
    used = f"{counted(len(seeds), 'seed')} ({listed(list(map(str, seeds)), 10)})"
    shared = "the order of the batches and, where shapes agree, the initial weights"
    return f"Each arm is trained on each data set with {used}; trainings with the same seed share {shared}."


def _statistics(results: StudyResults) -> str:
    several = results.trials["seed"].nunique() > 1
    spread = " as mean and sample standard deviation over seeds" if several else ""
    text = f"We report test accuracy{spread}; means over data sets weigh each of them the same."
    if not results.references:
        return text
    references = list(dict.fromkeys(results.references.values()))
    other = references[0] if len(references) == 1 else "the reference at equal factor values"
    alone = [other for arm, other in results.references.items() if not results.factors[arm] and results.factors[other]]
    if len(references) > 1 and alone:
        other += f" (arms that take no factors with {alone[0]})"
    return (
        f"{text} Arms are compared with {other} on the data sets where both have the same seeds: differences are "
        "paired by seed; wins, ties and losses are counted by mean accuracy in percent, rounded to two decimals."
    )


def _computed(results: StudyResults) -> str:
    """What computed the results, as recorded."""
    trials = statistics.distinct_trials(results.trials)
    known = {
        name.removeprefix("provenance."): [str(value) for value in trials[name].dropna().unique() if str(value)]
        for name in trials.columns
        if name.startswith("provenance.")
    }
    found = {name: values for name, values in known.items() if values}
    if not found:
        return ""
    parts = []
    if "version" in found:
        parts.append(f"dsn-pipeline {enumerated(found['version'])}")
    if "engine" in found:
        sets = [INSTRUCTION_SETS.get(name, name) for name in found.get("instruction_set", ())]
        parts.append(f"its engine {enumerated(found['engine'])}{f' ({enumerated(sets)})' if sets else ''}")
    names = {"torch": "PyTorch", "numpy": "NumPy", "python": "Python"}
    parts += [f"{shown} {enumerated(found[name])}" for name, shown in names.items() if name in found]
    where = f" on {enumerated(found['device'])}" if "device" in found else ""
    ended = trials[trials["finished"].notna()]
    spent = duration(float((ended["finished"] - ended["started"]).clip(lower=0).sum()))
    return f"Computed with {enumerated(parts)}{where}; {counted(len(ended), 'training')} took {spent} in total."
