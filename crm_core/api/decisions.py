"""Why a contact went to its operator, over HTTP: every decision with all that it was made from."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter

from crm_core.api.call import Administering
from crm_core.api.fields import Id, Shown, example
from crm_core.api.schema import refusals
from crm_core.routing import explanations
from crm_core.routing.explanations import Explained, Explanation
from crm_core.routing.standing import in_millionths

router = APIRouter(tags=["contacts"])


class CandidateShown(Shown):
    """An operator with a weight at the source, as they stood when it was decided.

    `part` is their part of the weights of those who could get the contact, null for the others: `why_not` says why they
    could not. `load_here` and `limit_here` are of the source, `last_hour` and `rate` of an hour, `last_minute` and
    `ramp` of a minute, of what had waited before they came; null where the operator had no such limit. `lacking` are
    the skills that they lack. Credits are those of a source with exact shares, in millionths of a contact, else null.
    """

    operator_id: int
    operator: str
    weight: int
    load: int
    limit: int
    load_here: int | None
    limit_here: int | None
    last_hour: int | None
    rate: int | None
    last_minute: int | None
    ramp: int | None
    lacking: list[str]
    part: float | None
    credit: int | None
    credit_after: int | None
    why_not: str | None


class SkillShown(Shown):
    """A skill that a contact requires, with the minutes of waiting after which it is dropped, or null.

    `origin` is `source`, `keywords` (words of its first message) or `api`.
    """

    model_config = example(skill="billing", drop_after=30, origin="keywords")

    skill: str
    drop_after: int | None
    origin: str


class HeadStartShown(Shown):
    """Minutes by which a contact is ahead in the queue. `origin`: `client` (`/vip`), `source`, `keywords` or `api`."""

    model_config = example(minutes=60, origin="client")

    minutes: int
    origin: str


class DecisionShown(Shown):
    """What was decided about a contact.

    `rule` is `random`, `exact`, `sticky` (the client came back to the operator whom they had before) or `by_hand`.
    Where the contact waited from then on, `assigned` is false, and the rule says why: what excluded everybody
    (`full+offline`), `source_off`, `others_first`, or why it went back from its operator; `ramp` also where a gentle
    start alone went on holding it back. `roll` is chance, from 0 to 1. Where it required skills no longer, having
    waited so long, the rule is `skills_dropped`, and `dropped` names them; where it was moved to another source, the
    rule is `moved`, and `moved_to` is that source's id: nothing was decided then. `from_operator_id` had it before
    somebody handed it on by hand. `candidates` is null for decisions of versions that did not keep them, and where
    there was nothing to choose. `required`, `head_starts` and the keyword rules of the contact (`keywords`) are the
    same in each: what its source and client have now, and it had itself when it came.
    """

    model_config = example(
        at="2026-11-29T09:15:02.120Z",
        rule="random",
        assigned=True,
        operator_id=1,
        operator="Anna",
        actor="system",
        strategy="random",
        roll=0.4142,
        dropped=[],
        required=[{"skill": "billing", "drop_after": 30, "origin": "keywords"}],
        head_starts=[{"minutes": 60, "origin": "client"}],
        keywords=["refund*, возврат: billing 30"],
        from_operator_id=None,
        moved_to=None,
        candidates=[
            {
                "operator_id": 1,
                "operator": "Anna",
                "weight": 30,
                "load": 2,
                "limit": 5,
                "load_here": None,
                "limit_here": None,
                "last_hour": None,
                "rate": None,
                "last_minute": None,
                "ramp": None,
                "lacking": [],
                "part": 1.0,
                "credit": None,
                "credit_after": None,
                "why_not": None,
            },
        ],
    )

    at: datetime
    rule: str | None
    assigned: bool
    operator_id: int | None
    operator: str | None
    actor: str
    strategy: str | None
    roll: float | None
    dropped: list[str]
    required: list[SkillShown]
    head_starts: list[HeadStartShown]
    keywords: list[str]
    from_operator_id: int | None
    moved_to: int | None
    candidates: list[CandidateShown] | None


@router.get(
    "/contacts/{contact_id}/decisions",
    response_model=list[DecisionShown],
    summary="Explain who got a contact",
    responses=refusals(404),
)
async def list_decisions(contact_id: Id, call: Administering) -> Any:
    """Every decision about a contact, in order, with the numbers from which the same operator follows again."""
    found = await call.db.read(explanations.explain, contact_id=contact_id, actor=call.actor)
    return [_shown(one, found) for one in found.decided]


def _shown(one: Explained, found: Explanation) -> dict[str, Any]:
    decision = one.decision
    return {
        "at": one.at,
        "rule": _rule(one),
        "assigned": one.is_assigned,
        "operator_id": one.operator_id,
        "operator": found.names.get(one.operator_id) if one.operator_id is not None else None,
        "actor": one.actor,
        "strategy": decision.strategy if decision is not None else None,
        "roll": decision.roll if decision is not None else None,
        "dropped": list(one.dropped),
        "required": [
            {"skill": each.tag, "drop_after": each.after, "origin": each.origin} for each in found.origins.skills
        ],
        "head_starts": [{"minutes": each.minutes, "origin": each.origin} for each in found.origins.ahead],
        "keywords": list(found.origins.rules),
        "from_operator_id": one.from_operator_id,
        "moved_to": one.moved_to,
        "candidates": _candidates(one, found),
    }


def _rule(one: Explained) -> str | None:
    if one.dropped:
        return "skills_dropped"
    if one.moved_to is not None:
        return "moved"
    return "sticky" if one.decision is not None and one.decision.is_sticky else one.reason


def _candidates(one: Explained, found: Explanation) -> list[dict[str, Any]] | None:
    decision = one.decision
    if decision is None:
        return None
    before, after = (
        None if credits is None else in_millionths(dict(credits))
        for credits in (decision.credits, decision.credits_after)
    )
    excluded, parts = decision.excluded, decision.parts
    return [
        {
            "operator_id": each.operator_id,
            "operator": found.names.get(each.operator_id, ""),
            "weight": each.weight,
            "load": each.load,
            "limit": each.limit,
            "load_here": None if each.limit_here is None else each.load_here,
            "limit_here": each.limit_here,
            "last_hour": None if each.rate is None else each.last_hour,
            "rate": each.rate,
            "last_minute": None if each.ramp is None else each.last_minute,
            "ramp": each.ramp,
            "lacking": sorted(each.lacking),
            "part": parts.get(each.operator_id),
            "credit": None if before is None else before.get(each.operator_id, 0),
            "credit_after": None if after is None else after.get(each.operator_id, 0),
            "why_not": excluded.get(each.operator_id),
        }
        for each in decision.candidates
    ]
