"""docs/access.md says who may do what; each of its cells is tried, and nothing that can be called is missing there."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fastapi import FastAPI
from sqlalchemy.orm import Session

from bot.random_codes import new_key
from bot.receiving.webhook import webhook_routes
from crm_core import statistics
from crm_core.access.actors import SYSTEM, Actor, for_admin, telegram
from crm_core.api import guard
from crm_core.api.app import PREFIX, create_app
from crm_core.api.limits import KEY_RATE
from crm_core.contacts import (
    cards,
    decline_reasons,
    giving_back,
    handing_on,
    lifecycle,
    offering,
    reopening,
    snoozing,
    transfer,
    vip,
)
from crm_core.conversation import (
    edits,
    forum_steps,
    forums,
    operator_messages,
    overviews,
    prompts,
    sending_to_client,
    topics,
)
from crm_core.conversation.history import history
from crm_core.conversation.prompts import Role
from crm_core.errors import ContactHeld, ContactNotFound, NotAllowed
from crm_core.exports import jobs
from crm_core.exports.kinds import Form, What
from crm_core.messaging.messages import MessageContent
from crm_core.replay import asking
from crm_core.routing import (
    explanations,
    forum_settings,
    keyword_settings,
    new_sources,
    offer_settings,
    source_settings,
    waiting_list,
    weight_settings,
)
from crm_core.routing.keywords import read_rule
from crm_core.statistics import Period
from crm_core.storage.database import Database
from crm_core.storage.execute import Savepoint
from crm_core.team import accounts, change_history, departure, invitations, operators, setting_changes, undoing
from tests.api.conftest import Calling, make_key
from tests.domain.arranging import BOT, NOW, open_office, say
from tests.support.clock import MovableClock

PAGE = (Path(__file__).parents[2] / "docs/access.md").read_text(encoding="utf-8")
YES, NO = "yes", "–"
SCOPES = ("form", "read", "write", "admin")


def table(heading: str) -> tuple[list[str], dict[str, list[str]]]:
    """The table below a heading: its columns, and its rows by their first cells."""
    chapter = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    first, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in chapter.splitlines() if line.startswith("|")
    ]
    return first, {row[0].strip("`") if len(first) == 6 else f"{row[0]} {row[1]}": row for row in rows}


# --- keys -------------------------------------------------------------------------------------------------------------

COLUMNS, ROUTES = table("Keys of the HTTP API")


@pytest.fixture
def app(db: Database, clock: MovableClock) -> FastAPI:
    """The API with the webhook beside it, as `run` serves them."""
    webhook = webhook_routes(db=db, worker=None, bots=[BOT], secret="s" * 20, clock=clock)  # type: ignore[arg-type]
    return create_app(db=db, clock=clock, rng=random.random, new_key=new_key, own_routes=webhook)


def routes(app: FastAPI) -> set[str]:
    """Every route of an application by method and path, without the prefix that stands for both addresses."""
    found = set()
    for route in app.routes:
        path: str = route.path.removeprefix(PREFIX)  # type: ignore[attr-defined]
        found |= {f"{method} {path}" for method in route.methods if method != "HEAD"}  # type: ignore[attr-defined]
    return found


def test_table_of_keys_names_every_route(app: FastAPI) -> None:
    assert ["route", "no key", *SCOPES] == COLUMNS
    assert set(ROUTES) == routes(app)
    assert {cell for row in ROUTES.values() for cell in row[1:]} == {YES, NO}


@pytest.mark.further
@pytest.mark.fault("F73")
@pytest.mark.parametrize("prefix", ["", PREFIX])
async def test_each_scope_reaches_the_routes_of_its_column_and_no_other(
    app: FastAPI, calling: Calling, db: Database, clock: MovableClock, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for rate in ("FORM_RATE", "UNKNOWN_RATE"):
        monkeypatch.setattr(guard, rate, KEY_RATE)  # so many calls at once are not what this is about
    await db.write(open_office, weights=[1], limit=1)
    texts: dict[str, str | None] = {"no key": None}
    for scope in SCOPES:
        texts[scope] = await make_key(db, clock, scope, source_id=1 if scope == "form" else None)
    at_both = {path for route in app.routes if (path := route.path).startswith(PREFIX)}  # type: ignore[attr-defined]
    found: dict[str, list[str]] = {}
    for name in ROUTES:
        method, path = name.split()
        address = re.sub(r"\{\w+\}", "999999", prefix + path if PREFIX + path in at_both else path)
        found[name] = []
        for key in texts.values():
            body = b"{}" if method in ("POST", "PATCH") else b""
            caller = calling(key, headers={"Content-Type": "application/json"})
            answer = await caller.request(method, address, content=body)
            assert answer.status_code < 500, (name, answer.text)
            assert answer.status_code != 429, (name, answer.text)
            found[name].append(NO if answer.status_code in (401, 403) else YES)
    assert found == {name: row[1:] for name, row in ROUTES.items()}


# --- people -----------------------------------------------------------------------------------------------------------

ROLES, ACTIONS = table("People in Telegram")
IVAN, KIRA, OLGA, PETER = 501, 502, 601, 602  # the client of the request, another one, two admins


@dataclass(frozen=True)
class Scene:
    """Ivan's request, which Anna holds."""

    source_id: int
    contact_id: int
    anna: int
    boris: int
    accounts: dict[str, int]


