"""The sizes of exploration spaces: by enumeration, by exact binomials, and against each other."""

from __future__ import annotations

import itertools
import math
from decimal import Decimal, localcontext
from typing import Literal, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsn.architecture import LayerPlan, layer_plans
from dsn.config import ModelConfig, SparsityConfig
from dsn.errors import InvalidInput
from dsn.sparsity.exploration_space import log10_topologies
from dsn.sparsity.regions import KernelGroup

Within = Literal["layers", "groups", "regions"]
NARROWING: tuple[Within, ...] = get_args(Within)

Network = tuple[tuple[LayerPlan, ...], ModelConfig]


def network(model: ModelConfig, sparsity: SparsityConfig, channels: int = 1) -> Network:
    return layer_plans(model, sparsity, channels), model


@st.composite
def networks(draw: st.DrawFn) -> Network:
    model = ModelConfig(
        channels=3 * draw(st.integers(1, 12)), kernel_size=draw(st.integers(5, 40)), depth=draw(st.integers(1, 3))
    )
    sparsity = SparsityConfig(
        level=draw(st.sampled_from([0.0, 0.2, 0.5, 0.8, 0.9])),
        groups=draw(st.integers(1, 3)),
        regions=draw(st.sampled_from(["multiples", "proportional"])),
        group_sizes=draw(st.sampled_from(["runs", "balanced"])),
    )
    try:
        return network(model, sparsity, draw(st.integers(1, 2)))
    except InvalidInput:
        return network(model, SparsityConfig(level=0.0))


def bound(layers: tuple[LayerPlan, ...], model: ModelConfig) -> float:
    """The error that the docstring states, for the largest sets there are."""
    positions = (model.channels * layer.sparse_inputs * model.kernel_size for layer in layers)
    return sum(1e-15 * math.lgamma(number + 1) / math.log(10) for number in positions)


def exact_log10(number: int) -> Decimal:
    """Of a number of any size, to 50 digits."""
    with localcontext(prec=50):
        return Decimal(number).log10()


@pytest.mark.parametrize(("groups", "level"), [(1, 0.6), (2, 0.5), (3, 0.5), (3, 0.0)])
def test_all_topologies_of_a_small_layer_counted_one_by_one(groups: int, level: float) -> None:
    model = ModelConfig(channels=3, kernel_size=6, depth=1)
    layers, _ = network(model, SparsityConfig(level=level, groups=groups))
    parts = layers[0].groups or ()
    found = dict.fromkeys(NARROWING, 0)
    for active in itertools.combinations(range(18), layers[0].active):
        mask = np.zeros(18, dtype=bool)
        mask[list(active)] = True
        kernels = mask.reshape(3, 6)
        in_groups = all(kernels[part.start : part.stop].sum() == part.active for part in parts)
        in_regions = in_groups and not any(kernels[part.start : part.stop, part.region :].any() for part in parts)
        found["layers"] += 1
        found["groups"] += in_groups
        found["regions"] += in_regions
    assert [log10_topologies(layers, model, within=within) for within in NARROWING] == pytest.approx(
        [math.log10(found[within]) for within in NARROWING], abs=1e-12
    )


@given(networks())
def test_the_product_of_exact_binomials(drawn: Network) -> None:
    layers, model = drawn
    numbers = dict.fromkeys(NARROWING, 1)
    for layer in layers:
        numbers["layers"] *= math.comb(model.channels * layer.sparse_inputs * model.kernel_size, layer.active)
        for group in layer.groups or ():
            kernels = group.channels * layer.sparse_inputs
            numbers["groups"] *= math.comb(kernels * model.kernel_size, group.active)
            numbers["regions"] *= math.comb(kernels * group.region, group.active)
    for within, number in numbers.items():
        error = abs(Decimal(log10_topologies(layers, model, within=within)) - exact_log10(number))
        # Their sum is rounded once more.
        assert error <= bound(layers, model) + math.ulp(float(exact_log10(number)))


@given(st.integers(1, 10_000), st.data())
def test_the_stated_error(taps: int, data: st.DataObject) -> None:
    # Three channels of one group make one set.
    active = data.draw(st.integers(1, 3 * taps))
    group = KernelGroup(start=0, stop=3, region=taps, active=active)
    layer = LayerPlan(inputs=1, has_bottleneck=False, sparse_inputs=1, groups=(group,), active=active)
    model = ModelConfig(channels=3, kernel_size=10_000, depth=1)
    error = abs(Decimal(log10_topologies([layer], model)) - exact_log10(math.comb(3 * taps, active)))
    assert error < 1e-15 * math.lgamma(3 * taps + 1) / math.log(10)


@given(networks())
def test_groups_and_regions_narrow_the_space(drawn: Network) -> None:
    layers, model = drawn
    layerwise, grouped, regions = (log10_topologies(layers, model, within=within) for within in NARROWING)
    slack = 2 * bound(layers, model)
    assert -slack <= regions <= grouped + slack
    assert grouped <= layerwise + slack


def test_the_papers_network_narrows_strictly() -> None:
    sizes = [log10_topologies(*network(ModelConfig(), SparsityConfig()), within=within) for within in NARROWING]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == 3


def test_one_group_is_its_layer() -> None:
    drawn = network(ModelConfig(channels=9, kernel_size=11), SparsityConfig(groups=1), channels=2)
    assert len({log10_topologies(*drawn, within=within) for within in NARROWING}) == 1


def test_full_regions_have_one_topology() -> None:
    drawn = network(ModelConfig(channels=9, kernel_size=12), SparsityConfig(level=0.0, groups=3))
    assert log10_topologies(*drawn) == 0
    assert log10_topologies(*drawn, within="groups") > 0


@pytest.mark.parametrize(
    ("taps", "sparsity"), [(39, SparsityConfig(level="dense")), (4, SparsityConfig())], ids=["dense", "short kernels"]
)
@pytest.mark.parametrize("within", NARROWING)
def test_a_dense_network_has_one_topology(taps: int, sparsity: SparsityConfig, within: Within) -> None:
    assert log10_topologies(*network(ModelConfig(kernel_size=taps), sparsity), within=within) == 0
