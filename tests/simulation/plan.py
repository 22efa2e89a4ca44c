"""What happens in a history besides the product's own moves: drawn from a seed, and small enough to be read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.simulation.forum_plan import FIRST_FORUM, forum
from tests.simulation.talk_plan import FIRST_TALK, of_talk, talk

CLIENTS, OPERATORS, BOTS = 4, 3, 2

# How often each comes, in parts of the sum; an ordinary day is most of it.
_PEOPLE = {
    "say": 30, "take": 11, "close": 11, "decline": 5, "give_back": 3, "hand_on": 3, "reopen": 3, "dismiss": 3,
    "snooze": 5, "answer": 14, "answer_plainly": 6, "edit": 3, "say_in_reply": 2, "start": 1, "press_old": 2,
    "leave": 2, "come": 2,
    "block": 1, "operator_blocks": 1,
}  # fmt: skip
_ADMIN = {
    "weight": 2,
    "strategy": 2,
    "sticky": 1,
    "priority": 1,
    "ramp": 1,
    "catch_up": 1,
    "vip": 1,
    "keywords": 1,
    "offers": 3,
    "handover": 2,
    "hours": 2,
    "opening": 1,
    "targets": 1,
    "limit": 3,
    "limit_here": 1,
    "rate": 1,
    "ceiling": 1,
    "waiting": 1,
    "skills": 1,
    "activity": 2,
    "source": 1,
    "give": 2,
    "move": 2,
    "register": 3,
}
_TROUBLE = {
    "crash": 7,
    "power_cut": 2,
    "stop": 1,
    "fault": 9,
    "flood": 2,
    "outage": 1,
    "trouble": 2,
    "flood_of_words": 1,
    "disk": 3,
    "clock": 1,
    "wait": 2,
    "poison": 1,
    "renumber": 1,
    "late": 4,
    "odd": 5,
}
_ALL = {**_PEOPLE, **_ADMIN, **_TROUBLE}

HOURS = ("daily 9-18", "daily 12:01-12:02, 12:03-23", "mon-fri 9-18", "daily 22-6")

KEYWORDS = ("word 1*, word 2*: german 1, +1", "of the site: vip", "word 2*, word 3*: vip 1, +3")
"""Rules for what clients write: `word 17 of …`, and for what comes from another system."""

METHODS = (None, None, "sendMessage", "copyMessage", "copyMessages", "editMessageText", "getUpdates")

SENDING = ("sendMessage", "copyMessage", "copyMessages", "editMessageText")

FAULTS = (
    {"kind": "silent"}, {"kind": "cut"}, {"kind": "garbage"}, {"kind": "id_zero"},
    {"kind": "slow", "delay": 3.0}, {"kind": "slow", "delay": 3.0, "applied": False},
    {"kind": "http_500"}, {"kind": "http_500", "applied": True},
    {"kind": "html_502"}, {"kind": "html_502", "applied": True},
)  # fmt: skip

LONG_OUTAGES = (
    {"kind": "http_500"}, {"kind": "html_502"}, {"kind": "silent"}, {"kind": "garbage"},
    {"kind": "http_500", "applied": True}, {"kind": "html_502", "applied": True},
)  # fmt: skip

LATE = (20.0, 45.0, 65.0, 130.0)
"""Seconds after which an answer comes; whoever asked has waited long enough before most of them."""

ODD = (
    (200, "no JSON at all"), (200, ""), (200, "null"), (200, "[]"), (200, "{}"),
    (200, '{"result":{"message_id":7}}'), (200, '{"ok":true}'), (200, '{"ok":true,"result":null}'),
    (200, '{"ok":true,"result":"done"}'), (200, '{"ok":true,"result":[1,[]]}'),
    (200, '{"ok":true,"result":{"message_id":"seven"}}'), (200, '{"ok":"perhaps","result":true}'),
    (200, '{"ok":false}'), (200, '{"ok":false,"error_code":0,"description":null}'),
    (200, '{"ok":false,"description":"Bad Request: \udcff"}'), (204, ""), (226, '{"ok":true}'),
    (402, '{"ok":false,"error_code":402}'), (409, '{"ok":false,"error_code":409,"description":"Conflict"}'),
    (418, '{"ok":false,"error_code":418,"description":"I am a teapot"}'),
    (451, "<html>for legal reasons</html>"), (500, '{"ok":false}'), (503, '{"ok":true,"result":true}'),
    (520, '{"ok":false,"error_code":520}'), (599, ""),
)  # fmt: skip
"""Answers that no document describes: status and body. None says whether the call was applied."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that somebody does, or that happens to the process.

    Attributes:
        after: how many moves of the product come first; a third of all steps come at once, a few after all of
            them have been made.
        what: the name of a method of `steps.Actions`.
    """

    after: int
    what: str
    arguments: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        said = ", ".join(f"{name}={value}" for name, value in self.arguments.items())
        return f"after {self.after:2} moves: {self.what}({said})"


QUIET = 99
"""So many moves mean: when everything has been done."""

_PAUSES = (0, 0, 1, 2, 3, 5, 8, 13, QUIET)


def draw(seed: int) -> Sequence[Step]:
    """The plan of a seed."""
    rolls = Random(seed)
    if seed >= FIRST_TALK:
        happens = forum(rolls) if seed >= FIRST_FORUM else talk(rolls)
        return [Step(rolls.choice(_PAUSES), what, arguments) for what, arguments in happens]
    plan = [_step(rolls, has_second_bot=bots_of(seed) > 1) for _ in range(rolls.randrange(6, 20))]
    if seed % 9 == 0:  # of bots of both numbers; not by weight, since an hour costs as much as several other histories
        plan.insert(rolls.randrange(1, len(plan) + 1), _long_outage(rolls))
    if seed % 5 == 2:  # neither by weight: every other history would be another one
        plan.insert(rolls.randrange(len(plan) // 2, len(plan) + 1), _lost_card(rolls))
    if seed % 4 == 0:  # drawn apart, so that the others stay as they are
        _look_at_overviews(Random(-seed), plan)
    if seed % 7 == 3:  # after all else, for every other history would be another one
        plan += [Step(rolls.choice(_PAUSES), *of_talk(rolls)) for _ in range(6)]
    return plan


def _lost_card(rolls: Random) -> Step:
    arguments = {"operator": rolls.randrange(OPERATORS), "bot": 0, "which": rolls.randrange(8)}
    return Step(rolls.choice((0, 2, 5, QUIET)), rolls.choice(("age_card", "delete_card")), arguments)


def _look_at_overviews(rolls: Random, plan: list[Step]) -> None:
    """Operators ask for their overview, and now and then switch it off or on."""
    for _ in range(rolls.randrange(1, 5)):
        who = {"operator": rolls.randrange(2), "bot": 0}  # few, so that one chat has it several times
        what = rolls.choice(("bring_overview",) * 4 + ("switch_overview",))
        step = Step(rolls.choice((0, 0, 1, 3, 9, QUIET)), what, who)
        plan.insert(rolls.randrange(1, len(plan) + 1), step)


def _long_outage(rolls: Random) -> Step:
    arguments = {
        "fault": rolls.choice(LONG_OUTAGES),
        "is_of_sending": rolls.random() < 0.5,
        "callbacks": rolls.choice((0, 1, 3, 8, 30)),
        "clients": (rolls.randrange(CLIENTS), rolls.randrange(CLIENTS)),
        "operator": rolls.randrange(OPERATORS),
        "which": rolls.randrange(8),
    }
    return Step(rolls.choice((0, 2, 5, QUIET)), "long_outage", arguments)


def bots_of(seed: int) -> int:
    """How many bots a history has: mostly one, since a second one takes as long again to start."""
    return 1 if seed % 4 or seed >= FIRST_TALK else BOTS


def _step(rolls: Random, *, has_second_bot: bool) -> Step:
    what = rolls.choices(list(_ALL), list(_ALL.values()))[0]
    after = rolls.choice(_PAUSES)
    client, operator = rolls.randrange(CLIENTS), rolls.randrange(OPERATORS)
    bot = 1 if has_second_bot and rolls.random() < 0.3 else 0
    which = rolls.randrange(8)
    arguments: dict[str, Any] = {}
    match what:
        case "say":
            kind = rolls.choices(("text", "photo", "album", "part", "location"), (16, 2, 3, 2, 1))[0]
            arguments = {"client": client, "bot": bot, "kind": kind, "times": rolls.choice((1, 1, 1, 1, 2, 3))}
        case "poison":
            arguments = {"bot": bot, "client": client, "is_of_client": rolls.random() < 0.5}
        case "renumber":
            arguments = {"bot": bot, "to": rolls.choice((1_000, 500_000_000, None))}
        case "start" | "edit" | "say_in_reply" | "block":
            arguments = {"client": client, "bot": bot}
        case "close":
            times = rolls.choice((1, 1, 1, 2))
            arguments = {"operator": operator, "bot": bot, "which": which, "times": times}
        case "take" | "decline" | "give_back" | "hand_on" | "reopen" | "dismiss" | "answer" | "press_old":
            arguments = {"operator": operator, "bot": bot, "which": which}
        case "snooze":
            arguments = {"operator": operator, "which": which, "seconds": rolls.choice((1, 5, 60, 900))}
        case "answer_plainly" | "leave" | "come" | "operator_blocks":
            arguments = {"operator": operator, "bot": bot}
        case "weight":
            arguments = {"operator": operator, "bot": bot, "weight": rolls.choice((0, 1, 3))}
        case "strategy":
            arguments = {"bot": bot, "strategy": rolls.choice(("exact", "exact", "random"))}
        case "sticky":
            arguments = {"bot": bot, "days": rolls.choice((0, 30)), "mode": rolls.choice(("charged", "apart"))}
        case "priority":
            arguments = {"bot": bot, "minutes": rolls.choice((0, 0, 1, 30))}
        case "keywords":
            arguments = {"bot": bot, "rules": rolls.choice(((), KEYWORDS[:1], KEYWORDS[1:], KEYWORDS))}
        case "catch_up":
            arguments = {"bot": bot, "most": rolls.choice((0, 1, 3))}
        case "ramp":
            arguments = {"bot": bot, "ramp": rolls.choice((1, 1, 2, None))}
        case "vip":
            arguments = {"which": which, "minutes": rolls.choice((0, 1, 60))}
        case "offers":
            arguments = {"bot": bot, "seconds": rolls.choice((0, 20, 300)), "misses": rolls.choice((0, 1, 3))}
            arguments |= {"rounds": rolls.choice((1, 2, 3)), "duty": rolls.choice((None, operator))}
        case "handover":
            arguments = {
                "bot": bot,
                "mode": rolls.choice(("keep", "hand_over", "hold")),
                "minutes": rolls.choice((0, 1, 30)),
            }
        case "hours":
            arguments = {"operator": operator, "typed": rolls.choice((*HOURS, None))}
        case "opening":
            arguments = {"bot": bot, "typed": rolls.choice((*HOURS, None, None))}
        case "targets":
            arguments = {"bot": bot, "first": rolls.choice((1, 5, 60, None))}
        case "limit":
            arguments = {"operator": operator, "limit": rolls.choice((0, 1, 2, 3))}
        case "limit_here":
            arguments = {"operator": operator, "bot": bot, "limit": rolls.choice((1, 2, None))}
        case "skills":
            required = rolls.choice(({}, {}, {"german": None}, {"german": 1, "vip": None}, {"german": 1}))
            tags = rolls.choice(((), ("german",), ("german", "vip")))
            arguments = {"operator": operator, "bot": bot, "tags": tags, "required": required}
        case "rate":
            arguments = {"operator": operator, "rate": rolls.choice((1, 2, 4, None))}
        case "ceiling":
            arguments = {"operator": operator, "ceiling": rolls.choice((1, 2, 4, None))}
        case "waiting":
            arguments = {"bot": bot, "waiting_load": rolls.choice((0, 30, 50, 100))}
        case "activity":
            arguments = {"operator": operator, "is_active": rolls.random() < 0.6}
        case "source":
            arguments = {"bot": bot, "is_active": rolls.random() < 0.7}
        case "move":
            arguments = {"bot": bot, "which": which}
        case "give":
            arguments = {"operator": operator, "which": which}
        case "register":
            arguments = {"number": client, "bot": bot}
        case "crash" | "power_cut":
            arguments = {"callbacks": rolls.choice((0, 1, 2, 3, 5, 8, 13, 30))}
        case "fault":
            method = rolls.choice(METHODS)
            arguments = {"fault": rolls.choice(FAULTS), "method": method, "times": rolls.choice((1, 1, 2, 4))}
        case "late":
            arguments = {
                "delay": rolls.choice(LATE),
                "method": rolls.choice(METHODS),
                "times": rolls.choice((1, 1, 2, 4)),
            }
        case "odd":
            code, body = rolls.choice(ODD)
            arguments = {"code": code, "body": body, "is_applied": rolls.random() < 0.6}
            arguments |= {"method": rolls.choice(METHODS), "times": rolls.choice((1, 1, 2, 4))}
        case "flood":
            arguments = {"seconds": rolls.choice((1, 17, 17, 3600, None, 0.5)), "times": rolls.choice((1, 1, 4))}
        case "outage":
            arguments = {"seconds": rolls.choice((2.0, 40.0))}
        case "trouble":
            methods = rolls.choice((None, None, SENDING, ("getUpdates",)))
            arguments = {"fault": rolls.choice(FAULTS), "methods": methods, "seconds": rolls.choice((2.0, 40.0, 90.0))}
        case "flood_of_words":
            arguments = {"client": client, "bot": bot, "times": rolls.choice((8, 25))}
        case "disk":
            arguments = {"statements": rolls.randrange(1, 30), "ends_all": rolls.random() < 0.4}
        case "clock":
            arguments = {"seconds": rolls.choice((-3600, -5, 3600, 86_400))}
        case "wait":
            arguments = {"seconds": rolls.choice((1.0, 5.0, 31.0))}
    return Step(after, what, arguments)