def set_up(s: Session) -> Scene:
    office = open_office(s, weights=[1, 0], limit=9)
    accounts.ensure_admins(s, telegram_ids=[OLGA, PETER], now=NOW)
    anna, boris = office.operator_ids
    contact_id = say(s, IVAN).contact_id
    say(s, KIRA)
    lifecycle.take(s, contact_id=contact_id, version=None, actor=telegram(office.account(anna)), now=NOW)
    wrote = MessageContent("text", text="Hello", bot_id=BOT, chat_id=office.account(anna), message_id=70)
    sending_to_client.send_to_client(
        s, contact_id=contact_id, content=wrote, actor=telegram(office.account(anna)), now=NOW
    )
    who = {
        "another client": KIRA,
        "its client": IVAN,
        "its operator": office.account(anna),
        "another operator": office.account(boris),
        "admin": OLGA,
    }
    return Scene(office.source_id, contact_id, anna, boris, who)


Try = Callable[[Session, Scene, Actor], object]
WHEN: dict[str, Any] = {"now": NOW, "rng": random.random}


def _writes(s: Session, scene: Scene, actor: Actor) -> None:
    prompts.access_role(s, actor, Role.CLIENT, bot_id=BOT)
    assert actor.telegram_id is not None
    if say(s, actor.telegram_id, 9).contact_id != scene.contact_id:
        raise ContactNotFound(contact=scene.contact_id)


def _takes(s: Session, scene: Scene, actor: Actor) -> None:
    contact_id = say(s, 777).contact_id  # a new one, of Anna, too
    lifecycle.take(s, contact_id=contact_id, version=None, actor=actor, now=NOW)


def _reopens(s: Session, scene: Scene, actor: Actor) -> None:
    holder = telegram(scene.accounts["its operator"])
    lifecycle.close(s, contact_id=scene.contact_id, version=None, actor=holder, **WHEN)
    reopening.reopen(s, contact_id=scene.contact_id, version=None, actor=actor, now=NOW)


def _snoozes(s: Session, scene: Scene, actor: Actor) -> None:
    which: dict[str, Any] = {"contact_id": scene.contact_id, "version": None, "actor": actor}
    until = NOW + timedelta(hours=1)
    _each(
        lambda s, scene, actor: snoozing.snooze(s, **which, until=until, **WHEN),
        lambda s, scene, actor: snoozing.wake(s, **which, now=NOW),
    )(s, scene, actor)


def _declines(s: Session, scene: Scene, actor: Actor) -> None:
    values = {"offer_seconds": 60}
    offer_settings.set_offers(s, source_id=scene.source_id, values=values, actor=SYSTEM, now=NOW)
    contact_id = say(s, 778).contact_id  # offered to Anna
    offering.decline(s, contact_id=contact_id, version=None, reason="busy", actor=actor, **WHEN)


def _edits(s: Session, scene: Scene, actor: Actor) -> None:
    edited = MessageContent("text", text="Hi", bot_id=BOT, chat_id=scene.accounts["its operator"], message_id=70)
    edits.operator_edits(s, actor=actor, content=edited, now=NOW)


def _answers(s: Session, scene: Scene, actor: Actor) -> None:
    words = MessageContent("text", text="Yes", bot_id=BOT, chat_id=actor.telegram_id, message_id=71)
    sending_to_client.send_to_client(s, contact_id=scene.contact_id, content=words, actor=actor, now=NOW)


def _orders(s: Session, scene: Scene, actor: Actor) -> None:
    jobs.ask(
        s,
        what=What.CONTACTS,
        form=Form.CSV,
        period=Period.ALL,
        since=None,
        language="en",
        bot_id=BOT,
        message_id=1,
        actor=actor,
        now=NOW,
    )


def _binds(s: Session, scene: Scene, actor: Actor) -> None:
    place: dict[str, Any] = {"bot_id": BOT, "chat_id": -100}
    about: dict[str, Any] = {"is_forum": True, "can_manage": True, "language": None}
    forum_settings.bind(s, source_id=scene.source_id, actor=actor, now=NOW, **place, **about)
    forum_settings.unbind(s, actor=actor, now=NOW, **place)


