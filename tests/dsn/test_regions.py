"""Groups and regions by hand: the table of the published code, and what it must not copy."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsn.config import SparsityConfig
from dsn.errors import InvalidInput
from dsn.sparsity.regions import kernel_groups


def _groups(n: int, *, k: int = 39, out: int = 141, cin: int = 47, level: float = 0.8, relative_to: str = "region"):
    sparsity = SparsityConfig(level=level, groups=n, relative_to=relative_to)
    return kernel_groups(sparsity, out_channels=out, in_channels=cin, kernel_size=k)


@pytest.mark.parametrize(
    ("n", "channels", "regions"),
    [
        (1, [141], [39]),
        (2, [71, 70], [19, 38]),  # tap 38 is in no region
        (3, [47, 47, 47], [13, 26, 39]),
        (4, [36, 36, 36, 33], [9, 18, 27, 36]),
    ],
)
def test_published_groups_of_141_channels_and_39_taps(n: int, channels: list[int], regions: list[int]) -> None:
    groups = _groups(n)
    assert [group.channels for group in groups] == channels
    assert [group.region for group in groups] == regions
    assert [group.start for group in groups] == [sum(channels[:i]) for i in range(n)]


def test_counts_are_exact_where_floats_are_off_by_one() -> None:
    # k = 15, N = 3, S = 0.8: 47 x 1 x 5 = 235, a fifth of it is 47 exactly, and 235 * (1 - 0.8) = 46.999999999999986.
    assert [group.active for group in _groups(3, k=15, cin=1)] == [47, 94, 141]


@pytest.mark.parametrize(
    ("n", "active"),
    [
        (1, [51690]),
        # Regions of 71 x 47 x 19 and 70 x 47 x 38: floor(63403 D) and the rest, D = 51690 / 188423.
        (2, [17393, 34297]),
        # In the ratio 1 : 2 : 3, and 51690 / 6 = 8615.
        (3, [8615, 17230, 25845]),
        # 15228, 30456, 45684 and 55836 positions: D = 51690 / 147204 gives 5347.2, 10694.5, 16041.7 and 19606.6.
        (4, [5347, 10694, 16041, 19608]),
    ],
)
def test_relative_to_the_layer_every_number_of_groups_has_a_fifth_of_all_its_weights(n: int, active: list[int]) -> None:
    groups = _groups(n, relative_to="layer")
    assert [group.active for group in groups] == active
    assert sum(active) == 51690 == 141 * 47 * 39 // 5


def test_what_the_floors_leave_over_goes_to_the_last_group_and_from_a_full_one_to_the_one_before() -> None:
    # 3 channels, 1 input, 6 taps: regions of 2, 4 and 6 positions, 18 weights in the layer.
    counts = {
        level: [group.active for group in _groups(3, k=6, out=3, cin=1, level=level, relative_to="layer")]
        for level in (0.4, 0.35, 0.3334)
    }
    # floor(18 * 0.6) = 10 of 12: floors of 1.67, 3.33 and 5 are 1, 3 and 5, and the one that is over goes to the last.
    # floor(18 * 0.65) = 11: floors of 1.83, 3.67 and 5.5 are 1, 3 and 5; of the two over, one fills the last.
    # floor(18 * 0.6666) = 11 too.
    assert counts == {0.4: [1, 3, 6], 0.35: [1, 4, 6], 0.3334: [1, 4, 6]}


@pytest.mark.parametrize(
    ("level", "room"), [(0.3333, "172302 of its 258453 weights"), (0, "172302 of its 258453 weights")]
)
def test_more_than_the_regions_hold_is_refused_with_the_densest_that_is_possible(level: float, room: str) -> None:
    with pytest.raises(InvalidInput, match=f"at least 0.3334 .* the regions of 3 groups hold {room}") as caught:
        _groups(3, level=level, relative_to="layer")
    assert (caught.value.key, caught.value.value) == ("sparsity.level", level)
    assert sum(group.active for group in _groups(3, level=0.3334, relative_to="layer")) == 172284


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"n": 40}, "sparsity.groups"),  # no tap for the first group
        ({"n": 4, "out": 6, "k": 8}, "sparsity.groups"),  # runs of 2: three groups, not four
        ({"n": 3, "k": 6, "out": 3, "cin": 1, "level": 0.9}, "sparsity.level"),  # 2 weights, a tenth of which is none
    ],
)
def test_impossible_groups_are_refused(settings: dict[str, int], key: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        _groups(**settings)
    assert caught.value.key == key


@given(
    shape=st.tuples(st.integers(1, 60), st.integers(1, 20), st.integers(1, 50)),
    n=st.integers(1, 8),
    percent=st.integers(0, 99),
    rules=st.tuples(st.sampled_from(["multiples", "proportional"]), st.sampled_from(["runs", "balanced"])),
    relative_to=st.sampled_from(["region", "layer"]),
)
def test_groups_partition_the_channels_and_regions_grow(
    shape: tuple[int, int, int], n: int, percent: int, rules: tuple[str, str], relative_to: str
) -> None:
    out, cin, k = shape
    regions, group_sizes = rules
    sparsity = SparsityConfig(
        level=percent / 100, relative_to=relative_to, groups=n, regions=regions, group_sizes=group_sizes
    )
    try:
        groups = kernel_groups(sparsity, out_channels=out, in_channels=cin, kernel_size=k)
    except InvalidInput:
        return
    assert len(groups) == n
    assert [channel for group in groups for channel in range(group.start, group.stop)] == list(range(out))
    for index, group in enumerate(groups):
        size = group.channels * cin * group.region
        exact = Fraction((index + 1) * k, n)
        assert group.region == (exact // 1 if regions == "proportional" else (index + 1) * (k // n))
        assert 1 <= group.active <= size
        if relative_to == "region":
            assert group.active <= size * Fraction(100 - percent, 100) < group.active + 1
    if relative_to == "layer":
        assert sum(group.active for group in groups) == out * cin * k * (100 - percent) // 100
    if group_sizes == "balanced":
        assert max(group.channels for group in groups) - min(group.channels for group in groups) <= 1
