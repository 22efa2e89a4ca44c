"""The bots of this installation, by Telegram's id: their state, sessions and gates."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, ScalarSelect, Table, TextClause, bindparam, func, select, update
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM
from crm_core.messaging import inbox, outbox
from crm_core.messaging.alerts import notify_admins
from crm_core.routing import new_sources
from crm_core.storage.execute import dialect_insert, execute, execute_count
from crm_core.storage.prepared import Prepared, prepared_upsert
from crm_core.storage.purging import BATCH, delete_batch
from crm_core.storage.tables import Bot, Gate, InboxRow, MethodGate, OutboxRow

RUNNING, REFUSED, CONFLICT, NO_WEBHOOK, AWAY = "running", "refused", "conflict", "no_webhook", "away"
TROUBLES = (REFUSED, CONFLICT, NO_WEBHOOK)  # of which admins are told, and when they are over

KEPT_BY_TELEGRAM = timedelta(hours=24)  # https://core.telegram.org/bots/api#getting-updates

_bot, _gate, _method_gate = Bot.__table__, Gate.__table__, MethodGate.__table__


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a bot is, as Telegram said."""

    username: str
    name: str


def identity(s: Session, *, bot_id: int) -> Identity | None:
    """Who a bot was when it last began a session; None if it never has."""
    row = execute(s, select(_bot.c.username, _bot.c.name).where(_bot.c.id == bot_id)).one_or_none()
    return None if row is None else Identity(*row)


def start(s: Session, *, bot_id: int, username: str, name: str, position: int, now: datetime) -> int:
    """Begins a session of a bot whose token Telegram accepts: it is stored, has its source, and is fenced.

    What an earlier token could not send is due at once. Admins who were told that it was refused are told that this is
    over.

    Returns the session's fencing token; earlier sessions can no longer claim or settle anything.
    """
    was = execute(s, _STATE, {"of_bot": bot_id}).scalar_one_or_none()
    shown = {"username": username, "name": name, "position": position, "state": RUNNING}
    execute(s, _STORE, {"of_bot": bot_id, **shown})
    if was == REFUSED:
        notify_admins(s, cause=f"refused_over:{bot_id}", code="refused_over", now=now, bot=username)
    new_sources.ensure_main(s, bot_id=bot_id, username=username, actor=SYSTEM, now=now)
    fencing_token: int = execute(s, _FENCE, {"of_bot": bot_id}).scalar_one()
    outbox.release_refused(s, bot_id=bot_id)
    return fencing_token


_STATE = Prepared(select(_bot.c.state).where(_bot.c.id == bindparam("of_bot")))
_SHOWN = ("username", "name", "position", "state")
_STORE = prepared_upsert(
    _bot,
    lambda fresh: fresh.values(
        id=bindparam("of_bot"), fence=0, **{name: bindparam(name) for name in _SHOWN}
    ).on_conflict_do_update(index_elements=["id"], set_={name: fresh.excluded[name] for name in _SHOWN}),
)
_FENCE = Prepared(
    update(_bot).where(_bot.c.id == bindparam("of_bot")).values(fence=_bot.c.fence + 1).returning(_bot.c.fence)
)


def set_state(s: Session, *, bot_id: int, state: str, now: datetime) -> None:
    """Stores a bot's state.

    Admins are notified when its token or its webhook is refused, when another program polls it, and when that is over.
    """
    before = execute(s, select(_bot.c.state, _bot.c.username).where(_bot.c.id == bot_id)).one()
    is_news = execute_count(s, update(_bot).where(_bot.c.id == bot_id, _bot.c.state != state).values(state=state)) == 1
    if is_news and state in TROUBLES:
        notify_admins(s, cause=f"{state}:{bot_id}", code=f"bot_{state}", now=now, bot=before.username)
    elif is_news and state == RUNNING and before.state in TROUBLES:
        over = f"{before.state}_over"
        notify_admins(s, cause=f"{over}:{bot_id}", code=over, now=now, bot=before.username)


def in_state(s: Session, *, state: str) -> list[str]:
    """The usernames of the bots that are in a state, as far as their own process has noticed."""
    rows = execute(s, select(_bot.c.username).where(_bot.c.state == state).order_by(_bot.c.position))
    return list(rows.scalars())


def running(s: Session) -> dict[int, str]:
    """The usernames of the bots that run, by id, in the order of the settings."""
    found = execute(s, select(_bot.c.id, _bot.c.username).where(_bot.c.state == RUNNING).order_by(_bot.c.position))
    return {row.id: row.username for row in found}


def refuse(s: Session, *, bot_id: int, now: datetime) -> None:
    """Stores that a token was refused at the start; a bot that has never run has no row, and nothing is stored."""
    if execute(s, select(_bot.c.id).where(_bot.c.id == bot_id)).first() is not None:
        set_state(s, bot_id=bot_id, state=REFUSED, now=now)