def _answers_in_a_forum(s: Session, scene: Scene, actor: Actor) -> None:
    """What anybody but the holder writes there is not refused: it goes nowhere."""
    where: dict[str, Any] = {"is_forum": True, "can_manage": True, "language": None, "bot_id": BOT, "chat_id": -100}
    forum_settings.bind(s, source_id=scene.source_id, actor=SYSTEM, now=NOW, **where)
    step = forum_steps.Step(forum_steps.Kind.OPEN, scene.source_id, forum_steps.Shown())
    forums.taken(s, step, contact_id=scene.contact_id, place=(BOT, -100), made=[4], now=NOW)
    said = MessageContent("text", text="Good morning", bot_id=BOT, chat_id=-100, message_id=5)
    if operator_messages.answer_in_topic(s, topic_id=4, content=said, actor=actor, now=NOW) is None:
        raise ContactNotFound(contact=scene.contact_id)


def _put_back(s: Session, scene: Scene, actor: Actor) -> None:
    olga = telegram(scene.accounts["admin"])
    weight_settings.set_weight(s, source_id=scene.source_id, operator_id=scene.boris, weight=5, actor=olga, **WHEN)
    made = undoing.latest(s, actor=olga)
    undoing.put_back(s, event_id=made.event_id, actor=actor, **WHEN)


def _each(*tries: Try) -> Try:
    """Several actions of one row: they must be allowed or refused alike."""

    def all_of_them(s: Session, scene: Scene, actor: Actor) -> None:
        refusals = []
        for one in tries:
            try:
                one(s, scene, actor)
            except NotAllowed as error:
                refusals.append(error)
        assert len(refusals) in (0, len(tries))
        if refusals:
            raise refusals[0]

    return all_of_them


def _makes_and_revokes_keys(s: Session, scene: Scene, actor: Actor) -> None:
    """There is no way to it in Telegram: no handler imports keys."""
    rooms = Path(__file__).parents[2] / "bot"
    used = [path for room in ("admins", "operators", "clients", "membership") for path in (rooms / room).glob("*.py")]
    if any("api_keys" in path.read_text(encoding="utf-8") for path in used):
        return
    raise NotAllowed(role="owner")


