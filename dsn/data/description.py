"""The sizes and labels of both parts of a data set, and the rules that they must keep.

Planning gets a description without the arrays and ``load`` computes it from them; both apply the same rules, so a
study that cannot run fails while it is planned.
"""

from __future__ import annotations

from dataclasses import dataclass

from dsn.data.labels import sorted_labels
from dsn.data.raw import RawData, RawPart
from dsn.errors import InvalidData


@dataclass(frozen=True, kw_only=True)
class PartSummary:
    """Sizes of the training or the test part.

    Attributes:
        n: number of series.
        channels: channels of every series.
        length: time points of the longest series, NaN padding that the file itself holds included.
        labels: the distinct labels, sorted as ``dsn.data.labels`` says.
    """

    n: int
    channels: int
    length: int
    labels: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Description:
    """Both parts as the files split them, and the files' hash (SHA-256, hex)."""

    content_hash: str
    train: PartSummary
    test: PartSummary


def summarise(part: RawPart) -> PartSummary:
    """The sizes of ``part``."""
    n, channels, length = part.x.shape
    return PartSummary(n=n, channels=channels, length=length, labels=sorted_labels(part.labels.tolist()))


def summaries(raw: RawData) -> tuple[PartSummary, PartSummary]:
    """The sizes of the training and of the test part, as the files split them."""
    return summarise(raw.train), summarise(raw.test)


def require_usable(train: PartSummary, test: PartSummary, *, place: str) -> None:
    """Check that a classifier can be trained on ``train`` and tested on ``test``, the parts in their final roles.

    Raises:
        InvalidData: fewer than 2 training series or classes (there is nothing to tell apart), no test series,
            channels that differ, or a test label that training never shows.
    """
    require_trainable(train, place=place)
    if test.n < 1:
        raise InvalidData("no test series; accuracy is measured on them", place=place)
    if train.channels != test.channels:
        raise InvalidData(f"training series have {train.channels} channels, test series {test.channels}", place=place)
    unseen = [label for label in test.labels if label not in train.labels]
    if unseen:
        shown = ", ".join(repr(label) for label in unseen[:10]) + (", ..." if len(unseen) > 10 else "")
        raise InvalidData(f"the test set has labels that the training set lacks: {shown}", place=place)


def require_trainable(train: PartSummary, *, place: str) -> None:
    """Check that there is something to tell apart.

    Raises:
        InvalidData: fewer than 2 training series or classes.
    """
    if train.n < 2:
        raise InvalidData(f"{train.n} training series; 2 classes need at least 2", place=place)
    if len(train.labels) < 2:
        raise InvalidData(
            f"the training set has only the class {train.labels[0]!r}; at least 2 are needed", place=place
        )
