"""Prepared statements go past SQLAlchemy, and rest on private parts of it: what an upgrade could break.

`test_sqlalchemy_has_what_prepared_statements_rely_on` names the part that is missing. `test_prepared_statements_do_…`
executes each statement both ways and compares: it notices a part that is still there and means something else.
"""

import importlib
import pkgutil
import random
from collections.abc import Callable, Iterator
from copy import copy
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import (
    JSON,
    Boolean,
    Connection,
    Dialect,
    Insert,
    Integer,
    String,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.exc import IntegrityError, MultipleResultsFound, NoResultFound
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler

import crm_core
from crm_core import preferences
from crm_core.access.actors import SYSTEM
from crm_core.conversation import topics
from crm_core.messaging import inbox, outbox, outbox_attempts, receivers
from crm_core.messaging.inbox import Update
from crm_core.messaging.receivers import ReceiverEntry
from crm_core.preferences import Preference
from crm_core.storage.database import Database
from crm_core.storage.execute import CONNECTION, execute, execute_count
from crm_core.storage.prepared import Prepared, PreparedForIds, prepared_insert
from crm_core.storage.tables import (
    Chat,
    Contact,
    Event,
    ForumLine,
    Given,
    Invitation,
    Lead,
    Operator,
    OutboxRow,
    Overview,
    Posted,
    Prompt,
    ShownMenu,
    Source,
    Staff,
    StaffChat,
)
from crm_core.storage.types import Instant
from tests.domain.arranging import BOT, NOW, Office, hire, open_office, say

PROGRAMS = ("crm_core.backups.__main__", "crm_core.exports.__main__", "crm_core.pictures.__main__")
CLIENT = 1  # a Telegram account, so a chat too


# --- what SQLAlchemy must have ----------------------------------------------------------------------------------------


def compiled(statement: Any, *keys: str, dialect: Dialect | None = None) -> Any:
    found = statement.compile(dialect=dialect or sqlite_dialect(), column_keys=list(keys) or None)
    assert isinstance(found, SQLCompiler)
    return found


RELIED_ON: dict[str, Callable[[], object]] = {
    "SQLCompiler._bind_processors: how values are converted, by parameter name": lambda: compiled(
        select(Event.id).where(Event.at > bindparam("moment"))
    )._bind_processors["moment"](NOW),
    "SQLCompiler._result_columns: name of each column of the result": lambda: (
        [one.keyname for one in compiled(select(Event.id, Event.at))._result_columns] == ["id", "at"]
    ),
    "SQLCompiler._result_columns: type of each column of the result": lambda: isinstance(
        compiled(select(Event.at))._result_columns[0].type, Instant
    ),
    "TypeEngine.dialect_impl().result_processor(): how results are converted": lambda: (
        Instant().dialect_impl(sqlite_dialect()).result_processor(sqlite_dialect(), None)(1_000)  # type: ignore[misc]
    ),
    "TypeEngine.dialect_impl().literal_processor(): how constants are written out": lambda: (
        String().dialect_impl(sqlite_dialect()).literal_processor(sqlite_dialect())("x") == "'x'"  # type: ignore[misc]
    ),
    "SQLCompiler.positiontup: parameter names in the order of the text": lambda: (
        compiled(select(Event.id).where(Event.id == bindparam("b"), Event.kind == bindparam("a"))).positiontup
        == ["b", "a"]
    ),
    "SQLCompiler.insert_prefetch: columns whose default Python fills in": lambda: (
        {one.key for one in compiled(insert(Lead.__table__), "email").insert_prefetch} == set()
        and {one.key for one in compiled(insert(Posted.__table__), "bot_id", "chat_id", "message_id").insert_prefetch}
        == {"is_card"}
    ),
    "Column.default.arg: the value of such a default": lambda: Posted.__table__.c.is_card.default.arg is False,  # type: ignore[union-attr]
}


@pytest.mark.parametrize("part", RELIED_ON)
def test_sqlalchemy_has_what_prepared_statements_rely_on(part: str) -> None:
    try:
        is_there = RELIED_ON[part]()
    except (AttributeError, KeyError, TypeError) as error:
        pytest.fail(f"crm_core/storage/prepared.py relies on {part}; SQLAlchemy has changed it: {error!r}")
    assert is_there, f"crm_core/storage/prepared.py relies on {part}; SQLAlchemy has changed what it means"


# --- every statement both ways ----------------------------------------------------------------------------------------


def statements() -> Iterator[tuple[str, Prepared | PreparedForIds]]:
    """Every prepared statement at the top of a module of `crm_core`, with its name."""
    for module in pkgutil.walk_packages(crm_core.__path__, "crm_core."):
        if module.name in PROGRAMS or "migrations" in module.name:
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, Prepared | PreparedForIds):
                yield f"{module.name.removeprefix('crm_core.')}.{name}", value