def note_received(s: Session, *, bot_id: int, now: datetime) -> None:
    """Stores that a bot has just received everything that waited for it at Telegram.

    If the last time was longer ago than Telegram keeps messages, admins are notified that some may be lost: only people
    can find out which.
    """
    before = execute(s, _HEARD, {"of_bot": bot_id}).one_or_none()
    execute(s, _HEAR, {"of_bot": bot_id, "at": now})
    if before is not None and before.heard_at is not None and now - before.heard_at > KEPT_BY_TELEGRAM:
        hours = (now - before.heard_at) // timedelta(hours=1)
        notify_admins(
            s, cause=f"deaf:{bot_id}", code="updates_lost", now=now, bot_id=bot_id, bot=before.username, hours=hours
        )


_HEARD = Prepared(select(_bot.c.heard_at, _bot.c.username).where(_bot.c.id == bindparam("of_bot")))
_HEAR = Prepared(update(_bot).where(_bot.c.id == bindparam("of_bot")).values(heard_at=bindparam("at")))


def shut_chat(s: Session, *, bot_id: int, chat_id: int, until: datetime) -> None:
    """Shuts a chat's gate (flood wait): nothing is sent to it before `until`, even after a restart."""
    statement = dialect_insert(s, _gate).values(bot_id=bot_id, chat_id=chat_id, not_before=until)
    execute(s, statement.on_conflict_do_update(index_elements=["bot_id", "chat_id"], set_={"not_before": until}))


def shut_method(s: Session, *, bot_id: int, method: str, until: datetime) -> None:
    """Shuts the gate of a method that concerns no chat (flood wait): it is not called before `until`."""
    statement = dialect_insert(s, _method_gate).values(bot_id=bot_id, method=method, not_before=until)
    execute(s, statement.on_conflict_do_update(index_elements=["bot_id", "method"], set_={"not_before": until}))


def shut_bot(s: Session, *, bot_id: int, until: datetime) -> None:
    """Shuts a bot's gate (flood waits in several chats at once): it sends nothing before `until`."""
    execute(s, update(_bot).where(_bot.c.id == bot_id).values(not_before=until))


@dataclass(frozen=True, slots=True)
class Gates:
    """Until when Telegram must not be used.

    Attributes:
        bot: not at all; None if its gate is open.
        chats: by chat, to send to.
        methods: by name, to call, of those that concern no chat.
    """

    bot: datetime | None
    chats: dict[int, datetime]
    methods: dict[str, datetime]


def gates(s: Session, *, bot_id: int, now: datetime) -> Gates:
    """The gates of a bot that are shut."""
    own = execute(s, select(_bot.c.not_before).where(_bot.c.id == bot_id, _bot.c.not_before > now)).scalar_one_or_none()
    chats, methods = (
        execute(s, select(key, table.c.not_before).where(table.c.bot_id == bot_id, table.c.not_before > now))
        for table, key in ((_gate, _gate.c.chat_id), (_method_gate, _method_gate.c.method))
    )
    return Gates(own, {row[0]: row[1] for row in chats}, {row[0]: row[1] for row in methods})


@dataclass(frozen=True, slots=True)
class Workload:
    """Pending work of one bot: unfinished updates, unsent rows, and since when the oldest of each waits."""

    bot_id: int
    username: str
    updates: int
    oldest_update: datetime | None
    unsent: int
    oldest_unsent: datetime | None


def _waiting(
    table: Table, condition: TextClause, since: str, *late: ColumnElement[bool]
) -> tuple[ScalarSelect[int], ScalarSelect[datetime]]:
    """How many rows of a bot wait, and since when the oldest; through an index of unfinished rows only.

    Args:
        late: which of them say by their age that something is wrong.
    """
    mine = select(func.count()).where(table.c.bot_id == _bot.c.id, condition)
    oldest = mine.where(*late).with_only_columns(table.c[since]).order_by(table.c.id).limit(1)
    return mine.scalar_subquery(), oldest.scalar_subquery()


_WORKLOADS = select(
    _bot.c.id,
    _bot.c.username,
    *_waiting(InboxRow.__table__, inbox.WAITS, "received_at"),
    # What a team's forum shows may be late: its group takes 20 messages a minute, and nobody waits for it.
    *_waiting(OutboxRow.__table__, outbox.UNSETTLED, "created_at", OutboxRow.kind != outbox.FORUM),
).order_by(_bot.c.position, _bot.c.id)


def workloads(s: Session) -> list[Workload]:
    """The pending work of every bot that has ever run."""
    return [Workload(*row) for row in execute(s, _WORKLOADS)]


def purge_gates(s: Session, *, now: datetime, keep: timedelta = timedelta(days=1), at_most: int = BATCH) -> int:
    """Deletes flood waits of chats and methods that were over so long ago. Returns the greater number."""
    return max(delete_batch(s, gate, gate.c.not_before < now - keep, at_most=at_most) for gate in (_gate, _method_gate))
