"""Finding leads by name: what matches, that the words follow every change of a name, and what a search may cost."""

import itertools
import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, event, insert, select, text
from sqlalchemy.orm import Session

from crm_core.access.actors import LOCAL_API
from crm_core.contacts import lead_lists, lead_words, leads
from crm_core.contacts.lead_lists import LeadFilter
from crm_core.contacts.leads import LeadFacts
from crm_core.contacts.phones import check_phone
from crm_core.conversation import known_clients
from crm_core.storage.database import Database
from crm_core.storage.paging import Page, RowCount
from crm_core.storage.tables import Event, Lead, LeadWord
from tests.domain.arranging import BOT, NOW, open_office
from tests.domain.invariants import check_words
from tests.support.interleaving import interleave
from tests.support.statements import counted


def add(s: Session, /, *names: str | None) -> list[int]:
    """Leads of these names."""
    return [leads.create(s, LeadFacts(full_name=name), now=NOW) for name in names]


def search(
    s: Session,
    /,
    name: str | None,
    *,
    email: str | None = None,
    phone: str | None = None,
    skip: int = 0,
    limit: int = 1_000,
) -> Page:
    """What is found by a name, and an address or a phone."""
    wanted = LeadFilter(name=name, email=email, phone=phone)
    return lead_lists.leads(s, skip=skip, limit=limit, wanted=wanted, total=RowCount(Lead.__table__), now=NOW)


async def found(
    db: Database, name: str | None, *, email: str | None = None, phone: str | None = None
) -> list[str | None]:
    """The names of leads that are found by one."""
    return [row.full_name for row in (await db.read(search, name, email=email, phone=phone)).rows]


# --- what matches ----------------------------------------------------------------------------------------------------


@pytest.mark.fault("F119")
@pytest.mark.parametrize(
    ("name", "finds", "misses"),
    [
        ("Алексей Иванов", ["иван", "АЛЕКСЕЙ  И", "ива алекс", "иванов алексей"], ["ванов", "иванова", "алексей петр"]),
        ("Пётр Алёшин", ["петр", "Пётр", "пе\u0308тр", "алеш"], ["петя"]),
        ("Groß", ["gross", "GROSS", "groß", "GROẞ"], ["gros\u017fa"]),
        ("İSTANBULLU IŞIK", ["istanbul", "İstanbul", "ışık", "işik", "IŞIK"], ["stan"]),
        ("Ａｎｎａ ﬁnch", ["anna", "fi", "ＡＮＮＡ finch"], ["nna"]),
        ("ΣΊΣΥΦΟΣ", ["σίσυφος", "σίσυφοσ"], ["συφ"]),
        ("Mary-Ann O’Brien", ["ann", "brien", "o'b", "mary ann", "O’Brien"], ["maryann", "rien"]),
        ("हिन्दी", ["हिन्दी", "हि"], ["न्दी"]),
        ("مِحمد\u200cی", ["مِحمد", "مِحمد\u200cی"], []),
        ("Client 1005", ["1005", "client 10"], ["005", "5"]),
        ("✨Anna✨ ❤️", ["anna", "Anna✨"], ["✨", "\ufe0f"]),
        ("an%na _x_ 100%", ["an", "na", "x", "100%", "%100"], ["%", "_", "a%b", "_y"]),
        ("so\u00adft\u200e", ["soft", "so\u200dft"], ["so\u200bft"]),
        ("Анна\u200bМария", ["анна", "мария"], ["аннам"]),
        (f"{'a' * 90} b", ["a" * 32, "a" * 200, "b"], ["a" * 20 + "b"]),
    ],
)
async def test_name_is_found_by_beginnings_of_its_words(
    db: Database, name: str, finds: list[str], misses: list[str]
) -> None:
    await db.write(add, name, "zzz", None)
    for wanted in finds:
        assert await found(db, wanted) == [name], wanted
    for wanted in misses:
        assert await found(db, wanted) == [], wanted


async def test_blank_name_is_no_filter_and_one_without_letters_finds_nobody(db: Database) -> None:
    await db.write(add, "Anna", None, "!?")
    for blank in (None, "", " \t"):
        assert (await db.read(search, blank)).total == 3
    for odd in ("!?", "%", "_", "🦊", "'", "\u200d", "\ud800", "\x00"):
        assert (await db.read(search, odd)).total == 0


