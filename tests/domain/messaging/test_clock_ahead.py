"""A clock that was ahead has stored moments that are still to come: nothing stays silent until they have passed."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from crm_core.conversation import client_messages
from crm_core.messaging import alerts
from crm_core.storage.database import Database
from tests.domain.arranging import BOT, NOW, open_office, saying

AHEAD = NOW + timedelta(days=400)


@pytest.mark.fault("F100")
async def test_alert_from_a_clock_that_was_ahead_silences_no_later_one(db: Database) -> None:
    def alert(s: object, now: object) -> bool:
        return alerts.notify_admins(s, cause="refused:1", code="refused", now=now)  # type: ignore[arg-type]

    assert await db.write(alert, AHEAD)
    assert await db.write(alert, NOW)
    assert not await db.write(alert, NOW + timedelta(minutes=1))  # from here on as ever
    assert await db.write(alert, NOW + timedelta(minutes=11))


@pytest.mark.fault("F100")
async def test_client_slowed_under_a_clock_that_was_ahead_is_told_again(db: Database) -> None:
    await db.write(open_office, weights=[1], limit=5)
    await db.write(client_messages.receive, **saying(8))
    for now, is_told in ((AHEAD, True), (NOW, True), (NOW + timedelta(minutes=9), False)):
        told = await db.write(client_messages.notify_slowed, bot_id=BOT, chat_id=8, language="en", now=now)
        assert told == is_told
    notices = text("SELECT count(*) FROM outbox WHERE kind = 'client_notice' AND contact_id IS NULL")
    assert await db.read(lambda s: s.execute(notices).scalar_one()) == 2
