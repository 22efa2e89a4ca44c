"""Rules of distribution cost few statements: most of what they need is read and written with what is there anyway."""

import random
import re
from typing import Any

import pytest
from sqlalchemy.orm import Session

from crm_core.contacts import lifecycle
from crm_core.contacts.leads import LeadFacts
from crm_core.messaging.messages import MessageContent
from crm_core.storage.database import Database
from crm_core.storage.execute import DRIVER
from tests.benchmarks import all_rules
from tests.domain.arranging import NOW, open_office

_WHAT = re.compile(r'(SELECT|INSERT|UPDATE|DELETE)\b(?:.*?\bFROM|\s+INTO)?\s+"?(\w+)', re.DOTALL)


def register(s: Session, source_id: int, name: str) -> set[str]:
    """Registers a contact. Returns what that asked the database: `SELECT sources`, `INSERT contacts`, …"""
    asked: list[str] = []
    raw: Any = s.info[DRIVER][0]
    raw.set_trace_callback(asked.append)
    try:
        made = lifecycle.register(
            s,
            source_id=source_id,
            lead=LeadFacts(name, full_name=name),
            content=MessageContent("text", "message"),
            now=NOW,
            rng=random.random,
        )
    finally:
        raw.set_trace_callback(None)
    assert made.operator_id is not None
    return {" ".join(what.groups()) for one in asked if (what := _WHAT.match(one))}


@pytest.mark.sqlite_is_enough  # both get the same statements, and only SQLite's driver tells which
async def test_rules_read_and_write_nothing_of_their_own_but_credits_and_what_counts_in_an_hour(db: Database) -> None:
    def story(s: Session) -> tuple[set[str], set[str]]:
        source_id = open_office(s, weights=[1, 1], limit=9).source_id
        without = register(s, source_id, "a")
        all_rules.switch_on(s, source_id=source_id)
        return without, register(s, source_id, "b")

    without, with_all = await db.write(story)
    assert with_all - without == {"SELECT credits", "INSERT credits", "INSERT given"}
    assert without <= with_all
