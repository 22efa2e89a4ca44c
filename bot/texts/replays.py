"""A replay in words, for Telegram and for the shell: what was, and what would have been."""

from collections.abc import Callable, Iterable
from datetime import date
from typing import TYPE_CHECKING

from bot.texts.phrases import duration
from bot.texts.translator import Translator

if TYPE_CHECKING:
    from crm_core.replay.figures import Replay, Share, Waits

SHARES_SHOWN = 12  # operators under one source
SOURCES_SHOWN = 8
LIMITS_SHOWN = 12
INDENT = "      "

EXAMPLE = "/replay 7 shop_bot.Anna.weight=40"


def days_name(first: date, last: date, _: Translator) -> str:
    """One day or two as people write them: `28.11.2026`, `27.11.2026 – 28.11.2026`."""
    form = "%d.%m.%Y" if _.language == "ru" else "%Y-%m-%d"
    named = first.strftime(form)
    return named if first == last else f"{named} – {last.strftime(form)}"


def replay_blocks(found: "Replay", _: Translator, *, is_changed: bool) -> list[tuple[str, list[str]]]:
    """What came of a replay, as headings with their lines.

    Args:
        is_changed: whether anything was to be otherwise; else there is nothing to compare.
    """
    if not found.contacts:
        return [(_("No requests came in that time."), [])]
    both = _Both(is_changed)
    blocks = [(_requests(found, _, is_changed=is_changed), _left_out(found, _))]
    blocks += _sources(found, both, _)
    blocks.append((_("⏳ Waiting for the first operator"), _waits(found.happened, found.replayed, both, _)))
    if found.missed or found.would_miss:
        blocks.append((_("🌙 Offers missed: {n}").format(n=both(found.missed, found.would_miss)), []))
    limits = sorted(found.limits, key=lambda one: -max(one.happened, one.replayed))
    if limits:
        length = _length(_)
        lines = [
            f"{INDENT}{found.names.get(one.operator_id, '–')}: {both(length(one.happened), length(one.replayed))}"
            for one in limits[:LIMITS_SHOWN]
        ]
        blocks.append((_("🔴 Time at the limit"), [*lines, *_more(len(limits) - LIMITS_SHOWN, _)]))
    return blocks


def preview(replay: "Replay", source_id: int | None, operator_id: int | None, _: Translator) -> str:
    """What a change of a setting would have meant yesterday, in sentences; empty if there is nothing to say.

    Args:
        source_id, operator_id: whose setting it is: of a source, of an operator, or of an operator at a source.
    """
    if operator_id is not None:
        return _of_operator(replay, source_id, operator_id, _)
    count = replay.arrived.get(source_id or 0, 0)
    if not count:
        return ""
    said = [*_changed_shares(replay, source_id, count, _), *_changed_waits(replay, _)]
    as_it_was = _("Of yesterday's requests ({n}) everybody would have had as many as they had.").format(n=count)
    return " ".join([*(said or [as_it_was]), *_changed_offers(replay, _)])


def _of_operator(replay: "Replay", source_id: int | None, operator_id: int, _: Translator) -> str:
    mine = [one for one in replay.shares if one.operator_id == operator_id and source_id in (None, one.source_id)]
    happened, replayed = sum(one.happened for one in mine), sum(one.replayed for one in mine)
    count = replay.contacts if source_id is None else replay.arrived.get(source_id, 0)
    if not (happened or replayed):
        return ""
    text = _("Of yesterday's requests ({n}) {operator} would have had {replayed} instead of {happened}.")
    if happened == replayed:
        text = _("Of yesterday's requests ({n}) {operator} would have had {happened}, as it was.")
    return text.format(n=count, operator=replay.names[operator_id], happened=happened, replayed=replayed)


PREVIEWED = 3
"""Operators whom a sentence names, those first for whom the most would have been otherwise."""


