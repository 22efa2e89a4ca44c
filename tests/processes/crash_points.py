"""Moments at which a process can be made to end itself, with SIGKILL, the first time that it comes there."""

import os
import signal
from functools import wraps
from typing import Any, NoReturn

from bot.delivery import claim_on_commit
from bot.delivery.album_attempts import AlbumAttempts
from bot.delivery.attempts import Attempts
from bot.delivery.topics import Topics
from bot.receiving.polling import Poller
from crm_core.conversation import client_messages
from crm_core.messaging import outbox


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("nothing comes after SIGKILL")


def arm(point: str) -> None:
    """Prepares this process to die at a point.

    Args:
        point: `fetched` (not stored yet), `stored` (not confirmed yet, not worked on), `handling` (inside the
            transaction), `applied` (after the commit of the effect, before its requests are made), `claimed` (a copy is
            marked as being sent, no request was made), `sent` (Telegram has accepted a copy, which is not recorded).
            With the kind of a row before it, the last two are of such a row: `pin:sent`. `topic:made` is after Telegram
            has made a topic, and before the card for it.
    """
    kind, _, moment = point.rpartition(":")
    if point == "topic:made":
        _topic_made()
        return
    if moment in ("claimed", "sent"):
        _attempted(kind or outbox.TO_OPERATOR, before=moment == "claimed")
        return
    {"fetched": _fetched, "stored": _stored, "handling": _handling, "applied": _applied}[point]()


def _fetched() -> None:
    async def take_in(*_: Any) -> NoReturn:
        _die()

    Poller._take_in = take_in  # type: ignore[assignment, method-assign]


def _stored() -> None:
    original = Poller._take_in

    async def take_in(poller: Poller, updates: Any) -> NoReturn:
        await original(poller, updates)
        _die()

    Poller._take_in = take_in  # type: ignore[assignment, method-assign]


def _handling() -> None:
    original = client_messages.receive

    @wraps(original)  # whoever calls it looks at what it takes
    def client_says(*args: Any, **inputs: Any) -> NoReturn:
        original(*args, **inputs)
        _die()

    client_messages.receive = client_says


def _applied() -> None:
    def send(*_: Any) -> NoReturn:
        _die()

    claim_on_commit._send = send  # type: ignore[assignment]


def _topic_made() -> None:
    original = Topics.open

    async def dying(topics: Topics, *about: Any) -> int:
        made = await original(topics, *about)
        if made:
            _die()
        return made

    Topics.open = dying  # type: ignore[assignment, method-assign]


def _attempted(kind: str, *, before: bool) -> None:
    for attempts in (Attempts, AlbumAttempts):
        attempts.attempt = _dying(attempts.attempt, kind, before=before)  # type: ignore[method-assign]


def _dying(original: Any, kind: str, *, before: bool) -> Any:
    """An attempt to send a row, or the parts of an album, that ends the process if they are of this kind."""

    async def attempt(attempts: Any, job: Any, after: float) -> Any:
        is_meant = (job[0] if isinstance(job, list) else job).kind == kind
        if is_meant and before:
            _die()
        verdict = await original(attempts, job, after)
        if is_meant:
            _die()
        return verdict

    return attempt