PREPARED = dict(statements())
OF_POSTGRESQL = {"storage.locks._LOCK"}  # SQLite, where one writes at a time, has no locks


def arrange(s: Session) -> None:
    """A small shop in full swing: each table that prepared statements look into has rows 1, 2, 3, …

    Nothing is left to chance: whom the operators get decides which statements find something.
    """
    rng = random.Random(1).random
    office = open_office(s, weights=[1, 1], limit=9)
    for number in range(1, 7):
        say(s, number, rng=rng)
    say(s, CLIENT, 2, rng=rng)
    say(s, office.account(3), rng=rng)
    hire(s, office, "Client before", weight=0, limit=1)  # operator 3, with a request of their own
    execute(s, update(Contact.__table__).where(Contact.id == 6).values(status="closed", closed_at=NOW, lead_id=1))
    execute(s, update(Contact.__table__).where(Contact.id == 5).values(status="new", operator_id=None))
    execute(s, update(Operator.__table__).values(reach_version=1))
    execute(s, update(Operator.__table__).where(Operator.id == 2).values(on_leave=True))
    _make_due(s)
    topics.note(s, [((1, BOT, CLIENT), topics.ShownTopic(1, "x"))])
    execute(s, update(Source.__table__).values(forum_chat_id=-1, forum_bot_id=BOT))
    line = {"message_ref": 1, "chat_id": -1, "contact_id": 1, "posted_id": 1, "shape": "words", "is_stale": False}
    execute(s, insert(ForumLine.__table__), line)
    posted = {"bot_id": BOT, "contact_id": 1, "is_card": True}
    for chat in (CLIENT, office.account(office.operator_ids[0])):
        execute(s, insert(Posted.__table__), {**posted, "chat_id": chat, "message_id": 1, "message_ref": 1})
    execute(s, insert(Overview.__table__), {"chat_id": CLIENT, "bot_id": BOT, "digest": "", "is_off": False})
    execute(s, update(Chat.__table__).values(source_id=1))
    updates = [Update(number, "1", {"update_id": number}) for number in (1, 2, 3)]
    inbox.store(s, bot_id=BOT, updates=updates, now=NOW)
    oldest = list(execute(s, select(OutboxRow.id).order_by(OutboxRow.id).limit(2)).scalars())  # PostgreSQL leaves gaps
    assert sorted(row.id for row in outbox_attempts.claim(s, ids=oldest, fencing_token=1)) == oldest
    lost = {"kind": outbox.CARD_EDIT, "bot_id": BOT, "chat_id": CLIENT, "contact_id": 1, "state": "dead"}
    lost |= {"payload": {}, "attempts": 1, "ambiguous": 0, "created_at": NOW}
    execute(s, insert(OutboxRow.__table__), lost)
    refused = {**lost, "state": "pending", "outcome": outbox.TOKEN_REFUSED, "not_before": NOW}
    execute(s, insert(OutboxRow.__table__), refused)
    receivers.start(s, receiver="x")
    receivers.add(s, [ReceiverEntry("x", 1, "x", payload={"a": 1})], now=NOW)
    preferences.set(s, Preference("x", int, default=0), 1, version=0, actor=SYSTEM, now=NOW)
    _make_staff(s, office)


