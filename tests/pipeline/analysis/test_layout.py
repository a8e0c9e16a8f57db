"""The places of panels and labels: measured with the fonts that matplotlib has, nothing lies upon anything else."""

from __future__ import annotations

import matplotlib
from apart import assert_apart
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.analysis.figures.layout import lay_out
from pipeline.analysis.figures.style import STYLE, new_figure, plan_legend


@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    high=st.floats(1e-7, 1e7),
    title=st.sampled_from(["", "a title", "one\nand two"]),
    labels=st.tuples(st.sampled_from(["", "steps"]), st.sampled_from(["", "accuracy"])),
    arms=st.integers(1, 24),
)
@settings(max_examples=15)
def test_nothing_overlaps(shape: tuple[int, int], high: float, title: str, labels: tuple[str, str], arms: int) -> None:
    with matplotlib.rc_context(STYLE):
        legend = plan_legend([f"arm {number}" for number in range(arms)], 9.6)
        figure = new_figure(9.6, 2.4 * shape[0] + legend.height)
        legend.draw(figure, [{"color": "#000000"}] * arms)
        for number, axes in enumerate(figure.subplots(*shape, squeeze=False).flat):
            axes.plot([0, 1000], [0, high / 10**number])
            axes.set_title(title, loc="left")
            axes.set(xlabel=labels[0], ylabel=labels[1])
        figure.supxlabel(labels[1])
        figure.supylabel(labels[0])
        lay_out(figure)
        assert_apart(figure)
