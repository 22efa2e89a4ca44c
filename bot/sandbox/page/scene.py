"""What the page shows: telephones in a world, and panels and switches that a program adds."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from bot.sandbox.people.control_client import ControlClient
from bot.sandbox.people.people import BotHandle

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Phone:
    """A telephone with one chat open.

    Attributes:
        key: its name in addresses.
        person: whose it is, by Telegram id.
        name: of that person.
        role: what this person is here, for the caption above the telephone.
    """

    key: str
    person: int
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Switch:
    """Something that a press on the page does to the world.

    Attributes:
        key: its name in addresses.
        label, hint: what stands on the button, and what it does in a sentence.
        act: does it. Returns what to say about it, if anything.
        is_on: whether it is in effect, for one that stays; None for one that only happens.
    """

    key: str
    label: str
    hint: str
    act: Callable[[], Awaitable[str | None]]
    is_on: Callable[[], bool] | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the guided tour.

    Attributes:
        text: what to do.
        is_done: whether that has been done.
        act: does it, for whoever only looks on.
    """

    text: str
    is_done: Callable[[], Awaitable[bool]]
    act: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Panel:
    """A pane beside the telephones.

    Attributes:
        key, title: its name in addresses, and for people.
        rows: reads what it shows now.
    """

    key: str
    title: str
    rows: Callable[[], Awaitable[Sequence["Row"]]]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a panel.

    Attributes:
        tone: "good", "bad", "waiting" or "" for neither.
        share: a bar below the line, from 0 to 1; None for none.
    """

    label: str
    value: str
    tone: str = ""
    share: float | None = None


@dataclass(slots=True)
class Scene:
    """A world with its telephones; a new start makes another scene.

    Attributes:
        control: how to reach the world.
        bot: whose chats are open on all telephones.
        language: "en" or "ru".
        zone: the time zone of the telephones.
    """

    control: ControlClient
    bot: BotHandle
    phones: Sequence[Phone]
    language: str
    zone: ZoneInfo
    panels: Sequence[Panel] = ()
    switches: Sequence[Switch] = ()
    steps: Sequence[Step] = ()

    def phone(self, key: str) -> Phone | None:
        """The telephone of that name; None if there is none."""
        return next((one for one in self.phones if one.key == key), None)
