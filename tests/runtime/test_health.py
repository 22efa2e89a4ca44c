"""Health by progress: what waits is no fault, what waits while nothing is finished is one."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.commands.health import troubles
from bot.settings import Settings
from crm_core.delivery import bots
from crm_core.messaging import inbox, outbox, outbox_attempts
from crm_core.messaging.inbox import StoredUpdate, Update
from crm_core.messaging.outbox import OutboxEntry
from crm_core.messaging.outbox_attempts import Settled
from crm_core.storage.database import Database

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
BOT, CHAT = 700001, 5


class Ward:
    """A bot whose updates and messages a story lets wait, or finishes."""

    def __init__(self, db: Database, url: str) -> None:
        self.db = db
        self.settings = Settings.model_construct(database_url=url, bot_tokens=[f"{BOT}:{'x' * 30}"], http_port=0)
        self.last = 0

    async def receives(self, after: float = 0) -> StoredUpdate:
        self.last += 1
        update = Update(self.last, f"chat:{self.last}", {"update_id": self.last})
        now = START + timedelta(seconds=after)
        (stored,) = await self.db.write(inbox.store, bot_id=BOT, updates=[update], now=now)
        return stored

    async def must_send(self, after: float = 0, chat_id: int = CHAT) -> None:
        send = OutboxEntry(outbox.STAFF_NOTICE, BOT, chat_id, payload={"code": "test"})
        await self.db.write(outbox.add, [send], now=START + timedelta(seconds=after))

    async def sends(self, after: float, chat_id: int) -> None:
        rows = [row for row in await self.db.read(outbox.waiting, bot_id=BOT) if row.chat_id == chat_id]
        await self.db.write(outbox_attempts.claim, ids=[rows[0].id], fencing_token=1)
        done = Settled(rows[0].id, "sent", "ok", result_id=1)
        await self.db.write(
            outbox_attempts.settle, settled=[done], fencing_token=1, now=START + timedelta(seconds=after)
        )

    def ill(self, after: float) -> list[str]:
        return troubles(self.settings, now=START + timedelta(seconds=after))


@pytest.fixture
async def ward(db: Database, database_url: str) -> Ward:
    await db.write(bots.start, bot_id=BOT, username="shop_bot", name="Shop", position=0, now=START)
    return Ward(db, database_url)


async def test_idle_bot_is_healthy(ward: Ward) -> None:
    assert ward.ill(after=10_000) == []


async def test_update_waiting_without_progress_is_unhealthy(ward: Ward) -> None:
    await ward.receives()
    assert ward.ill(after=239) == []
    (text,) = ward.ill(after=250)
    assert text == "An update has waited for 250 s and none was finished meanwhile."


async def test_update_backlog_is_healthy_while_updates_finish(ward: Ward) -> None:
    first = await ward.receives()
    await ward.receives()
    await ward.db.write(inbox.finish, first, now=START + timedelta(seconds=500))
    assert ward.ill(after=700) == []
    assert len(ward.ill(after=750)) == 1


async def test_update_waiting_for_its_retry_is_healthy(ward: Ward) -> None:
    row = await ward.receives()
    later = START + timedelta(seconds=1000)
    await ward.db.write(inbox.retry, inbox_id=row.id, error="Boom", not_before=later)
    assert ward.ill(after=900) == []
    assert len(ward.ill(after=1300)) == 1


async def test_unsent_message_without_progress_is_unhealthy(ward: Ward) -> None:
    await ward.must_send()
    assert ward.ill(after=599) == []
    (text,) = ward.ill(after=601)
    assert text == "A message has waited to be sent for 601 s and none was sent meanwhile."


async def test_waiting_message_is_healthy_while_others_are_sent(ward: Ward) -> None:
    await ward.must_send()
    await ward.must_send(chat_id=6)
    await ward.sends(500, chat_id=6)
    assert ward.ill(after=1000) == []
    assert len(ward.ill(after=1101)) == 1


@pytest.mark.parametrize("gate", ["chat", "bot"])
async def test_message_held_back_by_flood_wait_is_healthy(gate: str, ward: Ward) -> None:
    await ward.must_send()
    until = START + timedelta(hours=1)
    if gate == "chat":
        await ward.db.write(bots.shut_chat, bot_id=BOT, chat_id=CHAT, until=until)
    else:
        await ward.db.write(bots.shut_bot, bot_id=BOT, until=until)
    assert ward.ill(after=3500) == []
    assert len(ward.ill(after=4300)) == 1


async def test_refused_token_is_not_reported_by_health(ward: Ward) -> None:
    await ward.must_send()
    await ward.db.write(bots.set_state, bot_id=BOT, state=bots.REFUSED, now=START)
    assert ward.ill(after=10_000) == []


async def test_bot_removed_from_settings_is_ignored_by_health(ward: Ward) -> None:
    await ward.receives()
    await ward.must_send()
    ward.settings.bot_tokens = []
    assert ward.ill(after=10_000) == []


def test_missing_database_is_reported_and_not_created(tmp_path: Path) -> None:
    settings = Settings.model_construct(database_url=f"sqlite:///{tmp_path}/none.db", bot_tokens=[])
    (text,) = troubles(settings)
    assert "There is no database at" in text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault("F100")
async def test_work_finished_under_a_clock_that_was_ahead_does_not_hide_a_stall(ward: Ward) -> None:
    await ward.must_send(chat_id=6)
    await ward.sends(after=90 * 24 * 3600, chat_id=6)
    finished = await ward.receives()
    done = START + timedelta(days=90)
    await ward.db.write(inbox.finish, finished, now=done)
    await ward.receives()
    await ward.must_send()
    assert len(ward.ill(after=10_000)) == 2
