"""A frame as what a trial left behind is read: its columns."""

from __future__ import annotations

import pandas as pd

from pipeline.analysis.results import Columns


def columns_of(frame: pd.DataFrame) -> Columns:
    return {str(name): frame[name].to_numpy() for name in frame.columns}