TRIES: dict[str, Try] = {
    "write to a client's request": _writes,
    "take a request": _takes,
    "close a request": lambda s, one, who: lifecycle.close(
        s, contact_id=one.contact_id, version=None, actor=who, **WHEN
    ),
    "open again a closed request": _reopens,
    "give back a request": lambda s, one, who: giving_back.give_back(
        s, contact_id=one.contact_id, version=None, note=None, actor=who, **WHEN
    ),
    "hand on a request (`/transfer`)": lambda s, one, who: handing_on.to_operator(
        s, contact_id=one.contact_id, operator_id=one.boris, actor=who, confirmed=True, **WHEN
    ),
    "snooze, wake a request": _snoozes,
    "decline an offered request": _declines,
    "answer the client of a request": _answers,
    "edit an answer in a request": _edits,
    "show the card of a request, also by a link (`?start=c_15`)": _each(
        lambda s, one, who: cards.show(s, contact_id=one.contact_id, bot_id=BOT, actor=who, now=NOW),
        lambda s, one, who: cards.show_linked(s, contact_id=one.contact_id, bot_id=BOT, actor=who, now=NOW),
    ),
    "read what was said in a request (`/history`)": lambda s, one, who: history(
        s, contact_id=one.contact_id, actor=who, limit=5
    ),
    "read why an operator has a request (`/why`)": lambda s, one, who: explanations.explain(
        s, contact_id=one.contact_id, actor=who
    ),
    "assign by hand a request": lambda s, one, who: transfer.assign_by_hand(
        s, contact_id=one.contact_id, operator_id=one.boris, actor=who, confirmed=True, **WHEN
    ),
    "see the queue": lambda s, one, who: for_admin(s, actor=who, query=waiting_list.waiting, inputs={}),
    "give a head start to the client of a request (`/vip`)": lambda s, one, who: vip.mark(
        s, contact_id=one.contact_id, minutes=60, actor=who, now=NOW
    ),
    "see and change keyword rules (`/keywords`)": lambda s, one, who: keyword_settings.add_rule(
        s, source_id=None, rule=read_rule("refund: +60"), actor=who, now=NOW
    ),
    "see statistics": lambda s, one, who: for_admin(s, actor=who, query=statistics.overview, inputs={"since": None}),
    "replay past days under other settings (`/replay`)": lambda s, one, who: asking.read(
        s, wish=asking.Wish("today"), actor=who, now=NOW, zone="UTC"
    ),
    "undo one's own last change of a setting (`/undo`)": _put_back,
    "see who set what of a source or an operator (**🕓 Changes**)": _each(
        lambda s, one, who: change_history.of_source(s, source_id=one.source_id, at_most=8, actor=who),
        lambda s, one, who: change_history.of_operator(s, operator_id=one.boris, at_most=8, actor=who),
        lambda s, one, who: setting_changes.of_source(s, source_id=one.source_id, skip=0, limit=8, actor=who),
        lambda s, one, who: setting_changes.of_operator(s, operator_id=one.boris, skip=0, limit=8, actor=who),
    ),
    "order an export": _orders,
    "go online, offline oneself": lambda s, one, who: operators.set_online(s, is_online=False, actor=who, **WHEN),
    "list one's own open requests (`/my`, and its pages)": _each(
        lambda s, one, who: overviews.bring(s, bot_id=BOT, actor=who, now=NOW, zone=ZoneInfo("UTC")),
        lambda s, one, who: overviews.turn(
            s, page=0, bot_id=BOT, message_id=1, actor=who, now=NOW, zone=ZoneInfo("UTC")
        ),
    ),
    "switch off, on one's own pinned overview (`/overview`)": lambda s, one, who: overviews.toggle(
        s, bot_id=BOT, actor=who, now=NOW, zone=ZoneInfo("UTC")
    ),
    "make a group the forum of a source, or no longer (`/forum`)": _binds,
    "answer in a forum the client of a request": _answers_in_a_forum,
    "switch on, off a topic for each of one's own requests (`/topics`)": lambda s, one, who: topics.toggle(
        s, bot_has_topics=True, actor=who
    ),
    "add, change, remove operators": _each(
        lambda s, one, who: operators.add(s, name="Maria", actor=who, now=NOW),
        lambda s, one, who: operators.rename(s, operator_id=one.boris, name="Boris II", actor=who, now=NOW),
        lambda s, one, who: operators.set_limit(s, operator_id=one.boris, max_leads=3, actor=who, **WHEN),
        lambda s, one, who: operators.set_active(s, operator_id=one.boris, is_active=False, actor=who, **WHEN),
        lambda s, one, who: departure.remove(s, operator_id=one.anna, actor=who, **WHEN),
    ),
    "change reasons to decline": _each(
        lambda s, one, who: decline_reasons.add(s, text="Wrong city", may_ask_again=False, actor=who, now=NOW),
        lambda s, one, who: decline_reasons.remove(s, code="1", actor=who, now=NOW),
    ),
    "change, add sources and weights": _each(
        lambda s, one, who: new_sources.add(s, name="Our site", description="", actor=who, now=NOW),
        lambda s, one, who: source_settings.set_active(s, source_id=one.source_id, is_active=True, actor=who, **WHEN),
        lambda s, one, who: source_settings.set_strategy(
            s, source_id=one.source_id, strategy="exact", actor=who, now=NOW
        ),
        lambda s, one, who: weight_settings.set_weight(
            s, source_id=one.source_id, operator_id=one.boris, weight=5, actor=who, **WHEN
        ),
    ),
    "invite, remove admins": _each(
        lambda s, one, who: invitations.invite(s, code="c" * 24, role="admin", actor=who, now=NOW),
        lambda s, one, who: accounts.remove_admin(s, telegram_id=PETER, actor=who, now=NOW),
    ),
    "see, withdraw invitations": _each(
        lambda s, one, who: for_admin(s, actor=who, query=invitations.open_invitations, inputs={"now": NOW}),
        lambda s, one, who: invitations.withdraw(s, handle="0" * 16, actor=who, now=NOW),
    ),
    "make, revoke API keys": _makes_and_revokes_keys,
}


def test_table_of_people_names_every_action() -> None:
    assert ROLES == ["action", "on", "another client", "its client", "its operator", "another operator", "admin"]
    assert set(ACTIONS) == set(TRIES)


@pytest.mark.postgres_too
@pytest.mark.fault("F73")
async def test_each_role_may_do_what_its_column_says_and_nothing_else(db: Database) -> None:
    scene = await db.write(set_up)
    found: dict[str, list[str]] = {}

    def tries(s: Session, action: str, role: str) -> str:
        attempt = Savepoint(s)
        try:
            TRIES[action](s, scene, telegram(scene.accounts[role]))
        except (NotAllowed, ContactNotFound, ContactHeld):
            return NO
        else:
            return YES
        finally:
            attempt.rollback()

    for action in ACTIONS:
        found[action] = [await db.write(tries, action, role) for role in ROLES[2:]]
    assert found == {action: row[2:] for action, row in ACTIONS.items()}
