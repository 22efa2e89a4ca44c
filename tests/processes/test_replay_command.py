"""`mini-crm replay`, as a person at a terminal runs it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from crm_core.access.actors import SYSTEM
from crm_core.contacts import lifecycle
from crm_core.contacts.leads import LeadFacts
from crm_core.routing import new_sources, weight_settings
from crm_core.storage.opening import open_database
from crm_core.team import operators
from tests.support.processes import command

AT = datetime(2026, 11, 2, 12, tzinfo=UTC)


async def arranged(database_url: str) -> None:
    """Anna got one request of three, by her limit; the others wait."""
    db = open_database(database_url)
    anna = await db.write(operators.add, name="Anna", max_leads=1, actor=SYSTEM, now=AT)
    await db.write(operators.add, name="Dr. Anna = a", max_leads=1, actor=SYSTEM, now=AT)
    site = await db.write(new_sources.add, name="site", description=None, actor=SYSTEM, now=AT)
    acting: dict[str, Any] = {"actor": SYSTEM, "now": AT, "rng": lambda: 0.5}
    await db.write(lambda s: weight_settings.set_weight(s, source_id=site, operator_id=anna, weight=10, **acting))
    for number in range(3):
        lead, at = LeadFacts(email=f"c{number}@example.com"), AT + timedelta(minutes=number)
        await db.write(lifecycle.register, source_id=site, lead=lead, now=at, rng=lambda: 0.5)
    await db.close()


async def test_replay_prints_what_was_and_what_would_have_been(database_url: str, tmp_path: Path) -> None:
    await arranged(database_url)
    settings = {"DATABASE_URL": database_url}
    days = ("--from", "2026-11-02", "--to", "2026-11-02")
    ended = await command("replay", *days, "--set", "Anna.limit=5", "--language", "en", folder=tmp_path, **settings)
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith("🔁 Replay: 2026-11-02\nAnna.limit=5\n\nRequests: 3; with somebody else: 2\n")
    assert "📥 site\n      Anna: 1 → 3\n" in ended.out
    assert "not at once: 2 → 0" in ended.out
    ended = await command("replay", *days, "--language", "ru", folder=tmp_path, **settings)
    assert "      Anna: 1\n" in ended.out
    for typed in ("site.Dr. Anna = a.weight=40", 'site."Dr. Anna = a".weight=40'):
        ended = await command("replay", *days, "--set", typed, "--language", "en", folder=tmp_path, **settings)
        assert (ended.status, ended.err) == (0, "")
        assert ended.out.startswith(f"🔁 Replay: 2026-11-02\n{typed}\n\nRequests: 3; with somebody else: ")
    ended = await command("replay", *days, "--set", "Ana.limit=5", "--language", "en", folder=tmp_path, **settings)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == "There is no operator “Ana”; /operators lists them. Did you mean “Anna”?\n"


async def test_replay_without_a_database_says_so(tmp_path: Path) -> None:
    ended = await command("replay", folder=tmp_path, DATABASE_URL=f"sqlite:///{tmp_path}/none.db")
    assert ended.status == 2
    assert "There is no database yet" in ended.err
    assert not (tmp_path / "none.db").exists()
