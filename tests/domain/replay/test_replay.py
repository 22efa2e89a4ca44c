"""A period played again: under unchanged settings it is what it was, and nothing is written."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from crm_core.replay.changes import Changes
from crm_core.replay.reading import history
from crm_core.replay.replayer import play
from crm_core.replay.rows import read_rows
from crm_core.storage.database import Database
from crm_core.storage.tables import Contact
from crm_core.storage.types import EPOCH, MILLISECOND
from tests.domain.replay.periods import Period


def milliseconds(moment: Any) -> int | None:
    return None if moment is None else (moment - EPOCH) // MILLISECOND


@pytest.mark.parametrize("carried", [False, True])
@pytest.mark.parametrize("seed", range(20))
async def test_unchanged_settings_reproduce_period_exactly(db: Database, seed: int, carried: bool) -> None:
    period = Period(db, seed)
    await period.open()
    await period.go_on(60)
    since = period.now + timedelta(milliseconds=1)
    await period.go_on(200)
    until = period.now + timedelta(milliseconds=1)
    arrived = await db.read(lambda s: s.execute(select(Contact).where(Contact.created_at >= since)).scalars().all())
    really = {one.id: one for one in arrived}
    rows = await db.read(read_rows, since=since, until=until)
    past = history(rows)
    outcome = play(past, Changes(), carried=carried)
    assert outcome.courses.keys() == really.keys()
    wrong = [
        (one, course.operator_id, contact.operator_id, course.assigned, milliseconds(contact.assigned_at))
        for one, contact in really.items()
        if (course := outcome.courses[one]).operator_id != contact.operator_id
        or course.assigned != milliseconds(contact.assigned_at)
    ]
    assert wrong == []
