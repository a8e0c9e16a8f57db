"""Rows of small panels that share a horizontal axis, all in one axes of matplotlib's.

An axes takes it longer to make than all that such a panel shows, and figures have dozens of them. Rows lie below each
other, one unit each, and each has its own vertical axis from 0 to its end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.analysis.figures.style import STYLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HEIGHT = 0.72
"""Of a panel, as a part of its row; above it is its title."""


@dataclass(frozen=True, kw_only=True)
class PanelRows:
    """A column of panels.

    Attributes:
        ends: of the vertical axes, from above; ticks are there, at half of it and at 0.
        above: how far a panel reaches beyond its end, as a part of it.
    """

    ends: tuple[float, ...]
    above: float = 0.0

    def at(self, row: int, values: Any) -> Any:
        """Where values of a row are."""
        return values / self.ends[row] / (1 + self.above) * _HEIGHT - row - 1

    def middle(self, row: int) -> float:
        """The middle of a panel."""
        return _HEIGHT / 2 - row - 1

    def draw(self, axes: Axes, titles: Mapping[int, str]) -> None:
        """Frames, ticks and grid of the rows that have a title; the horizontal axis is to be set before.

        Args:
            axes: of the column.
            titles: row -> what is written above its panel.
        """
        import numpy as np

        low, high = axes.get_xlim()
        grid: Any = {"color": STYLE["grid.color"], "linewidth": STYLE["grid.linewidth"], "zorder": 0.5}
        frame: Any = {"color": STYLE["axes.edgecolor"], "linewidth": 0.8, "zorder": 2.5, "clip_on": False}
        ticks = {self.at(row, part * self.ends[row]): part * self.ends[row] for row in titles for part in (0, 0.5, 1)}
        begins = [self.at(row, 0) for row in titles]
        across = [tick for tick in axes.get_xticks() if low <= tick <= high]
        axes.grid(visible=False)
        axes.hlines(list(ticks), low, high, **grid)
        bottoms = np.repeat(begins, len(across))
        axes.vlines(across * len(begins), bottoms, bottoms + _HEIGHT, **grid)
        axes.hlines(begins, low, high, **frame)
        axes.vlines([low] * len(begins), begins, [begin + _HEIGHT for begin in begins], **frame)
        axes.set_yticks(list(ticks), [f"{tick:g}" for tick in ticks.values()])
        for row, title in titles.items():
            axes.text(low, _HEIGHT - row - 0.97, title, fontsize=8, va="bottom")
        axes.tick_params(labelsize=8)
        axes.set_ylim(-len(self.ends), -0.1)
        axes.spines[:].set_visible(False)
