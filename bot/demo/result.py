"""The end of the demo: planned against actual shares, and whether every word arrived exactly once."""

from itertools import zip_longest

from bot.demo.audit import Audit
from bot.demo.screen import Screen, fit
from bot.texts import Translator
from bot.texts.phrases import percent
from crm_core.statistics import SourceNumbers, Statistics

BAR = 32  # cells
SHOWN = 5
COLUMNS = (22, 12, 9, 9, 11)


def show_result(
    screen: Screen,
    words: dict[str, str],
    numbers: Statistics,
    found: Audit,
    *,
    longest: int,
    stuck: list[str],
    _: Translator,
) -> bool:
    """Prints it. Returns whether all is well.

    Args:
        longest: the most contacts that waited at once.
        stuck: whose conversation did not come to its end.
    """
    screen.heading(words["statistics"])
    titles = (words["source"], words["operator"], words["planned"], words["actual"], words["contacts"])
    screen.note("".join(fit(title, width) for title, width in zip(titles, COLUMNS, strict=True)).rstrip())
    for source in numbers.sources:
        _show_source(screen, words, source, _)
    for whose, what in found.lost[:SHOWN]:
        screen.plain(words["lost"].format(whose=whose, what=what), fg="red")
    for name in stuck[:SHOWN]:
        screen.plain(words["stuck"].format(name=name), fg="red")
    is_well = not (found.lost or found.doubled or stuck) and found.cards == numbers.contacts
    said = words["said"].format(
        clients=found.clients, operators=found.operators, lost=len(found.lost), doubled=found.doubled
    )
    screen.plain(f"{'✓' if is_well else '✗'} {said}", fg="green" if is_well else "red", bold=True)
    screen.note(f"  {words['all_well']}")
    cards = words["cards"].format(
        contacts=numbers.contacts, cards=found.cards, longest=longest, waiting=numbers.waiting
    )
    screen.note(f"  {cards}")
    return is_well


def _show_source(screen: Screen, words: dict[str, str], numbers: SourceNumbers, _: Translator) -> None:
    labels = [f"@{numbers.source.name}", words[numbers.source.strategy]]
    for label, share in zip_longest(labels, numbers.shares[:SHOWN], fillvalue=None):
        if share is None:
            continue
        planned, actual = share.planned or 0.0, share.actual or 0.0
        cells = (str(label or ""), share.operator, percent(planned, _), percent(actual, _), str(share.contacts))
        screen.plain(
            "".join(fit(cell, width) for cell, width in zip(cells, COLUMNS, strict=True)) + _bar(planned, actual)
        )
    screen.plain("")


def _bar(planned: float, actual: float) -> str:
    """The actual share as a bar, with a mark where the planned one is."""
    filled, mark = round(actual * BAR), round(planned * BAR)
    return "".join("│" if cell == mark else "█" if cell < filled else " " for cell in range(BAR + 1)).rstrip()