def _make_staff(s: Session, office: Office) -> None:
    """An admin who is asked something, an operator whom the bot knows as its client alone, and an unused invitation."""
    first, second = (office.account(one) for one in office.operator_ids)
    execute(s, update(Staff.__table__).where(Staff.telegram_id == first).values(is_admin=True))
    execute(s, delete(StaffChat.__table__).where(StaffChat.telegram_id == second))
    execute(s, insert(Chat.__table__), {"bot_id": BOT, "chat_id": second, "lead_id": 1, "is_blocked": False})
    unused = {"digest": "x", "role": "admin", "created_at": NOW, "expires_at": NOW + timedelta(days=1)}
    execute(s, insert(Invitation.__table__), unused)
    execute(s, update(Operator.__table__).values(missed_offers=1))
    execute(s, insert(ShownMenu.__table__), {"bot_id": BOT, "chat_id": first, "language": "", "digest": "x"})
    asked = {"role": "admin", "person_id": first, "question": "x", "data": {}, "created_at": NOW}
    execute(s, insert(Prompt.__table__), {"bot_id": BOT, "chat_id": first, **asked})


def _make_due(s: Session) -> None:
    """There is something to do for each periodic job that gives out requests."""
    contacts, due = update(Contact.__table__), {"away_since": NOW, "shift_changes_at": NOW}
    execute(s, contacts.where(Contact.id == 3).values(wakes_at=NOW))
    execute(s, contacts.where(Contact.id == 1).values(offered_at=NOW, operator_id=1))
    execute(s, contacts.where(Contact.id == 4).values(offered_at=NOW, offer_ends_at=None))
    execute(s, contacts.where(Contact.id == 5).values(drops_at=NOW))
    execute(s, contacts.where(Contact.id == 7).values(offered_at=NOW, offer_ends_at=NOW))
    execute(s, update(Operator.__table__).values(due))
    execute(s, update(Source.__table__).values(opening_changes_at=NOW))
    execute(s, insert(Given.__table__), {"operator_id": 1, "contact_id": 1, "at": NOW, "had_waited": True})


# What a parameter must be to find something in the shop; the others get a value of their type.
BOTS, CHATS = dict.fromkeys(("bot_id", "of_bot"), BOT), dict.fromkeys(("chat_id", "of_chat"), CLIENT)
FOUND = {**BOTS, **CHATS, "telegram_id": 10_001, "external_id": "tg:1", "kind": "text", "to_status": "closed"}
FOUND |= {"since": NOW - timedelta(days=1), "ids": [1, 2]}
FOUND |= {"conversation": "1", "who": 10_001, "account": 10_001, "by": BOT, "besides": 0, "to_operator": 2}
# What the columns of a new row must be to break no rule.
NEW = {"bot_id": BOT, "chat_id": 99, "message_id": 99, "external_id": "tg:99", "email": "x@y.z", "status": "closed"}
NEW |= {"telegram_id": 10_002, "operator_id": 3, "digest": "y"}
IDS = [*range(1, 200), 10_001]  # of rows of every table, and an account


def value_of(kind: Any) -> Any:
    match kind:
        case Instant():
            return NOW
        case Boolean():
            return False
        case Integer():
            return 1
        case JSON():
            return {"ключ": [1, None]}
        case String():
            return "x"
        case _:
            return 1


def parameters(statement: Any) -> dict[str, Any]:
    """A value for each parameter of a statement; for an INSERT of whole rows, for each column but the number."""
    if isinstance(statement, Insert) and not statement._values:
        columns = (one for one in statement.table.c if one.key not in ("id", "endpoint_id", "receiver"))
        return {one.key: NEW.get(one.key, value_of(one.type)) for one in columns}
    binds = compiled(statement).binds
    return {name: FOUND.get(name, value_of(bind.type)) for name, bind in binds.items() if bind.required}


def in_savepoint(connection: Connection, execute_it: Callable[[], Any]) -> Any:
    """What executing finds, or the error; its changes are undone."""
    connection.exec_driver_sql("SAVEPOINT canary")
    try:
        return execute_it()
    except Exception as error:
        return type(error)
    finally:
        connection.exec_driver_sql("ROLLBACK TO canary")
        connection.exec_driver_sql("RELEASE canary")


def of_result(result: Any, *, has_names: bool, has_new_ids: bool) -> tuple[list[tuple[Any, ...]], list[str]]:
    """The rows of a result, and the names of their columns, but for those that SQLAlchemy has made up."""
    rows = result.all()
    names = rows[0]._fields if rows and has_names else []
    found = [tuple(type(value) for value in row) if has_new_ids else tuple(row) for row in rows]
    return found, [name for name in names if not name.startswith("_")]


