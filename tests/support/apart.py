"""Whether what a figure shows lies side by side, measured with the fonts that matplotlib has."""

from __future__ import annotations

import itertools

from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

TOUCH = 1.5
"""Points by which boxes may overlap: the width of a line, of which half lies on either side, and rounding."""


def assert_apart(figure: Figure) -> None:
    """Panels, each with its labels and titles, legend and labels of the figure lie within it and on no other."""
    FigureCanvasSVG(figure)
    figure.draw_without_rendering()
    others = [*figure.legends, *(text for text in figure.texts if text.get_text())]
    found = [axes.get_tightbbox() for axes in figure.axes] + [other.get_window_extent() for other in others]
    width, height = 72 * figure.get_size_inches()
    for box in found:
        assert box is not None
        assert min(box.x0, box.y0, width - box.x1, height - box.y1) > -TOUCH, box
    for one, other in itertools.combinations(found, 2):
        common = Bbox.intersection(one, other)
        assert common is None or min(common.width, common.height) < TOUCH, (one, other)
