"""/export: what, of which time and in which format by buttons; the file comes, and only to admins."""

import csv
import io
import sys
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import insert, literal, select

from bot.delivery.backoff import Pauses
from bot.sandbox import Person, Sandbox, SeenMessage
from crm_core import events
from crm_core.storage.tables import Contact, Event, Export
from tests.stories.arranging import until
from tests.stories.steering import presses, types
from tests.support.people import House, MovableClock

AGAIN_SOON = Pauses(retry_first=0.01, retry_last=0.02)


async def starts(house: House, who: Person, *labels: str) -> SeenMessage:
    """Presses these buttons one after another; the last one begins the export. Returns the screen."""
    screen = await types(house, who, "/export")
    for label in labels[:-1]:
        screen = await presses(house, who, screen, label)
    await (await who.presses(screen, labels[-1])).answer()
    return screen


async def comes(who: Person, *, after: SeenMessage) -> SeenMessage:
    """The file."""
    return await who.sees(kind="document", after=after, timeout=30)


def content(house: House, seen: SeenMessage) -> bytes:
    return house.sandbox.world.files.find(seen.raw["document"]["file_id"], seen.place).data


def table(house: House, seen: SeenMessage, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(content(house, seen).decode("utf-8-sig")), delimiter=delimiter))


def screens(who: Person, screen: SeenMessage) -> list[str]:
    """Everything that this message has shown."""
    return [entry["text"] for entry in who.history() if entry["message_id"] == screen.id]


async def recorded(house: House) -> list[Any]:
    return list(
        await house.db.read(
            lambda s: s.execute(select(Event.actor, Event.data).where(Event.kind == events.EXPORTED)).all()
        )
    )


async def test_contacts_of_30_days_are_exported_to_excel(house: House) -> None:
    await house.operator("Anna")
    await house.client("Ivan").says("=1+1", to=house.shop)
    await house.settled()
    screen = await types(house, house.olga, "/export")
    assert screen.text.startswith("📤 Export: Contacts, 30 days\n")
    assert screen.labels == [
        "· Contacts ·", "Clients", "Operators", "Events", "today", "7 days", "· 30 days ·", "all time",
        "⬇️ Excel", "⬇️ CSV",
    ]  # fmt: skip
    await (await house.olga.presses(screen, "Excel")).answer()
    sent = await comes(house.olga, after=screen)
    assert sent.raw["document"]["file_name"].startswith("contacts_")
    assert sent.raw["document"]["file_name"].endswith(".xlsx")
    assert sent.text == "Contacts · 30 days\nTimes are those of UTC."
    book = load_workbook(io.BytesIO(content(house, sent)))
    head, row = book.active.iter_rows(values_only=True)
    told = dict(zip(head, row, strict=True))
    assert (told["Operator"], told["Client"], told["First words"]) == ("Anna", "Ivan", "=1+1")
    assert book.active["K2"].data_type == "s"
    book.close()
    done = await house.olga.sees("Contacts · 30 days · Excel\n✅ 1 row, sent below.")
    assert done.id == screen.id
    assert done.labels == ["📤 Export more"]
    assert any("▓" in text and "1 of 1 rows" in text for text in screens(house.olga, screen))
    (event,) = await recorded(house)
    assert event.actor == f"tg:{house.olga.id}"
    assert (event.data["what"], event.data["form"]) == ("contacts", "xlsx")
    assert (await presses(house, house.olga, done, "Export more")).text.startswith("📤 Export: Contacts, 30 days")


async def test_export_respects_chosen_table_period_and_format(house: House, clock: MovableClock) -> None:
    clock.forward(days=-3)
    await house.client("Ivan").says("Hello", to=house.shop)
    await house.settled()
    clock.forward(days=3)
    await house.client("Kira").says("Hello", to=house.shop)
    await house.settled()
    screen = await starts(house, house.olga, "Clients", "today", "CSV")
    rows = table(house, await comes(house.olga, after=screen))
    assert [row[2] for row in rows] == ["Client", "Kira"]
    screen = await starts(house, house.olga, "Clients", "7 days", "CSV")
    assert [row[2] for row in table(house, await comes(house.olga, after=screen))] == ["Client", "Ivan", "Kira"]
    screen = await starts(house, house.olga, "Events", "all time", "CSV")
    kinds = [row[2] for row in table(house, await comes(house.olga, after=screen))]
    assert {"contact_created", "exported"} <= set(kinds)


async def test_export_uses_the_language_of_the_admin(house: House) -> None:
    boris = house.sandbox.person("Boris", language_code="ru")
    code = (await types(house, house.olga, "/admins add")).text.split("start=")[1].split()[0]
    await boris.starts(house.shop, code)
    await house.operator("Анна")
    screen = await starts(house, boris, "Операторы", "CSV")
    rows = table(house, await comes(boris, after=screen), ";")
    assert rows[0][:3] == ["Номер", "Имя", "Включён"]
    assert rows[1][1:3] == ["Анна", "да"]
    await boris.sees("Операторы · 30 дней · CSV\n✅ 1 строка, файл ниже.")


async def test_empty_export_sends_no_file(house: House) -> None:
    screen = await starts(house, house.olga, "Clients", "CSV")
    await house.olga.sees("There is nothing of that time.", timeout=30)
    assert house.olga.looks(lambda seen: seen.kind == "document") is None
    assert screen.id == house.olga.chat()[-1].id


