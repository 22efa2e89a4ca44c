"""`mini-crm doctor`: each line says what is so and, where it is not well, what to do."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update

from bot.commands.doctor import BAD, look
from bot.runtime.random_codes import new_key
from crm_core import statistics
from crm_core.access import api_keys
from crm_core.access.actors import SYSTEM
from crm_core.backups.copying import make_copy
from crm_core.backups.nightly import backup_path
from crm_core.storage.execute import changed
from crm_core.storage.probe import sqlite_path
from crm_core.storage.tables import Operator
from crm_core.team import operators
from tests.domain.storage.test_storage_backup import damage
from tests.support.people import SECOND_TOKEN, TOKEN, House
from tests.support.processes import command


@dataclass(frozen=True, slots=True)
class Examined:
    """What the doctor says, and whether something keeps the product from working."""

    out: str
    is_bad: bool


async def examine(
    house: House, *, remove_webhooks: bool = False, recount: bool = False, tokens: tuple[str, ...] = (TOKEN,),
    http_host: str = "127.0.0.1",
) -> Examined:  # fmt: skip
    settings = house.settings.model_copy(update={"bot_tokens": list(tokens), "http_host": http_host})
    found = [one async for one in look(settings, remove_webhooks=remove_webhooks, recount=recount)]
    return Examined(
        "\n".join(f"{one.mark} {one.text}\n{one.advice}" for one in found), any(one.mark == BAD for one in found)
    )


async def test_doctor_reports_healthy_installation(house: House) -> None:
    await house.operator("Anna")
    ended = await examine(house)
    assert not ended.is_bad, ended.out
    assert "✗" not in ended.out
    assert "✓ @shop_bot answers (bot 700001)" in ended.out
    assert "is up to date (revision" in ended.out
    assert TOKEN not in ended.out


async def test_doctor_names_unreachable_operators_and_sources_without_weights(house: House) -> None:
    """One who has not joined, one who has blocked the bot; and a source where nobody works."""
    await house.db.write(operators.add, name="Boris", max_leads=3, actor=SYSTEM, now=house.clock())
    first = await examine(house)
    assert "! Boris has not joined" in first.out
    assert 'mini-crm invite "Boris"' in first.out
    assert "! Nobody has a weight at shop_bot" in first.out
    anna = await house.operator("Anna")
    await anna.blocks(house.shop)
    await house.settled()
    second = await examine(house)
    assert "! Anna cannot be reached by @shop_bot" in second.out
    assert "Nobody has a weight" not in second.out
    assert not second.is_bad  # worth knowing, but it works


async def test_doctor_reports_wrong_operator_load(house: House) -> None:
    await house.operator("Anna")
    assert await house.db.write(changed, update(Operator.__table__).values(current_leads=3)) == 1
    ended = await examine(house)
    assert ended.is_bad
    assert "✗ The load of Anna is kept as 3, but 0 contacts are open" in ended.out


async def test_doctor_reports_and_repairs_wrong_statistics_sums(house: House) -> None:
    await house.operator("Anna")
    await house.client("Ivan").says("Hello", to=house.shop)
    await house.settled()
    while await house.db.write(statistics.fold):
        pass
    assert "✓ The sums of the statistics are what a count of the contacts gives" in (await examine(house)).out
    await house.db.write(lambda s: s.execute(text("UPDATE tallies SET opened = opened + 4 WHERE operator_id = 0")))
    ended = await examine(house)
    assert ended.is_bad
    assert "✗ Statistics, contacts of source 1: 5 are kept, 1 are there" in ended.out
    assert "doctor --recount" in ended.out
    repaired = await examine(house, recount=True)
    if "is running" in repaired.out:  # and this SQLite is safe with one writer only
        await house.db.write(statistics.start_again)
    assert not (await examine(house)).is_bad


async def test_doctor_requires_an_api_key_for_a_public_host(house: House) -> None:
    ended = await examine(house, http_host="0.0.0.0")  # noqa: S104
    assert ended.is_bad
    assert "✗ HTTP_HOST=0.0.0.0 serves other machines" in ended.out
    assert "api-key create NAME --scope admin" in ended.out
    await house.db.write(api_keys.create, key=new_key(), name="Shop", scope="admin", actor=SYSTEM, now=house.clock())
    assert not (await examine(house, http_host="0.0.0.0")).is_bad  # noqa: S104


async def test_doctor_reports_refused_tokens_and_removes_webhooks(house: House) -> None:
    care = house.sandbox.add_bot(SECOND_TOKEN, "care_bot")
    await set_webhook(house, SECOND_TOKEN)
    both = (TOKEN, SECOND_TOKEN)
    ended = await examine(house, tokens=both)
    assert ended.is_bad
    assert "✗ @care_bot has a webhook set" in ended.out
    assert "doctor --remove-webhooks" in ended.out
    assert (await examine(house, remove_webhooks=True, tokens=both)).is_bad is False
    assert (await examine(house, tokens=both)).is_bad is False
    house.sandbox.revoke(care)
    ended = await examine(house, tokens=both)
    assert ended.is_bad
    assert "✗ Telegram refuses the token of bot 700002" in ended.out
    assert "✓ @shop_bot answers" in ended.out


async def set_webhook(house: House, token: str) -> None:
    from aiogram import Bot
    from aiogram.methods import SetWebhook

    from bot.telegram.session import Telegram

    session = Telegram(url=house.sandbox.url)
    await Bot(token, session=session)(SetWebhook(url="http://127.0.0.1:9/elsewhere"))
    await session.close()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"BOT_TOKENS": ""}, "✗ BOT_TOKENS is empty"),
        ({"LOG_LEVEL": "LOUD"}, "✗ LOG_LEVEL: one of"),
        ({"TELEGRAM_API_URL": "http://127.0.0.1:1"}, "✗ Bot 700001: http://127.0.0.1:1 cannot be reached"),
        (
            {"DATABASE_URL": "postgresql://me:hunter2@127.0.0.1:1/crm", "BOT_TOKENS": ""},
            "postgresql://me:***@127.0.0.1:1",
        ),
    ],
)
async def test_doctor_reports_bad_settings_and_unreachable_servers(
    settings: dict[str, Any], words: str, tmp_path: Path
) -> None:
    ended = await command("doctor", folder=tmp_path, **{"BOT_TOKENS": TOKEN, **settings})
    assert ended.status == 1
    assert words in ended.out
    assert "Traceback" not in ended.err
    assert "hunter2" not in ended.out


async def test_doctor_checks_age_and_integrity_of_last_backup(house: House) -> None:
    """How old it is, and whether a restore would take it."""
    if not house.settings.database_url.startswith("sqlite"):
        assert "backup" not in (await examine(house)).out
        return
    database = sqlite_path(house.settings.database_url)
    folder = database.parent / "backups"
    assert f"! There is no nightly backup in {folder} yet" in (await examine(house)).out
    folder.mkdir()
    path = backup_path(folder, database, datetime.now(UTC).date())
    make_copy(database, path, clock=lambda: datetime.now(UTC) - timedelta(hours=9, minutes=5))
    ended = await examine(house)
    assert f"✓ The last backup is 9 h old and whole ({path}; 1 are kept)" in ended.out
    assert not ended.is_bad
    make_copy(database, path, clock=lambda: datetime.now(UTC) - timedelta(days=3, minutes=5))
    assert "! The last backup is 3 days old and whole" in (await examine(house)).out
    damage(path)
    ended = await examine(house)
    assert ended.is_bad
    assert f"✗ The last backup, {path}, is no good" in ended.out
    off = house.settings.model_copy(update={"backup_keep": 0})
    assert "! Nightly backups are off" in "".join([f"{one.mark} {one.text}" async for one in look(off)])
