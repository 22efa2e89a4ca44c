"""The labels of the picture, in the reader's language: passed in, since texts for people are outside of the logic."""

from collections.abc import Callable
from dataclasses import dataclass

from crm_core.statistics import Cause


@dataclass(frozen=True, slots=True)
class Labels:
    """Every text of the statistics' picture.

    Attributes:
        title, period: the heading, and from when to when.
        contacts, unassigned, waiting: labels of the three large numbers; `contacts` is given the number, for its plural
            form, `unassigned` its share of all, from 0 to 1.
        flow, load, shares, times: titles of the panels.
        given, not_given: contacts with and without an operator.
        online, full, away: states of operators.
        planned, actual: the two shares.
        mean, p95: the two durations.
        to_assignment, to_take, to_reply: what took that long.
        no_contacts, no_operators, no_sources, no_weights: shown if there is nothing to draw.
        cause: the cause of a gap between the two shares, in a word; empty if there is no gap.
        unnamed: replaces a name that the font cannot draw.
        number: a whole number; percent: a part from 0 to 1; duration: seconds; None is a dash.
        contacts_of: how many contacts, with the noun.
        more_operators: how many are not shown, with their load and their limits together.
        more_shares, more_sources: how many are not shown.
    """

    title: str
    period: str
    contacts: Callable[[int], str]
    unassigned: Callable[[float | None], str]
    waiting: str
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
