"""A past period under other settings, over HTTP. It changes nothing."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from crm_core.api.call import Administering
from crm_core.api.fields import Shown, example
from crm_core.api.periods import Day
from crm_core.api.schema import refusals
from crm_core.replay.asking import Wish, ask
from crm_core.replay.figures import Replay, Waits

router = APIRouter(tags=["statistics"])

MOST_CHANGES = 200
CHANGE_LONGEST = 500

Change = Annotated[str, Field(min_length=1, max_length=CHANGE_LONGEST)]


class ReplayGiven(BaseModel):
    """Which days, and what is to be otherwise from their beginning to their end; yesterday without days.

    A change names sources and operators by name or number: `shop_bot.Anna.weight=40`, `1.2.weight=40`, `Anna.limit=5`,
    `shop_bot.strategy=exact`, `Anna.hours=mon-fri 9-18`, `Anna.hours=always`. Other settings are named as in
    the PATCH of an operator or a source, except what depends on what people would have done: handover and
    `waiting_load`, and rules of messages and targets. Offers are answered as soon as operators usually answer. A name
    may have any signs: `shop_bot.Dr. Anna.weight=40`; where it could be read in several ways, the longest known name
    counts, and quotes keep it together: `shop_bot."Dr. Anna".weight=40`.
    """

    model_config = ConfigDict(extra="forbid") | example(
        **{"from": "2026-11-27", "to": "2026-11-28", "set": ["shop_bot.Anna.weight=40"]}
    )

    from_: Annotated[Day | None, Field(alias="from", description="The first day.")] = None
    to: Annotated[Day | None, Field(description="The last day; the first one without it.")] = None
    set: Annotated[list[Change], Field(max_length=MOST_CHANGES)] = []


class WaitsShown(Shown):
    """How long contacts waited for their first operator, in seconds; 0 for those who got one at once.

    `waited` is how many did not, `still_waiting` how many had none when the period ended. Half of all waited no longer
    than `median`, 90% no longer than `p90`.
    """

    waited: int
    still_waiting: int
    median: float
    p90: float
    longest: float


class ReplayedShareShown(Shown):
    """How many contacts of a source an operator had in the end: really (`happened`), and in the replay."""

    source_id: int
    source_name: str
    operator_id: int
    operator_name: str
    happened: int
    replayed: int


class AtLimitShown(Shown):
    """For how many seconds an operator was there, but at the limit."""

    operator_id: int
    operator_name: str
    happened: float
    replayed: float


EXAMPLE: dict[str, Any] = {
    "contacts": 84,
    "moved": 19,
    "fixed": 2,
    "shares": [
        {
            "source_id": 1,
            "source_name": "shop_bot",
            "operator_id": 1,
            "operator_name": "Anna",
            "happened": 22,
            "replayed": 31,
        }
    ],
    "waits_happened": {"waited": 12, "still_waiting": 0, "median": 0, "p90": 240.5, "longest": 1860},
    "waits_replayed": {"waited": 9, "still_waiting": 0, "median": 0, "p90": 0, "longest": 1410},
    "at_limit": [{"operator_id": 1, "operator_name": "Anna", "happened": 5400, "replayed": 9120}],
    "offers_missed": {"happened": 0, "replayed": 7},
}


class MissedShown(Shown):
    """How many offers nobody answered in time."""

    happened: int
    replayed: int


class ReplayShown(Shown):
    """A period as it was, and as it would have been.

    `contacts` arrived in it; `moved` of them would have been with another operator; `fixed` were assigned by hand, or
    by a version that did not keep its decisions, and stay with their operators. `offers_missed` are 0 where nothing was
    offered.
    """

    model_config = example(**EXAMPLE)

    contacts: int
    moved: int
    fixed: int
    shares: list[ReplayedShareShown]
    waits_happened: WaitsShown
    waits_replayed: WaitsShown
    at_limit: list[AtLimitShown]
    offers_missed: MissedShown


@router.post(
    "/replay", response_model=ReplayShown, summary="Replay a past period under other settings", responses=refusals(404)
)
async def replay_period(given: ReplayGiven, call: Administering) -> Any:
    """Nothing is changed: shares, waits and time at the limit beside what happened. Unchanged settings reproduce it."""
    zone = call.context.timezone
    first = given.from_ or given.to
    days = "" if first is None else (first, given.to or first)
    wish = Wish(days, typed=given.set)
    return shown(await ask(call.db, wish=wish, actor=call.actor, now=call.now, zone=zone))


def shown(found: Replay) -> dict[str, Any]:
    """The fields of `ReplayShown`."""
    names, sources = found.names, found.sources
    return {
        "contacts": found.contacts,
        "moved": found.moved,
        "fixed": found.fixed,
        "shares": [
            {
                "source_id": one.source_id,
                "source_name": sources.get(one.source_id, ""),
                "operator_id": one.operator_id,
                "operator_name": names.get(one.operator_id, ""),
                "happened": one.happened,
                "replayed": one.replayed,
            }
            for one in found.shares
        ],
        "waits_happened": _waits(found.happened),
        "waits_replayed": _waits(found.replayed),
        "at_limit": [
            {
                "operator_id": one.operator_id,
                "operator_name": names.get(one.operator_id, ""),
                "happened": one.happened / 1000,
                "replayed": one.replayed / 1000,
            }
            for one in found.limits
        ],
        "offers_missed": {"happened": found.missed, "replayed": found.would_miss},
    }


def _waits(found: Waits) -> dict[str, Any]:
    lengths = {"median": found.median, "p90": found.most, "longest": found.longest}
    return {"waited": found.waited, "still_waiting": found.still, **{key: one / 1000 for key, one in lengths.items()}}
