"""What an overview shows: a page of an operator's open requests, and what tells two of them apart. Arithmetic."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto
from hashlib import sha256
from zoneinfo import ZoneInfo

from crm_core.conversation.waiting import Talk

LINES = 10  # on a page: two rows each on a phone, so that a page is a screen


class Is(Enum):
    """What a message is that shows an overview."""

    KEPT = auto()  # it is brought up to date, and pinned
    ONCE = auto()  # an answer to /my of somebody who has switched it off
    BELOW = auto()  # another message has taken its place
    OVER = auto()  # it is kept no longer


@dataclass(frozen=True, slots=True)
class Shown:
    """What an overview shows.

    Attributes:
        bot_id: the bot in whose chat it is.
        lines: all that its operator has open, as `waiting.by_due` sorts it.
        wanted_page: the page that its operator turned to, which may be there no longer.
        can_be_saved: whether the message can be forwarded and saved, so that it must not have words that may not be:
            how it was sent cannot be changed by an edit.
    """

    bot_id: int
    lines: tuple[Talk, ...] = ()
    wanted_page: int = 0
    state: Is = Is.KEPT
    can_be_saved: bool = False

    def once(self) -> "Shown":
        """The same as an answer that is not kept up to date."""
        return replace(self, state=Is.ONCE)

    @property
    def is_protected(self) -> bool:
        """Whether it must be sent so that it can be neither forwarded nor saved."""
        return any(one.protect_content for one in self.lines)

    def has_words_of(self, talk: Talk) -> bool:
        """Whether what its client said stands in its line."""
        return not (self.can_be_saved and talk.protect_content)

    @property
    def page(self) -> int:
        """The page that is shown: the last one if the wanted one is there no longer."""
        return max(0, min(self.wanted_page, self.pages - 1))

    @property
    def pages(self) -> int:
        """How many there are, at least one."""
        return max(1, -(-len(self.lines) // LINES))

    @property
    def on_page(self) -> tuple[Talk, ...]:
        """The lines that are shown."""
        return self.lines[self.page * LINES : (self.page + 1) * LINES]

    @property
    def waiting(self) -> int:
        """How many clients wait for an answer."""
        return sum(one.waits_since is not None for one in self.lines)

    @property
    def asleep(self) -> int:
        """How many are snoozed."""
        return sum(one.wakes_at is not None for one in self.lines)

    def overdue(self, now: datetime) -> int:
        """How many of those that wait should have been answered by now."""
        return sum(one.is_overdue(now) for one in self.lines)

    def digest(self, *, now: datetime, zone: ZoneInfo) -> str:
        """Tells apart what is shown; no two overviews that look different have the same.

        A clock time has no seconds. It has its date unless that is today, and its year unless that is this one: so the
        day counts, too.
        """
        counts = (len(self.lines), self.waiting, self.asleep, self.overdue(now), self.page, self.pages)
        said = [self.state.name, str(counts), *(self._said(one, now, zone) for one in self.on_page)]
        return sha256("\n".join(said).encode()).hexdigest()

    def _said(self, talk: Talk, now: datetime, zone: ZoneInfo) -> str:
        instants = (talk.wakes_at, talk.due_at, talk.waits_since, talk.answered_at, talk.held_since)
        shown = next(at for at in instants if at is not None)
        words = (talk.kind, talk.text) if self.has_words_of(talk) else None
        how = (talk.is_new, talk.is_own_answer, talk.is_overdue(now), instants.index(shown), _clock(shown, now, zone))
        return repr((talk.contact_id, talk.lead_name, talk.bot, words, *how))


def _clock(at: datetime, now: datetime, zone: ZoneInfo) -> str:
    local, today = at.astimezone(zone), now.astimezone(zone).date()
    return f"{local:%Y-%m-%d %H:%M} {local.date() == today} {local.year == today.year}"
