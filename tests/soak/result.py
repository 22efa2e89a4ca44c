"""The table at the end of a soak: what was reached, and what had to be."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.sandbox.world.limits import Refusal
from tests.soak import ledger
from tests.soak.audit import Audit, Key, Said, waits
from tests.soak.plan import share_of_failing
from tests.soak.setting import Setting

LONGEST = 120.0  # seconds from a client's message to their operator, outages of killed processes included
MOST_SHOWN = 20  # pieces of evidence of a kind
GROWTH = 1.15  # of memory, from the first installation to the last
UNSTORED = 1.0  # seconds: a wait told so shortly before a kill, or just after it, is known to no process


@dataclass(frozen=True, slots=True)
class Line:
    """One figure. `is_met` says whether its target was reached, None where it has none."""

    what: str
    figure: str
    target: str = ""
    is_met: bool | None = None


@dataclass(slots=True)
class Diary:
    """What was noted while it went on.

    Attributes:
        memory: megabytes of each process at its end.
        broken: what did not hold in the database, at whatever moment.
        minutes: how long clients wrote; `settled`: seconds until everything was done after that, None for never.
        kills: when, in Unix time.
        failures: of operators' work: each has left something undone.
        evidence: of what should not have happened, a line each.
    """

    memory: list[float]
    broken: list[str]
    minutes: float = 0.0
    settled: float | None = None
    kills: list[float] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)


async def lines(setting: Setting, audit: Audit, diary: Diary) -> list[Line]:
    """Everything that can be said now that it is over."""
    named = await setting.database.read(ledger.named_only)
    clients, operators = audit.of_clients(), audit.of_operators()
    for one in clients:
        if not one.arrivals and one.key in named:
            there = named[one.key]
            if there is None:
                one.arrivals.append((one.time, one.key))
            elif there in audit.shown:
                one.arrivals.append((audit.shown[there].time, there))
    left_out = await setting.database.read(ledger.left_out)
    for one in clients:
        one.comes_anew = one.is_edited and one.key in left_out
    diary.evidence += await _evidence(setting, audit, clients, operators)
    diary.evidence += _refusals(setting, diary)
    diary.evidence += [f"an operator could not go on: {failure!r:.200}" for failure in diary.failures[:MOST_SHOWN]]
    return [
        *_words(audit, clients, operators, await setting.database.read(ledger.summed_up)),
        *await _doubles(setting, audit),
        *await _database(setting, diary),
        *_telegram(setting, diary, clients, operators),
        *_memory(diary),
    ]


async def _evidence(setting: Setting, audit: Audit, clients: list[Said], operators: list[Said]) -> list[str]:
    """What is known of words that nobody saw, or saw too soon, or as they were at first."""
    summed_up = await setting.database.read(ledger.summed_up)
    silent = [one for one in clients + operators if not one.arrivals and not audit.is_told(one)]
    lost = [one for one in silent if one.key not in summed_up]
    early = [audit.said[key] for key in audit.misplaced(clients) + audit.misplaced(operators)]
    late = [one for one in clients if one.arrivals and one.arrivals[0][0] - one.waits_from >= LONGEST]
    found = []
    numberless = await setting.database.read(ledger.without_number)
    stale = audit.not_shown([one for one in clients + operators if one.key not in numberless])
    for why, several in (
        ("lost", lost),
        ("late", late),
        ("before its turn", early),
        ("correction not shown", stale),
    ):
        for one in several[:MOST_SHOWN]:
            rows = await setting.database.read(ledger.history, one.key)
            after = [f"{time - one.time:.1f} s" for time, _ in one.arrivals]
            told = [(round(audit.shown[key].time - one.time, 1), audit.shown[key].text) for key in audit.told[one.key]]
            found.append(f"{why}: {one.kind} {one.text[:24]!r} of {one.key} {after} {told}: {rows}")
    return found


def unstored(refusals: Sequence[Refusal], kills: Sequence[float]) -> list[Refusal]:
    """Refusals during a wait that nobody could know of: it was told to a process at the moment of its kill.

    Args:
        refusals: all of them, the earliest first.
        kills: when, in Unix time.
    """
    found: list[Refusal] = []
    told: dict[tuple[int, int | None], float] = {}
    for one in refusals:
        begun = told.get(_place(one), -math.inf)
        if one.during_wait and any(abs(begun - kill) <= UNSTORED and kill < one.time for kill in kills):
            found.append(one)
        told[_place(one)] = one.time
    return found


def _provoked(setting: Setting, diary: Diary) -> list[Refusal]:
    excused = unstored(setting.sandbox.refusals, diary.kills)
    return [one for one in setting.sandbox.refusals if one.is_provoked and one not in excused]


def _refusals(setting: Setting, diary: Diary) -> list[str]:
    found = []
    for one in _provoked(setting, diary)[:MOST_SHOWN]:
        since = min((one.time - kill for kill in diary.kills if kill <= one.time), default=0.0)
        before = [other.time for other in setting.sandbox.refusals if _place(other) == _place(one)]
        told = max((time for time in before if time < one.time), default=one.time)
        again = f", during a wait told {one.time - told:.2f} s before" if one.during_wait else ""
        found.append(
            f"429: {one.method} {one.bot_id}/{one.chat_id}{again}, {since:.2f} s after a kill: {one.text!r:.40}"
        )
    return found


def _place(refusal: Refusal) -> tuple[int, int | None]:
    return refusal.bot_id, refusal.chat_id


def _words(audit: Audit, clients: list[Said], operators: list[Said], summed_up: set[Key]) -> list[Line]:
    counted = [one for one in clients if not one.arrivals and one.key in summed_up]
    lost = [one for one in clients if not one.arrivals and one.key not in summed_up]
    refused = [one for one in operators if not one.arrivals and audit.is_told(one)]
    unheard = [one for one in operators if not one.arrivals and not audit.is_told(one)]
    misplaced = len(audit.misplaced(clients)) + len(audit.misplaced(operators))
    return [
        Line("sent by clients", f"{len(clients)}"),
        Line("  counted in a line instead", f"{len(counted)}"),
        _must_be("  arrived at operators", len(clients) - len(counted) - len(lost), len(clients) - len(counted)),
        Line("sent by operators", f"{len(operators)}"),
        Line("  refused, and told so", f"{len(refused)}"),
        _must_be("  arrived at clients", len(operators) - len(refused) - len(unheard), len(operators) - len(refused)),
        _must_be("lost", len(lost) + len(unheard), 0),
        _must_be("out of order", misplaced, 0),
    ]


async def _doubles(setting: Setting, audit: Audit) -> list[Line]:
    found = await setting.database.read(ledger.doubles, audit)
    numberless = await setting.database.read(ledger.without_number)
    side = [one for one in audit.said.values() if one.arrivals and one.key not in numberless]
    corrected = sum(one.is_edited for one in side)
    stale = audit.not_shown(side)
    return [
        Line("doubled after ambiguous answers", f"{found.after_doubt}"),
        _must_be("doubled without one", found.without, 0),
        _must_be("corrections that are shown", corrected - len(stale), corrected),
    ]


async def _database(setting: Setting, diary: Diary) -> list[Line]:
    over = await setting.database.read(ledger.over_limit, places=setting.plan.places)
    left = await setting.database.read(ledger.unfinished)
    wrong = diary.broken + await setting.database.read(ledger.broken)
    given_up = await setting.database.read(ledger.given_up)
    words = [one for one in given_up if one[0] in ("card", "to_operator", "to_client")]
    remains = ", ".join(f"{count} {what}" for what, count in left.items() if count)
    settled = f"never: {remains}" if diary.settled is None else f"after {diary.settled:.0f} s"
    return [
        _must_be("over limit", over, 0),
        _must_be("what must hold in the database, and did not", len(wrong), 0),
        _must_be("updates given up", await setting.database.read(ledger.buried), 0),
        _must_be("words and cards given up", sum(one[3] for one in words), 0),
        Line("  notices and the like given up", f"{sum(one[3] for one in given_up) - sum(one[3] for one in words)}"),
        Line("settled", settled, "yes", diary.settled is not None and not any(left.values())),
        _must_be("work that an operator could not do", len(diary.failures), 0),
    ]


def _telegram(setting: Setting, diary: Diary, clients: list[Said], operators: list[Said]) -> list[Line]:
    stats, refusals = setting.sandbox.stats(), setting.sandbox.refusals
    provoked, excused = len(_provoked(setting, diary)), len(unstored(refusals, diary.kills))
    stalled = sum(one.after_stall and not one.ordered for one in refusals)
    failed = sum(stats["faults"].values())
    to_operators, to_clients = waits(clients), waits(operators)
    longest = to_operators[-1] if to_operators else 0.0
    return [
        _must_be("429s provoked by us", provoked, 0),
        Line("  on order", f"{sum(one.ordered for one in refusals)}"),
        Line("  in a wait told at the moment of a kill", f"{excused}"),
        Line("  after the sandbox itself stood still", f"{stalled}"),
        Line("requests to Telegram", f"{stats['requests']}"),
        Line("  that failed on order", f"{failed / stats['requests']:.1%}", f"≈ {share_of_failing(setting.plan):.1%}"),
        _must_be("  that the Bot API does not have", stats["violations"], 0),
        Line("client → operator: median, oldest wait", _waits(to_operators), f"< {LONGEST:.0f} s", longest < LONGEST),
        Line("operator → client: median, oldest wait", _waits(to_clients)),
    ]


def _waits(found: list[float]) -> str:
    return f"{found[len(found) // 2]:.1f} s, {found[-1]:.0f} s" if found else "none"


def _memory(diary: Diary) -> list[Line]:
    part = max(1, len(diary.memory) // 3)
    first, last = _mean(diary.memory[:part]), _mean(diary.memory[-part:])
    return [
        Line("kills", f"{len(diary.memory)} in {diary.minutes:.1f} minutes"),
        Line(
            "memory of the first and of the last installation at their ends",
            f"{first:.0f} MB, {last:.0f} MB",
            f"≤ {GROWTH} times",
            last <= first * GROWTH,
        ),
    ]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / max(1, len(values))


def _must_be(what: str, found: int, wanted: int) -> Line:
    return Line(what, str(found), f"= {wanted}", found == wanted)


def table(found: Sequence[Line]) -> str:
    """As text."""
    columns = zip(*((one.what, one.figure, one.target) for one in found), strict=True)
    widths = [max(len(cell) for cell in column) for column in columns]
    shown = []
    for one in found:
        mark = "" if one.is_met is None else ("✓" if one.is_met else "✗")
        cells = (one.what.ljust(widths[0]), one.figure.rjust(widths[1]), one.target.ljust(widths[2]), mark)
        shown.append("  ".join(cells).rstrip())
    return "\n".join(shown)
