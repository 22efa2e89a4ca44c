"""Plans in which people only talk and the process is only killed: then nothing excuses that a message is not as it was
left.
"""

from random import Random
from typing import Any

FIRST_TALK = 10_000_000
"""From this seed on, plans are such ones."""

_CLIENTS, _OPERATORS = 2, 2  # few, so that they meet
_TALK = {
    "say": 12,
    "answer": 12,
    "revise": 22,
    "quote": 6,
    "react": 8,
    "take_back": 6,
    "share_place": 2,
    "hand_on": 6,
    "give": 3,
    "take": 6,
    "close": 4,
    "reopen": 3,
    "crash": 8,
    "stop": 3,
    "come": 2,
    "leave": 1,
}


def of_talk(rolls: Random) -> tuple[str, dict[str, Any]]:
    """Something that people do with messages: the name of an action, and its arguments."""
    what = rolls.choice(("revise", "revise", "quote", "react", "take_back", "share_place"))
    return what, arguments_of(rolls, what)


def talk(rolls: Random) -> list[tuple[str, dict[str, Any]]]:
    """All that happens in a history of this kind."""
    begins = [("say", {"client": number, "bot": 0, "kind": "text", "times": 1}) for number in range(_CLIENTS)]
    names, weights = list(_TALK), list(_TALK.values())
    drawn = rolls.choices(names, weights, k=rolls.randrange(10, 30))
    return [*begins, *((what, arguments_of(rolls, what)) for what in drawn)]


def arguments_of(rolls: Random, what: str) -> dict[str, Any]:
    """The arguments of an action, drawn."""
    client, operator, which = rolls.randrange(_CLIENTS), rolls.randrange(_OPERATORS), rolls.randrange(8)
    is_operator = rolls.random() < 0.5
    whose = {"person": operator if is_operator else client, "is_operator": is_operator, "which": which % 3}
    match what:
        case "say":
            kind = rolls.choice(("text", "text", "photo", "album"))
            return {"client": client, "bot": 0, "kind": kind, "times": 1}
        case "revise":
            return {**whose, "how": rolls.choice(("words", "words", "bold", "photo", "move"))}
        case "quote":
            return whose
        case "react":
            return {**whose, "emoji": rolls.choice(("👍", "🔥", None))}
        case "take_back":
            return {"operator": operator, "which": which % 3}
        case "share_place":
            return {"client": client}
        case "give":
            return {"operator": operator, "which": which}
        case "close":
            return {"operator": operator, "bot": 0, "which": which, "times": 1}
        case "crash":
            return {"callbacks": rolls.choice((0, 1, 2, 3, 5, 8, 13, 30))}
        case "stop":
            return {}
        case "come" | "leave":
            return {"operator": operator, "bot": 0}
    return {"operator": operator, "bot": 0, "which": which}
