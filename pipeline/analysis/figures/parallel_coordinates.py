"""All settings that vary, with accuracy and cost: a line a configuration. First the data, then the drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.analysis.figures.factorial import as_number, ordered
from pipeline.analysis.figures.labels import accuracy_in_words
from pipeline.analysis.figures.style import LOG_FROM, PALETTE, PANEL, Drawing, new_figure, render, shortened, wrapped
from pipeline.analysis.figures.svg import Mark, tag
from pipeline.analysis.results import StudyResults
from pipeline.analysis.setting_labels import setting_in_words, setting_label
from pipeline.planning.identity import effective
from pipeline.wording import ABSENT, listed, part_of, spelled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEWEST_SETTINGS = 2
FEWEST_LINES = 3
MOST_SETTINGS = 8
MOST_LINES = 200

OUTCOMES = (
    ("flops", 1e6, "FLOPs (M)"),
    ("parameters", 1e3, "parameters (K)"),
    ("mean", 0.01, "accuracy (%)"),
)
"""Column, unit and label of the axes behind the settings'."""

WORST, BEST = "#8c8c8c", PALETTE[1]
"""Colours of lines, from faint to strong on a light page and on a dark one."""

_NOTE = (
    "A line is a configuration; the stronger its colour, the higher its mean test accuracy over {over}. FLOPs are of "
    "one series. "
    f"{ABSENT} stands where a configuration does not read the setting."
)


@dataclass(frozen=True, kw_only=True)
class Scale:
    """One of the parallel axes.

    Attributes:
        label: above it.
        at: what a configuration has there -> how high, from 0 to 1.
        ticks: texts at heights.
    """

    label: str
    at: Mapping[Any, float]
    ticks: Mapping[str, float]


def figures(results: StudyResults) -> dict[str, Drawing] | str:
    """One figure of all configurations; with fewer settings than two, sweeps say all."""
    varied = varied_settings(results)
    if len(varied) < FEWEST_SETTINGS:
        return f"Parallel coordinates need {FEWEST_SETTINGS} settings in which configurations differ."
    lines, shared = configurations(results, varied)
    if len(lines) < FEWEST_LINES:
        return f"Parallel coordinates need {FEWEST_LINES} configurations with the same done seeds on some data set."
    over = part_of(len(shared), len(results.datasets), "data set")
    notes = [_NOTE.format(over=over)]
    if len(varied) > MOST_SETTINGS:
        rest = listed([setting_label(key) for key in varied[MOST_SETTINGS:]])
        notes.append(f"Only the first {MOST_SETTINGS} of {len(varied)} settings have an axis, not {rest}.")
    if len(lines) > MOST_LINES:
        notes.append(f"Only {MOST_LINES} of {len(lines)} configurations are drawn, evenly from the best to the worst.")
    drawn = _evenly(lines)
    picture = render("parallel_coordinates", lambda: _figure(drawn, varied[:MOST_SETTINGS]))
    alt = "Settings, costs and mean accuracy as parallel axes, a line a configuration"
    return {"parallel_coordinates": Drawing(picture=picture, alt=alt, notes=tuple(notes))}


def varied_settings(results: StudyResults) -> list[str]:
    """Keys of the settings in which arms that read them differ, in the order of a configuration; the data's apart."""
    settings = _settings(results)
    keys = dict.fromkeys(key for own in settings.values() for key in own)
    return [key for key in keys if len({own[key] for own in settings.values() if key in own}) > 1]


