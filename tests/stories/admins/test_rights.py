"""Nobody but admins steers: not by typing, not by forged buttons, not a moment after the role was lost."""

from collections.abc import Iterator

import pytest
from aiogram import Router
from aiogram.filters import Command
from aiogram.filters.callback_data import CallbackData, CallbackQueryFilter
from sqlalchemy import update
from sqlalchemy.orm import Session

from bot.admins import router as admins
from bot.handling.queries import read_as_admin
from bot.operators.router import router as operators_router
from bot.sandbox import Person
from bot.screens.contact_buttons import TakeContact
from bot.screens.menus import commands_for
from bot.screens.source_buttons import SetOffers
from bot.texts import translator
from crm_core import statistics
from crm_core.access.actors import telegram
from crm_core.errors import NotAllowed
from crm_core.monitoring.security_log import security
from crm_core.routing import source_details, sources
from crm_core.storage.database import Database
from crm_core.storage.tables import Staff
from crm_core.team import accounts, operators
from tests.stories.arranging import UNKNOWN_PRESS
from tests.stories.steering import invites, presses, types
from tests.support.clock import MovableClock
from tests.support.people import RunningApp

NOT_ONLY_ADMINS = {"start", "help", "history", "why", "transfer"}  # commands that others have, too


def handlers(router: Router, kind: str) -> Iterator[object]:
    for inner in router.chain_tail:
        for handler in inner.observers[kind].handlers:
            yield from (one.callback for one in handler.filters or [])


def commands() -> list[str]:
    """Every command that admins have, as their routers know it."""
    found = [
        str(name) for one in handlers(admins.router, "message") if isinstance(one, Command) for name in one.commands
    ]
    return sorted(set(found) - NOT_ONLY_ADMINS)


def buttons(router: Router = admins.router) -> list[type[CallbackData]]:
    """Every kind of button that admins' routers answer, and nobody else's."""
    found = [one.callback_data for one in handlers(router, "callback_query") if isinstance(one, CallbackQueryFilter)]
    return found if router is not admins.router else [one for one in found if one not in buttons(operators_router)]


EXAMPLES = {
    "period": "all", "is_on": 1, "is_charged": 1, "is_sure": 1, "is_exact": 1, "page": 0, "limit": 99, "weight": 99,
    "hours": 9, "days": 7, "version": 2, "operator_id": 1, "source_id": 1, "contact_id": 1, "what": "contacts",
    "form": "xlsx", "handle": "0" * 16, "may_ask_again": 1, "code": "1", "value": 60, "event_id": 1,
    "mode": "hand_over", "is_closed": 1,
}  # fmt: skip
WHAT: dict[type[CallbackData], str] = {SetOffers: "offer_seconds"}
"""Where the same word means something else."""


def forged(kind: type[CallbackData], crm: RunningApp) -> str:
    values = {**EXAMPLES, "telegram_id": crm.olga.id, "bot_id": crm.shop.id, "what": WHAT.get(kind, "contacts")}
    return kind(**{name: values[name] for name in kind.model_fields}).pack()


def test_collected_admin_commands_and_buttons_are_complete() -> None:
    also = {"give", "weights"}  # other names of /assign
    named = sorted(set(commands()) - also)
    of_admins = [
        "admins",
        "assign",
        "export",
        "keywords",
        "operators",
        "queue",
        "replay",
        "report",
        "sources",
        "stats",
        "undo",
    ]
    assert named == [*of_admins, "vip"]
    in_menu = {one.command for one in commands_for(["admin"], translator("en"))} - NOT_ONLY_ADMINS
    assert set(named) == in_menu
    defined = {one for one in CallbackData.__subclasses__() if one.__module__.startswith("bot.screens")}
    assert set(buttons()) == defined - set(buttons(operators_router))


def test_every_admin_button_fits_into_64_bytes() -> None:
    for kind in buttons():
        largest = {
            name: values
            for name, values in {
                **dict.fromkeys(EXAMPLES, 2**31 - 1),
                "telegram_id": 2**53 - 1,
                "bot_id": 2**53 - 1,
                "period": "today",
                "is_on": True,
                "is_charged": True,
                "is_sure": True,
                "is_exact": True,
                "what": WHAT.get(kind, "operators"),
                "may_ask_again": True,
                "code": "9" * 16,
                "handle": "f" * 16,
                "form": "xlsx",
                "mode": "hand_over",
            }.items()
            if name in kind.model_fields
        }
        assert len(kind(**largest).pack().encode()) <= 64


async def snapshot(crm: RunningApp) -> object:
    return (
        await crm.db.read(operators.listing),
        await crm.db.read(sources.listing),
        await crm.db.read(source_details.shares),
        await crm.db.read(accounts.admins),
        (await crm.db.read(statistics.overview, since=None)).contacts,
    )


async def tries_everything(crm: RunningApp, who: Person, clock: MovableClock, *, toast: str = "") -> None:
    for name in commands():
        for rest in (
            "",
            " add X 1",
            " #1 Anna",
            " shop_bot Anna 99",
            " limit Anna 99",
            " off 1",
            " remove Olga",
            " invitations",
        ):
            clock.forward(seconds=3)  # slowly enough for a client
            await who.says(f"/{name}{rest}", to=crm.shop)
            await crm.settled()
    for kind in buttons():
        clock.forward(seconds=3)
        press = await who.presses_forged(crm.shop, forged(kind, crm))
        assert (await press.answer() or "") == toast
    await crm.settled()