async def test_second_export_during_a_running_one_is_refused(house: House) -> None:
    house.sandbox.fail(kind="flood", retry_after=1, method="sendDocument")  # it takes its time
    await house.client("Ivan").says("Hello", to=house.shop)
    await house.settled()
    screen = await starts(house, house.olga, "CSV")
    second = await types(house, house.olga, "/export")
    assert "⏳ An export of yours is under way." in second.text
    refused = await (await house.olga.presses(second, "CSV")).answer()
    assert refused == "An export of yours is under way; ask again when it has come."
    await comes(house.olga, after=screen)
    assert len(await recorded(house)) == 1


async def test_large_export_is_sent_in_parts(house: House) -> None:
    await house.client("Ivan").says("Hello", to=house.shop)
    await house.settled()
    more = insert(Contact.__table__).from_select(
        ["id", "lead_id", "source_id", "status", "version", "created_at"],
        select(Contact.id + 1, Contact.lead_id, Contact.source_id, literal("closed"), literal(1), Contact.created_at)
        .order_by(Contact.id.desc()).limit(1),
    )  # fmt: skip
    for _ in range(249):
        await house.db.write(lambda s: s.execute(more))
    house.app.exporter.largest = 1_000
    screen = await starts(house, house.olga, "CSV")
    await house.olga.sees("Contacts · 30 days · CSV\n✅ 250 rows, sent below.", timeout=30)
    parts = [seen for seen in house.olga.chat() if seen.kind == "document" and seen.id > screen.id]
    assert [seen.raw["document"]["file_name"].rpartition("_of_")[0][-1] for seen in parts] == ["1", "2", "3"]
    assert "Part 2 of 3: one file would be too large for Telegram." in parts[1].text
    tables = [table(house, seen) for seen in parts]
    assert {tuple(rows[0]) for rows in tables} == {tuple(tables[0][0])}
    assert [int(row[0]) for rows in tables for row in rows[1:]] == list(range(1, 251))


async def test_export_is_delivered_despite_temporary_telegram_errors(sandbox: Sandbox, database_url: str) -> None:
    async with await House.open(sandbox, database_url, pauses=AGAIN_SOON) as house:
        await house.client("Ivan").says("Hello", to=house.shop)
        await house.settled()
        sandbox.fail(kind="http_500", method="sendDocument", applied=False)
        sandbox.fail(kind="cut", method="sendDocument")
        sandbox.fail(kind="error", method="editMessageText", text="Bad Request: something is wrong")
        screen = await starts(house, house.olga, "CSV")
        assert len(table(house, await comes(house.olga, after=screen))) == 2
        await house.olga.sees("Contacts · 30 days · CSV\n✅ ")


async def test_file_refused_by_telegram_is_reported_and_can_be_requested_again(house: House) -> None:
    await house.client("Ivan").says("Hello", to=house.shop)
    await house.settled()
    house.sandbox.fail(kind="error", method="sendDocument", code=413, text="Request Entity Too Large")
    await starts(house, house.olga, "CSV")
    failed = await house.olga.sees("Contacts · 30 days · CSV\n❌ It could not be made. Please try again.", timeout=30)
    screen = await presses(house, house.olga, failed, "Export more")
    await (await house.olga.presses(screen, "CSV")).answer()
    await comes(house.olga, after=screen)


async def test_failed_export_is_reported(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    await starts(house, house.olga, "CSV")
    await house.olga.sees("It could not be made.", timeout=30)


async def test_export_interrupted_by_a_restart_is_sent_after_it(
    sandbox: Sandbox, database_url: str, clock: MovableClock
) -> None:
    async with await House.open(sandbox, database_url, clock=clock) as house:
        await house.client("Ivan").says("Hello", to=house.shop)
        await house.settled()
        sandbox.fail(kind="flood", retry_after=3600, method="sendDocument")
        screen = await starts(house, house.olga, "CSV")
        await until(house, "SELECT count(*) FROM gates", 1)
    clock.forward(hours=1)
    async with await House.open(sandbox, database_url, clock=clock, admin=False) as again:
        await again.app.exporter.wake()
        assert len(table(again, await comes(house.olga, after=screen))) == 2
        await house.olga.sees("Contacts · 30 days · CSV\n✅ ", bot=again.shop, timeout=30)


async def test_export_with_attempts_used_up_is_abandoned_and_reported(house: House) -> None:
    await house.client("Ivan").says("Hello", to=house.shop)
    screen = await types(house, house.olga, "/export")
    export = {
        "what": "leads", "form": "csv", "period": "7d", "until": house.clock(), "language": "en", "state": "running",
        "asked_by": house.olga.id, "bot_id": house.shop.id, "message_id": screen.id, "fence": 0, "attempts": 3,
        "asked_at": house.clock(),
    }  # fmt: skip
    await house.db.write(lambda s: s.execute(insert(Export.__table__), export))
    await house.app.exporter.wake()
    failed = await house.olga.sees("Clients · 7 days · CSV\n❌ It could not be made.", timeout=30)
    assert failed.id == screen.id
    assert house.olga.looks(lambda seen: seen.kind == "document") is None


async def test_non_admin_cannot_export(house: House) -> None:
    anna = await house.operator("Anna")
    ivan = house.client("Ivan")
    await ivan.says("Hello", to=house.shop)
    for who in (anna, ivan):
        await who.says("/export", to=house.shop)
        await house.settled()
        for data in ("exp:contacts:all", "exp_go:contacts:all:csv"):
            await (await who.presses_forged(house.shop, data)).answer()
        await house.settled()
        assert who.looks("📤") is None
        assert who.looks(lambda seen: seen.kind == "document") is None
    assert await recorded(house) == []
    assert await house.db.read(lambda s: s.execute(select(Export.id)).all()) == []