def both_ways(s: Session, name: str) -> tuple[Any, Any]:
    """What a statement finds, or how many rows it changes, as prepared and through SQLAlchemy."""
    prepared = PREPARED[name]
    if isinstance(prepared, PreparedForIds):
        others = parameters(prepared.spread({"ids": IDS})[0].statement)
        ours = {key: value for key, value in others.items() if not key.startswith("id_")}
        prepared, values = prepared.spread({"ids": IDS, **ours})
    else:
        values = parameters(prepared.statement)
    # A copy: the program's own statement keeps the parameters of its first execution, which would be these.
    prepared = copy(prepared)
    prepared._plan = prepared._postgres_plan = None
    connection: Connection = s.info.get(CONNECTION) or s.connection()
    is_postgresql = connection.dialect.name == "postgresql"
    if is_postgresql:  # whose driver, once it has prepared statements of its own, drops all at a ROLLBACK TO
        connection.connection.driver_connection.prepare_threshold = None  # type: ignore[union-attr]
    plain = prepared.on_postgresql if prepared._gives_id or is_postgresql else prepared.statement
    has_names = not prepared._gives_id  # a new row's id comes from the driver alone
    # PostgreSQL gives no id twice, not even that of a row that was undone.
    shape = {"has_names": has_names, "has_new_ids": is_postgresql and isinstance(plain, Insert)}
    if isinstance(plain, Insert) and not plain._returning:
        plain = plain.inline()  # SQLAlchemy would add RETURNING by itself
    if compiled(plain, *values, dialect=connection.dialect)._result_columns:
        return (
            in_savepoint(connection, lambda: of_result(execute(s, prepared, values), **shape)),
            in_savepoint(connection, lambda: of_result(execute(s, plain, values), **shape)),
        )
    return (
        in_savepoint(connection, lambda: execute_count(s, prepared, values)),
        in_savepoint(connection, lambda: execute_count(s, plain, values)),
    )


@pytest.fixture
async def shop(db: Database) -> Database:
    await db.write(arrange)
    return db


def test_prepared_statement_collection_finds_them_all() -> None:
    assert len(PREPARED) > 40


async def test_prepared_statements_do_what_sqlalchemy_does(shop: Database) -> None:
    names = PREPARED.keys() - (OF_POSTGRESQL if shop.numbers_rise else set())
    found = {name: await shop.write(both_ways, name) for name in sorted(names)}
    assert {name: pair for name, pair in found.items() if pair[0] != pair[1]} == {}
    # Statements that find and change nothing would agree whatever they did.
    idle = [name for name, (ours, _) in found.items() if ours in (0, ([], [])) or isinstance(ours, type)]
    assert idle == []


# --- what else both have in common ------------------------------------------------------------------------------------

_ADD_SOURCE = prepared_insert(Source.__table__)
_FIND = Prepared(select(Source.name).where(Source.id <= bindparam("up_to")).order_by(Source.id))


def row(name: str) -> dict[str, Any]:
    return {"name": name, "is_active": True, "strategy": "random", "created_at": NOW}


async def test_several_rows_get_their_ids_in_the_given_order(db: Database) -> None:
    ids = await db.write(lambda s: list(execute(s, _ADD_SOURCE, [row("one"), row("two"), row("three")]).scalars()))
    assert ids == [1, 2, 3]
    assert await db.write(lambda s: list(execute(s, _FIND, {"up_to": 3}).scalars())) == ["one", "two", "three"]


async def test_driver_errors_are_sqlalchemys(db: Database) -> None:
    await db.write(lambda s: execute(s, _ADD_SOURCE, row("one")) and None)
    with pytest.raises(IntegrityError):
        await db.write(lambda s: execute(s, _ADD_SOURCE, row("one")) and None)


async def test_result_of_a_wrong_size_is_an_error(db: Database) -> None:
    await db.write(lambda s: list(execute(s, _ADD_SOURCE, [row("one"), row("two")])))

    def find(s: Session, up_to: int, look: str) -> Any:
        return getattr(execute(s, _FIND, {"up_to": up_to}), look)()

    assert await db.write(find, 0, "one_or_none") is None
    assert await db.write(find, 0, "scalar_one_or_none") is None
    assert await db.write(find, 1, "scalar_one") == "one"
    with pytest.raises(NoResultFound):
        await db.write(find, 0, "one")
    with pytest.raises(MultipleResultsFound):
        await db.write(find, 2, "one_or_none")