async def test_name_with_other_filters_must_match_as_well(db: Database) -> None:
    def fill(s: Session) -> None:
        for number, name in enumerate(("Anna Ivanova", "Anna Petrova")):
            leads.create(
                s, LeadFacts(email=f"{number}@x.yy", phone=check_phone("+7 999 0000000"), full_name=name), now=NOW
            )

    await db.write(fill)
    assert await found(db, "iv anna", phone="79990000000") == ["Anna Ivanova"]
    assert await found(db, "anna", phone="79990000000", email="1@x.yy") == ["Anna Petrova"]
    assert await found(db, "iv", email="1@x.yy") == []
    assert await found(db, "%", email="1@x.yy") == []


ALPHABET = "aаёеßsiİıIΣς1 -%_'\u0307\u0308\u200dé✨"


@pytest.mark.further
@given(name=st.text(max_size=300))
def test_words_of_any_name_are_bounded_and_find_it(name: str) -> None:
    known = lead_words.words(name)
    assert len(known) <= lead_words.WORDS_MOST
    for word in known:
        assert 0 < len(word) <= lead_words.WORD_LONGEST
        assert word[0].isalnum()
        word.encode()
        assert "\x00" not in word
    for beginning in lead_words.beginnings(name):
        assert any(word.startswith(beginning) for word in known)


@given(name=st.text(max_size=40) | st.text(alphabet=ALPHABET, max_size=40))
def test_plain_name_has_the_words_that_looking_at_each_character_finds(name: str) -> None:
    known = lead_words.words(name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lead_words, "_PLAIN", re.compile("(?!)"))  # no name is plain
        assert lead_words.words(name) == known


@pytest.mark.further
async def test_search_finds_what_a_plain_comparison_finds(db: Database) -> None:
    """Names and queries of random characters, compared with every name in Python, page by page."""
    dice = random.Random(5)
    names = ["".join(dice.choices(ALPHABET, k=dice.randrange(13))) for _ in range(300)]
    ids = await db.write(add, *names)
    for _ in range(150):
        wanted = "".join(dice.choices(ALPHABET, k=dice.randrange(1, 5)))
        if not wanted.strip():
            continue
        beginnings = lead_words.words(wanted)
        expected = [
            lead_id
            for lead_id, name in zip(ids, names, strict=True)
            if beginnings and all(any(word.startswith(one) for word in lead_words.words(name)) for one in beginnings)
        ]
        for skip, limit in ((0, 1_000), (2, 3), (0, 1)):
            page = await db.read(search, wanted, skip=skip, limit=limit)
            assert ([row.id for row in page.rows], page.total) == (expected[skip : skip + limit], len(expected)), wanted
            assert page.is_complete


# --- what changes a name ---------------------------------------------------------------------------------------------


def telegram_person(name: str, *, language: str = "en") -> dict[str, Any]:
    """The arguments of `known_clients.identify` for a client of this name."""
    person = LeadFacts(external_id="tg:7", full_name=name, language=language)
    return {"bot_id": BOT, "chat_id": 7, "person": person, "now": NOW}


def renamed_in_telegram(s: Session) -> None:
    known_clients.identify(s, **telegram_person("Anna Petrova"))
    known_clients.identify(s, **telegram_person("Eve Petrova"))


def renamed_by_the_api(s: Session) -> None:
    (lead_id,) = add(s, "Anna Petrova")
    leads.change(s, lead_id=lead_id, values={"full_name": "Eve Petrova"}, actor=LOCAL_API, now=NOW)


def named_later(s: Session) -> None:
    leads.find_or_create(s, LeadFacts(external_id="x", email="a@x.yy"), now=NOW)
    leads.find_or_create(s, LeadFacts(external_id="x", full_name="Eve Petrova"), now=NOW)
    leads.find_or_create(s, LeadFacts(external_id="x", full_name="Anna Ivanova"), now=NOW)  # known names stay


@pytest.mark.fault("F119")
@pytest.mark.parametrize("rename", [renamed_in_telegram, renamed_by_the_api, named_later])
async def test_renamed_lead_is_found_by_the_new_name_only(db: Database, rename: Callable[[Session], None]) -> None:
    await db.write(open_office, weights=[1], limit=5)
    await db.write(rename)
    assert await found(db, "eve") == await found(db, "petrova") == ["Eve Petrova"]
    assert await found(db, "anna") == []
    await db.read(check_words)


async def test_lead_whose_name_is_removed_is_found_by_none(db: Database) -> None:
    (lead_id,) = await db.write(add, "Anna Petrova")
    await db.write(leads.change, lead_id=lead_id, values={"full_name": None}, actor=LOCAL_API, now=NOW)
    assert await found(db, "anna") == []
    await db.read(check_words)