def configurations(results: StudyResults, keys: Sequence[str]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """A row an arm with results, the best last, and the data sets that its mean is over.

    Columns: ``keys``, spelled as in a study file or ``ABSENT``; and those of ``statistics.arm_means``.
    """
    means, shared = results.arm_means
    settings = _settings(results)
    columns = {key: [settings[arm].get(key, ABSENT) for arm in means["arm"]] for key in keys}
    lines = means.assign(**columns)
    return lines[lines["mean"].notna()].sort_values("mean", kind="stable", ignore_index=True), shared


def _settings(results: StudyResults) -> dict[str, dict[str, str]]:
    """Arm -> what its configuration reads, the data's apart."""
    return {
        arm: {
            f"{room}.{key}": spelled(value)
            for room, block in effective(results.configs[arm]).items()
            if room != "data"
            for key, value in block.items()
        }
        for arm in results.arms
    }


def _evenly(lines: pd.DataFrame) -> pd.DataFrame:
    if len(lines) <= MOST_LINES:
        return lines
    return lines.iloc[[round(step * (len(lines) - 1) / (MOST_LINES - 1)) for step in range(MOST_LINES)]]


def _figure(lines: pd.DataFrame, keys: Sequence[str]) -> Figure:
    from matplotlib.colors import LinearSegmentedColormap

    scales = {key: _setting_scale(lines[key], setting_label(key)) for key in keys}
    scales |= {column: _outcome_scale(lines[column], unit, label) for column, unit, label in OUTCOMES}
    figure = new_figure(3 * PANEL, 3.8)
    axes = figure.add_subplot()
    shades = LinearSegmentedColormap.from_list("accuracy", [WORST, BEST])
    for row in lines.to_dict("records"):
        height = scales["mean"].at[row["mean"]]
        (line,) = axes.plot(
            range(len(scales)),
            [scale.at[row[column]] for column, scale in scales.items()],
            color=shades(height),
            linewidth=1.0 + 1.4 * height,
            alpha=0.35 + 0.6 * height,
        )
        tag(line, series=row["arm"], marks=[Mark(text=_told(row, keys), arms=(row["arm"],))])
    _draw_scales(axes, list(scales.values()))
    return figure


def _draw_scales(axes: Axes, scales: Sequence[Scale]) -> None:
    letters = 112 // len(scales)
    for index, scale in enumerate(scales):
        axes.axvline(index, color="#767676", linewidth=0.8, zorder=1)
        for text, height in scale.ticks.items():
            # On the page's colour, or lines would run through it.
            label = axes.text(
                index + 0.03, height, shortened(text, letters - 1), va="center", fontsize=8, color="#333333"
            )
            label.set_zorder(3)
            label.set_bbox({"facecolor": "#ffffff", "edgecolor": "none", "alpha": 0.75, "pad": 0.8})
    axes.set_xticks(range(len(scales)), [wrapped(scale.label, letters, 3) for scale in scales])
    axes.xaxis.tick_top()
    axes.tick_params(length=0, labelsize=8)
    axes.set(xlim=(-0.1, len(scales) - 0.65), ylim=(-0.06, 1.06), yticks=[])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)


def _setting_scale(values: pd.Series, label: str) -> Scale:
    """Numbers ascend evenly, as words do: of settings, values are few and chosen."""
    found = ordered(iter(values))
    heights = {value: index / max(len(found) - 1, 1) for index, value in enumerate(found)}
    return Scale(label=label, at=heights, ticks={_short(value): height for value, height in heights.items()})


def _short(value: str) -> str:
    number = as_number(value)
    return value if number is None else f"{number:g}"


def _outcome_scale(values: pd.Series, unit: float, label: str) -> Scale:
    """From the lowest to the highest, by logarithms over a wide range; both are its ticks."""
    import numpy as np

    low, high = values.min(), values.max()
    wide = low > 0 and high / low >= LOG_FROM
    scaled = np.log(values) if wide else values
    span = scaled.max() - scaled.min()
    heights = (scaled - scaled.min()) / span if span else scaled * 0 + 0.5
    digits = ".2f" if unit < 1 else ".4g"
    ticks = {f"{low / unit:{digits}}": heights.min(), f"{high / unit:{digits}}": heights.max()}
    return Scale(label=label, at=dict(zip(values, heights, strict=True)), ticks=ticks)


def _told(row: Mapping[Any, Any], keys: Sequence[str]) -> str:
    settings = [setting_in_words(key, row[key]) for key in keys if row[key] != ABSENT]
    cost = f"{row['flops'] / 1e6:.3g} M FLOPs, {row['parameters'] / 1e3:.4g} K parameters"
    return "\n".join([row["arm"], ", ".join(settings), accuracy_in_words(row["mean"], row["std"], row["seeds"]), cost])
