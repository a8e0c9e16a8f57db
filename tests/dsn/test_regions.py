"""Groups and regions by hand: the table of the published code, and what it must not copy."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsn.config import SparsityConfig
from dsn.errors import InvalidInput
from dsn.sparsity.regions import kernel_groups


def _groups(n: int, *, k: int = 39, out: int = 141, cin: int = 47, level: float = 0.8):
    return kernel_groups(SparsityConfig(level=level, groups=n), out_channels=out, in_channels=cin, kernel_size=k)


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
)
def test_groups_partition_the_channels_and_regions_grow(
    shape: tuple[int, int, int], n: int, percent: int, rules: tuple[str, str]
) -> None:
    out, cin, k = shape
    regions, group_sizes = rules
    sparsity = SparsityConfig(level=percent / 100, groups=n, regions=regions, group_sizes=group_sizes)
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
        assert group.active <= size * Fraction(100 - percent, 100) < group.active + 1
    if group_sizes == "balanced":
        assert max(group.channels for group in groups) - min(group.channels for group in groups) <= 1
