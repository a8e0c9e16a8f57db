"""The figures of a report. PLOTS lists them in the order in which they are read.

A plot is a function from results to its drawings by file name, or to the sentence that says why there are none. Adding
one is a file here, with the data and the drawing apart, and a line in PLOTS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pipeline.analysis.figures import (
    active_weights,
    best_value,
    comparison_matrix,
    critical_difference,
    exploration,
    heat_map,
    interaction,
    learning_curves,
    parallel_coordinates,
    receptive_fields,
    scatter,
    sweep,
    trade_off,
)
from pipeline.analysis.figures.style import Drawing
from pipeline.analysis.results import StudyResults

Plot = Callable[[StudyResults], dict[str, Drawing] | str]

PLOTS: Mapping[str, Plot] = {
    "Over a factor": sweep.figures,
    "Two factors": heat_map.figures,
    "Interaction of two factors": interaction.figures,
    "The best value for each data set": best_value.figures,
    "Against the reference, by data set": scatter.figures,
    "Critical differences": critical_difference.figures,
    "Each arm against each other": comparison_matrix.figures,
    "Accuracy against cost": trade_off.figures,
    "All settings that vary": parallel_coordinates.figures,
    "Learning curves": learning_curves.figures,
    "Active weights": active_weights.figures,
    "Reach of the kernels": receptive_fields.figures,
    "Exploration over epochs": exploration.figures,
}
"""Heading in the report -> the plot."""

FILE_NAMES = (
    "sweep_*",
    "heat_map_*",
    "interaction_*",
    "best_value",
    "scatter",
    "critical_difference",
    "comparison_matrix",
    "trade_off",
    "parallel_coordinates",
    "learning_curves*",
    "active_weights*",
    "receptive_fields",
    "exploration",
)
"""Patterns of the names under which the plots return their drawings."""
