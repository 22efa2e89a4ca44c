"""The picture of the statistics: panels stacked for the screen of a phone."""

from collections.abc import Sequence

from crm_core.pictures import panels
from crm_core.pictures.labels import Labels
from crm_core.pictures.panels import Column
from crm_core.pictures.svg import CARD, box, document, moved
from crm_core.statistics import Statistics

WIDE = 1280  # pixels; Telegram keeps this size, and larger ones cost more to send
MARGIN, PADDING, GAP = 24, 40, 18


def statistics_picture(numbers: Statistics, columns: Sequence[Column], labels: Labels) -> str:
    """The statistics of a period as SVG.

    Args:
        numbers: the figures, the same as in the message.
        columns: contacts over the period, from its beginning to now.
        labels: the texts, in the reader's language.
    """
    parts: list[str] = []
    y = float(MARGIN)
    for panel in (
        panels.head(numbers, labels),
        panels.flow(columns, labels),
        panels.load(numbers.operators, labels),
        panels.shares(numbers.sources, labels),
        panels.times(numbers, labels),
    ):
        high = panel.high + 2 * PADDING
        parts.append(box(MARGIN, y, WIDE - 2 * MARGIN, high, CARD, radius=24))
        parts.append(moved(y + PADDING, panel.parts, x=MARGIN + PADDING))
        y += high + GAP
    return document(WIDE, y - GAP + MARGIN, parts)