async def test_deleted_lead_leaves_no_words(db: Database) -> None:
    await db.write(add, "Anna Petrova", "Eve Petrova")
    await db.write(lambda s: s.execute(delete(Event.__table__)))
    await db.write(lambda s: s.execute(delete(Lead.__table__).where(Lead.full_name == "Anna Petrova")))
    assert await db.read(lambda s: sorted(s.execute(select(LeadWord.word)).scalars())) == ["eve", "petrova"]


async def test_unchanged_name_writes_no_words(db: Database) -> None:
    await db.write(open_office, weights=[1], limit=5)
    await db.write(known_clients.identify, **telegram_person("Anna Petrova"))
    with counted() as statements:
        await db.write(known_clients.identify, **telegram_person("Anna Petrova"))
        await db.write(known_clients.identify, **telegram_person("Anna Petrova", language="ru"))
    assert any("UPDATE leads" in one for one in statements)
    assert not [one for one in statements if "lead_words" in one]


@pytest.mark.fault("F119")
async def test_lead_renamed_twice_at_the_same_moment_has_the_words_of_one_name(db: Database) -> None:
    (lead_id,) = await db.write(add, "Anna Petrova")

    def rename(name: str) -> Callable[[Session], None]:
        values: dict[str, str | None] = {"full_name": name}
        return lambda s: leads.change(s, lead_id=lead_id, values=values, actor=LOCAL_API, now=NOW)

    rounds = 0
    for boundary in itertools.count(1):
        first, second = rename(f"One Name{boundary}"), rename(f"Two Name{boundary}")
        outcome = await interleave(db, first, second, at=boundary)
        assert outcome.results == [None, None]
        await db.read(check_words)
        rounds += 1
        if not outcome.paused:
            break
    assert rounds >= (1 if db.url.get_backend_name() == "sqlite" else 3)


# --- what it costs ---------------------------------------------------------------------------------------------------


def fill(s: Session) -> None:
    """Three thousand names, two thousand of which begin alike, behind statistics that PostgreSQL knows."""
    rows = [{"id": number, "created_at": NOW} for number in range(1, 3_001)]
    s.execute(insert(Lead.__table__), rows)
    common = [{"lead_id": number, "word": f"an{number % 7}"} for number in range(1, 2_001)]
    others = [{"lead_id": number, "word": f"iv{number}"} for number in range(1, 3_001)]
    s.execute(insert(LeadWord.__table__), [*common, *others])


def plan(s: Session, statement: str, parameters: Any) -> list[str]:
    """The steps by which the database executes a statement."""
    if s.get_bind().dialect.name == "sqlite":
        rows = s.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return [row[3] for row in rows]
    return [row[0] for row in s.connection().exec_driver_sql(f"EXPLAIN {statement}", parameters)]


@contextmanager
def executed() -> Iterator[list[tuple[str, Any]]]:
    """Collects what the search sends."""
    sent: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        sent.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@pytest.mark.fault("F119")
@pytest.mark.parametrize("wanted", ["an", "iv7", "an iv", "zz an", "an1 an2 iv20"])
async def test_search_by_name_reads_words_from_an_index_and_no_more_than_it_may(db: Database, wanted: str) -> None:
    await db.write(fill)
    if db.url.get_backend_name() == "postgresql":
        await db.write(lambda s: s.execute(text("ANALYZE leads, lead_words")))

    def explain(s: Session) -> list[list[str]]:
        if s.get_bind().dialect.name == "postgresql":  # so few rows are read faster without an index
            s.execute(text("SET LOCAL enable_seqscan = off"))
        with executed() as sent:
            search(s, wanted, limit=10)
        return [plan(s, *one) for one in sent if "lead_words" in one[0]]

    plans = await db.read(explain)
    assert plans
    for steps in plans:
        assert any("ix_lead_words_word_lead_id" in step for step in steps), steps
        assert not [one for one in steps if re.search(r"Seq Scan|Join|SCAN (lead_words|leads)", one)], steps


@pytest.mark.fault("F119")
async def test_name_of_too_many_leads_is_searched_in_part_and_says_so(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lead_words, "LOOKED_AT", 3)
    await db.write(add, *(f"{first} {last}" for first in ("Anna", "Ann") for last in ("Ivanova", "Petrova", "Orlova")))
    await db.write(add, "Zed")
    exact = await db.read(search, "ann")
    assert [row.full_name for row in exact.rows] == [
        "Ann Ivanova",
        "Ann Petrova",
        "Ann Orlova",
    ]  # the first by alphabet
    assert (exact.total, exact.is_complete) == (3, False)
    both = await db.read(search, "ann orl")
    assert ([row.full_name for row in both.rows], both.is_complete) == (["Anna Orlova", "Ann Orlova"], True)
    assert (await db.read(search, "anna")).is_complete
    assert (await db.read(search, "")).is_complete