def _changed_shares(replay: "Replay", source_id: int | None, count: int, _: Translator) -> Iterable[str]:
    """Who would have had how many of a source's requests."""
    other = [one for one in replay.shares if one.source_id == source_id and one.happened != one.replayed]
    other.sort(key=lambda one: (-abs(one.happened - one.replayed), one.operator_id))
    if not other:
        return
    first, *further = other[:PREVIEWED]
    text = _("Of yesterday's requests ({n}) {operator} would have had {replayed} instead of {happened}.")
    yield text.format(
        n=count, operator=replay.names[first.operator_id], happened=first.happened, replayed=first.replayed
    )
    for one in further:
        text = _("{operator}: {replayed} instead of {happened}.")
        yield text.format(operator=replay.names[one.operator_id], happened=one.happened, replayed=one.replayed)


def _changed_waits(replay: "Replay", _: Translator) -> Iterable[str]:
    """How many would have waited, and for how long."""
    happened, replayed = replay.happened, replay.replayed
    if happened.waited != replayed.waited:
        text = _("{replayed} of all requests would have waited instead of {happened}.")
        yield text.format(happened=happened.waited, replayed=replayed.waited)
    was, would = (duration(one.longest / 1000, _) for one in (happened, replayed))
    if was != would:
        yield _("The longest wait would have been {replayed} instead of {happened}.").format(
            happened=was, replayed=would
        )


def _changed_offers(replay: "Replay", _: Translator) -> Iterable[str]:
    """How many offers nobody would have answered in time."""
    if replay.missed != replay.would_miss:
        text = _("Missed offers: {replayed} instead of {happened}.")
        yield text.format(happened=replay.missed, replayed=replay.would_miss)


class _Both:
    """Two values with an arrow between them; one alone if nothing was to be otherwise."""

    def __init__(self, is_changed: bool) -> None:
        self._is_changed = is_changed

    def __call__(self, happened: object, replayed: object) -> str:
        return f"{happened} → {replayed}" if self._is_changed else str(happened)


def _requests(found: "Replay", _: Translator, *, is_changed: bool) -> str:
    text = _("Requests: {n}").format(n=found.contacts)
    if is_changed:
        text += "; " + _("with somebody else: {n}").format(n=found.moved)
    return text


def _left_out(found: "Replay", _: Translator) -> list[str]:
    return [_("assigned manually, so they stay: {n}").format(n=found.fixed)] if found.fixed else []


def _sources(found: "Replay", both: _Both, _: Translator) -> list[tuple[str, list[str]]]:
    by_source: dict[int, list[Share]] = {}
    for share in found.shares:
        by_source.setdefault(share.source_id, []).append(share)
    blocks = []
    for source_id, shares in list(by_source.items())[:SOURCES_SHOWN]:
        shares.sort(key=lambda one: -max(one.happened, one.replayed))
        lines = [
            f"{INDENT}{found.names.get(one.operator_id, '–')}: {both(one.happened, one.replayed)}"
            for one in shares[:SHARES_SHOWN]
        ]
        blocks.append((f"📥 {found.sources.get(source_id, '–')}", [*lines, *_more(len(shares) - SHARES_SHOWN, _)]))
    left = len(by_source) - SOURCES_SHOWN
    return [*blocks, *((line.strip(), []) for line in _more(left, _))]


def _waits(happened: "Waits", replayed: "Waits", both: _Both, _: Translator) -> list[str]:
    length = _length(_)
    lines = [
        _("not at once: {n}").format(n=both(happened.waited, replayed.waited)),
        _("half within: {length}").format(length=both(length(happened.median), length(replayed.median))),
        _("90% within: {length}").format(length=both(length(happened.most), length(replayed.most))),
        _("longest: {length}").format(length=both(length(happened.longest), length(replayed.longest))),
    ]
    if happened.still or replayed.still:
        lines.append(_("nobody in the end: {n}").format(n=both(happened.still, replayed.still)))
    return [INDENT + line for line in lines]


def _length(_: Translator) -> Callable[[int], str]:
    return lambda milliseconds: duration(milliseconds / 1000, _)


def _more(left: int, _: Translator) -> Iterable[str]:
    if left > 0:
        yield INDENT + _("… and {n} more").format(n=left)