def saw_nothing_of_admins(who: Person) -> bool:
    marks = (
        "📤",
        "📊",
        "👥",
        "📥 Sources",
        "🔑",
        "⚖️",
        "✉️",
        "start=",
        "Nobody is waiting",
        "requests waiting",
        "request waiting",
    )
    return not any(mark in seen.text for seen in who.chat() for mark in marks if seen.sender != who.id)


@pytest.mark.fault("F53")
async def test_client_cannot_use_admin_commands_or_buttons(crm: RunningApp, clock: MovableClock) -> None:
    await crm.operator("Anna")
    charlie = crm.client("Charlie")
    await charlie.says("Hello", to=crm.shop)
    await crm.settled()
    before = await snapshot(crm)
    await tries_everything(crm, charlie, clock, toast=UNKNOWN_PRESS)
    assert await snapshot(crm) == before
    assert saw_nothing_of_admins(charlie)


async def test_operator_cannot_use_admin_commands_or_buttons(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    await crm.client("Ivan").says("Hello", to=crm.shop)
    await anna.presses(await anna.sees("#1"), "Take")
    await crm.settled()
    before = await snapshot(crm)
    await tries_everything(crm, anna, clock)
    assert await snapshot(crm) == before
    assert saw_nothing_of_admins(anna)


@pytest.mark.further
@pytest.mark.fault("F55")
async def test_demoted_admin_is_refused_despite_cached_role(crm: RunningApp) -> None:
    """The cache still has the admin when they press: rights are checked where the effect is."""
    await crm.operator("Anna")
    staff_cache = crm.app.supervisor.parts.dispatcher.staff_cache
    await types(crm, crm.olga, "/operators")
    staff_cache.forget = lambda: None  # type: ignore[method-assign]
    staff_cache._stale_at = float("inf")
    await crm.db.write(_demote, crm.olga.id)
    member = await staff_cache.member(crm.olga.id)
    assert member is not None
    assert member.is_admin
    before = await snapshot(crm)
    for name in commands():
        for rest in (
            "",
            " add X 1",
            " link x Y",
            " shop_bot Anna 99",
            " limit Anna 99",
            " off 1",
            " remove Olga",
            " invitations",
        ):
            assert (
                await types(crm, crm.olga, f"/{name}{rest}")
            ).text == "You are not allowed to do this. Ask an admin."
    for kind in buttons():
        press = await crm.olga.presses_forged(crm.shop, forged(kind, crm))
        assert await press.answer() == "You are not allowed to do this. Ask an admin."
    assert await snapshot(crm) == before


def _demote(s: Session, telegram_id: int) -> None:
    s.execute(update(Staff).where(Staff.telegram_id == telegram_id).values(is_admin=False))


@pytest.mark.fault("F53")
@pytest.mark.parametrize(
    "data", ["op:99999999999999999999", "op:-1", "op:x", "op:", "op:1:2:3", "stats:never", "give_to:1:1:1:9"]
)
async def test_malformed_button_data_does_nothing(crm: RunningApp, data: str) -> None:
    press = await crm.olga.presses_forged(crm.shop, data)
    await press.answer()
    await types(crm, crm.olga, "/queue")
    assert crm.olga.looks("could not be processed") is None


async def test_admin_reads_require_the_admin_role(db: Database) -> None:
    with pytest.raises(NotAllowed):
        await read_as_admin(db, telegram(5), statistics.overview, since=None)


async def test_command_menus_follow_roles(crm: RunningApp) -> None:
    def menu(who: Person) -> list[str]:
        return [one["command"] for one in crm.sandbox.commands_seen_by(who, crm.shop)]

    clients = ["start", "email", "privacy", "help"]
    of_admins = ["stats", "report", "replay", "export", "queue", "assign", "vip", "keywords", "operators"]
    of_admins += ["sources", "undo", "admins"]
    of_operators = ["my", "snooze", "transfer", "return", "online", "offline"]
    peter = crm.client("Peter", language="ru")
    assert menu(peter) == clients
    assert menu(crm.olga) == [*of_admins, "help"]
    anna = await crm.operator("Anna")
    assert menu(anna) == [*of_operators, "help"]

    code = await invites(crm, crm.olga, "/admins add")
    await anna.starts(crm.shop, code)
    await crm.settled()
    assert menu(anna) == [*of_operators, *of_admins, "help"]
    question = await types(crm, crm.olga, "/admins remove Anna")
    await presses(crm, crm.olga, question, "Yes, remove")
    assert menu(anna) == [*of_operators, "help"]
    question = await types(crm, crm.olga, "/operators remove Anna")
    await presses(crm, crm.olga, question, "Yes, remove")
    assert menu(anna) == clients


@pytest.mark.fault("F88")
async def test_refused_presses_and_invitations_are_logged(
    crm: RunningApp, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(security, "_periods", {})
    anna, charlie = await crm.operator("Anna"), crm.client("Charlie")
    await charlie.starts(crm.shop, "op_" + "x" * 24)
    await charlie.sees("no longer valid")
    for who, kind in ((anna, TakeContact), (anna, buttons()[0]), (charlie, buttons()[0])):
        await (await who.presses_forged(crm.shop, forged(kind, crm))).answer()
    await crm.settled()
    lines = [one.__dict__ for one in caplog.records if one.name == "security"]
    found = {(one["msg"], one["code"], one["user_id"]) for one in lines}
    assert ("message_refused", "invitation_invalid", charlie.id) in found
    assert ("press_refused", "contact_not_found", anna.id) in found
    assert ("press_refused", "unknown_button", anna.id) in found
    assert ("press_refused", "unknown_button", charlie.id) in found
