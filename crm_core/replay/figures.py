"""What comes of a replay, beside what really happened: who got how much, who waited how long, who was at the limit."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from crm_core import events
from crm_core.replay.as_it_was import Outcome
from crm_core.replay.changes import Changes
from crm_core.replay.courses import Course
from crm_core.replay.history import History
from crm_core.replay.reading import history
from crm_core.replay.replayer import play
from crm_core.replay.rows import Rows


@dataclass(frozen=True, slots=True)
class Waits:
    """How long the contacts of the period waited for their first operator, in milliseconds.

    Attributes:
        contacts: how many arrived; the other figures are over all of these, at once counting as 0.
        waited: how many did not get one at once.
        still: how many had none when the period ended; these have waited until then.
        median, most: half of them, and 90 % of them, waited no longer.
        longest: the longest wait.
    """

    contacts: int
    waited: int
    still: int
    median: int
    most: int
    longest: int


@dataclass(frozen=True, slots=True)
class Share:
    """How many contacts of a source were with an operator, at the end of the period or when they were closed."""

    source_id: int
    operator_id: int
    happened: int
    replayed: int


@dataclass(frozen=True, slots=True)
class Limit:
    """For how long an operator was there but at the limit, in milliseconds."""

    operator_id: int
    happened: int
    replayed: int


@dataclass(frozen=True, slots=True)
class Replay:
    """A period under other settings, beside what happened.

    Attributes:
        contacts: how many arrived in the period.
        arrived: of these, how many at each source.
        moved: how many of them would have been with somebody else.
        fixed: how many were assigned by hand, or by a version that did not keep what it chose from: they stay so.
        shares: of every operator and source where there are any, by their ids.
        missed, would_miss: how many offers nobody answered in time, really and in the replay.
        names, sources: of operators and sources that occur, by id.
    """

    since: int
    until: int
    contacts: int
    arrived: dict[int, int]
    moved: int
    fixed: int
    shares: tuple[Share, ...]
    happened: Waits
    replayed: Waits
    limits: tuple[Limit, ...]
    missed: int
    would_miss: int
    names: dict[int, str]
    sources: dict[int, str]


def replay(rows: Rows, changes: Changes) -> Replay:
    """Plays a period as it was and as it would have been. Takes up to a second for 10,000 contacts, and no database."""
    past = history(rows)
    happened, replayed = play(past, Changes()), play(past, changes)
    holders = {one: course.operator_id for one, course in happened.courses.items()}
    return Replay(
        since=past.since,
        until=past.until,
        contacts=len(holders),
        arrived=dict(Counter(course.facts.source_id for course in happened.courses.values())),
        moved=sum(course.operator_id != holders[one] for one, course in replayed.courses.items()),
        fixed=_fixed(past, happened),
        shares=_shares(happened, replayed),
        happened=_waits(happened, past.until),
        replayed=_waits(replayed, past.until),
        limits=tuple(
            Limit(one, happened.at_limit.get(one, 0), replayed.at_limit.get(one, 0))
            for one in sorted(happened.at_limit.keys() | replayed.at_limit.keys())
        ),
        missed=happened.missed,
        would_miss=replayed.missed,
        names={row.id: row.name for row in rows.operators},
        sources={row.id: row.name for row in rows.sources},
    )


def _fixed(past: History, happened: Outcome) -> int:
    given = (one for one in past.steps if one.kind == events.CONTACT_ASSIGNED and one.is_fixed)
    return len({one.contact_id for one in given if one.contact_id in happened.courses})


def _shares(happened: Outcome, replayed: Outcome) -> tuple[Share, ...]:
    then, now = (_counted(one.courses.values()) for one in (happened, replayed))
    return tuple(Share(*both, then[both], now[both]) for both in sorted(then.keys() | now.keys()))


def _counted(courses: Iterable[Course]) -> Counter[tuple[int, int]]:
    return Counter((one.source_id, one.operator_id) for one in courses if one.operator_id is not None)


def _waits(outcome: Outcome, until: int) -> Waits:
    waits = sorted(wait(one, until) for one in outcome.courses.values())
    if not waits:
        return Waits(0, 0, 0, 0, 0, 0)
    return Waits(
        contacts=len(waits),
        waited=sum(one > 0 for one in waits),
        still=sum(one.assigned is None for one in outcome.courses.values()),
        median=_at(waits, 50),
        most=_at(waits, 90),
        longest=waits[-1],
    )


def wait(course: Course, until: int) -> int:
    """How long a contact waited for its first operator, up to the end of the period, in milliseconds."""
    return (until if course.assigned is None else course.assigned) - (course.created or 0)


def _at(waits: Sequence[int], percent: int) -> int:
    """By nearest rank: the smallest that so many are no longer than."""
    return waits[(percent * len(waits) + 99) // 100 - 1]
