"""The figures of a report. PLOTS lists them in the order in which they are read.

A plot is a function from results to its drawings by file name, or to the sentence that says why there are none. Adding
one is a file here, with the data and the drawing apart, and a line in PLOTS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pipeline.analysis.figures import learning_curves, receptive_fields, scatter, sweep, trade_off
from pipeline.analysis.figures.style import Drawing
from pipeline.analysis.results import StudyResults

Plot = Callable[[StudyResults], dict[str, Drawing] | str]

PLOTS: Mapping[str, Plot] = {
    "Against the reference, by data set": scatter.figures,
    "Accuracy against cost": trade_off.figures,
    "Over a factor": sweep.figures,
    "Learning curves": learning_curves.figures,
    "Reach of the kernels": receptive_fields.figures,
}
"""Heading in the report -> the plot."""

FILE_NAMES = ("scatter", "trade_off", "sweep_*", "learning_curves", "receptive_fields")
"""Patterns of the names under which the plots return their drawings."""
