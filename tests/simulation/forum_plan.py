"""Plans in which sources have forums, and operators topics: people talk there, too, and Telegram fails just there."""

from random import Random
from typing import Any

from tests.simulation.talk_plan import arguments_of

FIRST_FORUM = 20_000_000
"""From this seed on, plans are such ones."""

_KINDS = ("text", "text", "slip", "photo", "album")
_EMOJI = (("🎉", "❤", None), ("😢", "👎", None))  # by operator: so it shows whose a reaction is
CALLS = (
    "createForumTopic",
    "editForumTopic",
    "closeForumTopic",
    "reopenForumTopic",
    "sendMediaGroup",
    "sendMessage",
    "copyMessage",
    "editMessageText",
    "deleteMessage",
    None,
)
_FAULTS = (
    {"kind": "silent"},
    {"kind": "cut"},
    {"kind": "garbage"},
    {"kind": "slow", "delay": 3.0},
    {"kind": "http_500"},
    {"kind": "http_500", "applied": True},
    {"kind": "html_502", "applied": True},
    {"kind": "flood", "retry_after": 17},
    {"kind": "flood", "retry_after": 120},
)
_ALL = {
    "say": 14,
    "answer": 8,
    "revise": 8,
    "take_back": 4,
    "react": 3,
    "hand_on": 4,
    "give": 3,
    "take": 5,
    "close": 6,
    "reopen": 4,
    "snooze": 3,
    "move": 5,
    "come": 1,
    "leave": 1,
    "crash": 6,
    "stop": 1,
    "say_in_forum": 12,
    "revise_in_forum": 4,
    "take_back_in_forum": 4,
    "react_in_forum": 6,
    "bind_forum": 2,
    "end_forum": 1,
    "delete_topic": 3,
    "change_rights": 1,
    "fault_in_forum": 10,
    "upgrade_forum": 1,
    "switch_topics": 4,
    "delete_own_topic": 4,
}


def forum(rolls: Random) -> list[tuple[str, dict[str, Any]]]:
    """All that happens in a history of this kind."""
    begins: list[tuple[str, dict[str, Any]]] = [
        ("bind_forum", {"bot": 0, "group": 0}),
        *([("bind_forum", {"bot": 1, "group": rolls.choice((0, 1, 1))})] if rolls.random() < 0.7 else []),
        *(("say", {"client": number, "bot": 0, "kind": "text", "times": 1}) for number in range(2)),
    ]
    drawn = rolls.choices(list(_ALL), list(_ALL.values()), k=rolls.randrange(10, 30))
    return [*begins, *((what, _arguments(rolls, what)) for what in drawn)]


def _arguments(rolls: Random, what: str) -> dict[str, Any]:
    operator, which = rolls.randrange(2), rolls.randrange(8)
    match what:
        case "say_in_forum" | "revise_in_forum" | "take_back_in_forum":
            return {"operator": operator, "which": which, "kind": rolls.choice(_KINDS)}
        case "react_in_forum":
            return {"operator": operator, "which": which, "emoji": rolls.choice(_EMOJI[operator])}
        case "bind_forum":
            return {"bot": rolls.randrange(2), "group": rolls.randrange(2)}
        case "end_forum" | "move":
            return {"bot": rolls.randrange(2), **({"which": which} if what == "move" else {})}
        case "delete_topic":
            return {"which": which}
        case "delete_own_topic":
            return {"operator": operator, "which": which}
        case "change_rights":
            return {"group": rolls.randrange(2), "status": rolls.choice(("member", "kicked", "administrator"))}
        case "fault_in_forum":
            fault, method = rolls.choice(_FAULTS), rolls.choice(CALLS)
            return {
                "fault": fault,
                "method": method,
                "group": rolls.choice((0, 1, None)),
                "times": rolls.choice((1, 3)),
            }
        case "upgrade_forum":
            return {"group": rolls.randrange(2)}
        case "switch_topics":
            return {"operator": operator}
        case "snooze":
            return {"operator": operator, "which": which, "seconds": rolls.choice((1, 60, 900))}
    return arguments_of(rolls, what)
