"""Registering contacts with every rule of distribution switched on, compared with the same with all of them off."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM
from crm_core.hours.reading import read_hours
from crm_core.routing import opening_hours, source_changes, weight_settings
from crm_core.service import setting
from crm_core.service.targets import Targets
from crm_core.storage.opening import open_database
from crm_core.team import ceilings, operators, rates, shifts
from tests.benchmarks.databases import Template, move_journal_into_file
from tests.benchmarks.part import Context, Rows
from tests.benchmarks.percentiles import median
from tests.benchmarks.registering import CONCURRENT, seconds_of
from tests.benchmarks.table import Row

MOST = 1.25
LARGEST = 1_000  # of a limit and of a rate: every rule is asked, none excludes
ALWAYS = "mon-sun 0:00-24:00"


async def measure(context: Context) -> Rows:
    """Registers contacts one at a time and 32 concurrently, in turn with the rules on and off."""
    new = await context.databases.with_operators()
    plain, ruled = (replace(new, path=new.copy_into(context.folder)) for _ in range(2))
    await change(plain, switch_off)
    await change(ruled, switch_on)
    count = context.sizes.registrations
    for what, at_once in (("one at a time", 1), (f"{CONCURRENT} at once", CONCURRENT)):
        on, off = [], []
        for _ in range(context.sizes.rounds):
            off.append(await seconds_of(plain.copy_into(context.folder), plain.source_id, count, at_once=at_once))
            on.append(await seconds_of(ruled.copy_into(context.folder), ruled.source_id, count, at_once=at_once))
        yield _row(f"register with all rules on, {what}", median(on) / count, median(off) / count)


def _row(what: str, on: float, off: float) -> Row:
    ratio = on / off
    return Row(what, f"{on * 1e6:,.0f} µs", f"all off {off * 1e6:,.0f} µs", f"{ratio:.2f}", f"≤ {MOST}", ratio <= MOST)


async def change(template: Template, action: Callable[..., None]) -> None:
    """Changes the settings of the source and of everybody who works there."""
    db = open_database(f"sqlite:///{template.path}")
    try:
        await db.write(action, source_id=template.source_id)
    finally:
        await db.close()
    move_journal_into_file(template.path)


def switch_off(s: Session, *, source_id: int) -> None:
    """What a new source has on."""
    values = {"ramp": None, "handover": "keep"}
    source_changes.change(s, source_id=source_id, values=values, actor=SYSTEM, now=datetime.now(UTC), rng=random.random)


def switch_on(s: Session, *, source_id: int) -> None:
    """Every rule, so that none keeps a contact waiting."""
    how: dict[str, Any] = {"actor": SYSTEM, "now": datetime.now(UTC), "rng": random.random}
    always = read_hours(ALWAYS, zone="UTC", today=how["now"].date())
    for one in operators.listing(s):
        operators.set_skills(s, operator_id=one.id, tags=["german", "vip"], **how)
        rates.set_rate(s, operator_id=one.id, rate=LARGEST, **how)
        ceilings.set_ceiling(s, operator_id=one.id, max_held=LARGEST, **how)
        shifts.set_hours(s, operator_id=one.id, hours=always, **how)
        weight_settings.set_limit(s, source_id=source_id, operator_id=one.id, limit=LARGEST, **how)
    values = {
        "strategy": "exact",
        "sticky_days": 30,
        "offer_seconds": 600,
        "skills": {"german": None, "vip": 30},
        "priority_minutes": 15,
        "ramp": LARGEST,
        "waiting_load": 30,
        "catch_up": 2,
        "handover": "hand_over",
        "keywords": [{"words": ["message*", "refund*", "money back"], "skills": {"vip": None}, "priority_minutes": 5}],
    }
    source_changes.change(s, source_id=source_id, values=values, **how)
    opening_hours.set_hours(s, source_id=source_id, hours=always, **how)
    targets = Targets(first_reply=15, next_reply=30, resolution=480)
    setting.set_targets(s, source_id=source_id, targets=targets, actor=SYSTEM, now=how["now"])
