"""The end of the demo: planned against actual shares, and whether every word arrived exactly once."""

from bot.demo.audit import Audit
from bot.demo.narrator import Channel, Colleague, Narrator
from bot.demo.screen import Screen, fit

BAR = 32  # cells
SHOWN_LOST = 5
COLUMNS = (22, 12, 9, 9, 11)


def show_result(screen: Screen, words: dict[str, str], narrator: Narrator, found: Audit, stuck: list[str]) -> bool:
    """Prints it. Returns whether all is well."""
    screen.heading(words["statistics"])
    titles = (words["source"], words["operator"], words["planned"], words["actual"], words["contacts"])
    screen.note("".join(fit(title, width) for title, width in zip(titles, COLUMNS, strict=True)))
    for channel in narrator.channels.values():
        _show_channel(screen, words, channel, narrator.operators)
    for whose, what in found.lost[:SHOWN_LOST]:
        screen.plain(words["lost"].format(whose=whose, what=what), fg="red")
    for name in stuck[:SHOWN_LOST]:
        screen.plain(words["stuck"].format(name=name), fg="red")
    is_well = not (found.lost or found.doubled or stuck)
    said = words["said"].format(
        clients=found.clients, operators=found.operators, lost=len(found.lost), doubled=found.doubled
    )
    screen.plain(f"{'✓' if is_well else '✗'} {said}", fg="green" if is_well else "red", bold=True)
    screen.note(f"  {words['all_well']}")
    screen.note("  " + words["cards"].format(contacts=found.cards, longest=narrator.longest))
    return is_well


def _show_channel(screen: Screen, words: dict[str, str], channel: Channel, operators: dict[int, Colleague]) -> None:
    contacts, weights = sum(channel.given.values()), sum(channel.weights.values())
    labels = [f"@{channel.name}", words[channel.strategy]]
    for line, (operator_id, weight) in enumerate(channel.weights.items()):
        given = channel.given.get(operator_id, 0)
        planned, actual = weight / weights, given / max(1, contacts)
        cells = (
            labels[line] if line < len(labels) else "", operators[operator_id].name, percent(planned), percent(actual),
            str(given),
        )  # fmt: skip
        screen.plain(
            "".join(fit(cell, width) for cell, width in zip(cells, COLUMNS, strict=True)) + _bar(planned, actual)
        )
    screen.plain("")


def percent(share: float) -> str:
    """`60 %`."""
    return f"{share:.0%}".replace("%", " %")


def _bar(planned: float, actual: float) -> str:
    """The actual share as a bar, with a mark where the planned one is."""
    filled, mark = round(actual * BAR), round(planned * BAR)
    return "".join("│" if cell == mark else "█" if cell < filled else " " for cell in range(BAR + 1)).rstrip()
