"""What the picture says, in the reader's language: made at the edge, where words live."""

from collections.abc import Callable
from dataclasses import dataclass

from crm_core.statistics import Cause


@dataclass(frozen=True, slots=True)
class Words:
    """Every word of the statistics' picture.

    Attributes:
        title: what it is about, `period` from when to when.
        contacts, unassigned, waiting: what the three large numbers count; the first and the last agree with theirs, the
            second is given its part, from 0 to 1.
        flow, load, shares, times: titles of the panels.
        given, not_given: contacts with and without an operator.
        online, full, away: states of operators.
        planned, actual: the two shares.
        mean, p95: what the two lengths are.
        to_assignment, to_take, to_reply: what took that long.
        no_contacts, no_operators, no_sources, no_weights: said where there is nothing to draw.
        cause: what made a gap between the two shares, in a word; nothing where there is none.
        unnamed: stands for a name that the font cannot draw.
        number: a whole number; percent: a part from 0 to 1; duration: seconds; None is a dash.
        contacts_of: how many contacts, with the noun.
        more_operators: how many are not shown, with their load and their limits together.
        more_shares, more_sources: how many are not shown.
    """

    title: str
    period: str
    contacts: Callable[[int], str]
    unassigned: Callable[[float | None], str]
    waiting: Callable[[int], str]
    flow: str
    load: str
    shares: str
    times: str
    given: str
    not_given: str
    online: str
    full: str
    away: str
    planned: str
    actual: str
    mean: str
    p95: str
    to_assignment: str
    to_take: str
    to_reply: str
    no_contacts: str
    no_operators: str
    no_sources: str
    no_weights: str
    unnamed: str
    cause: Callable[[Cause | None], str]
    number: Callable[[int], str]
    percent: Callable[[float | None], str]
    duration: Callable[[float | None], str]
    contacts_of: Callable[[int], str]
    more_operators: Callable[[int, int, int], str]
    more_shares: Callable[[int], str]
    more_sources: Callable[[int], str]
