"""CSV is inert: whatever clients write, no program makes a formula or another number of it, wherever it splits."""

import csv
import re
import time
import unicodedata
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from crm_core.exports.inert import SIGNS, inert, is_formula_like
from crm_core.exports.kinds import Form, What
from crm_core.exports.making import make
from crm_core.storage.database import Database
from tests.domain.exports.test_exports import opened, order
from tests.domain.statistics.test_statistics import Books

LIVE = ["=1+1", "+7*2", "-2+3", "@SUM(1)", "＝1+1", "＋1", "－1", "＠x", "﹦1", '=HYPERLINK("https://evil.example")']
CUTS = [
    ";",
    ",",
    "\t",
    "\r",
    "\n",
    "\r\n",
    ";;",
    ",;",
    "; ",
    ",\u00a0",
    ';"',
    ',""',
    "\n\u200b",
    "|",
    "\u2028",
    ";\ufeff",
]
CORPUS = [
    *LIVE,
    *(f"hi{cut}{live}{cut}bye" for cut, live in product(CUTS, LIVE)),
    *(f"{cut}{live}" for cut, live in product(CUTS, LIVE)),
    *(f"{before}{live}" for before, live in product([" ", '"', '""', "\u200b", "\u202e", "\x0b", "\u3000"], LIVE)),
    "=cmd|' /C calc'!A0",
    'a";=1+1;"',
    'a",=1+1,"',
    '"";"";=1+1',
    "one\n- two\n- three",
    "a;\n,\t=1",
    "\\;=1",
]


def fields(text: str) -> Iterator[str]:
    """Every cell that some program finds: with quotation marks or without, split at one separator or at all of them."""
    for delimiter in (",", ";", "\t", "|"):
        for row in csv.reader(text.splitlines(keepends=True), delimiter=delimiter):
            yield from row
        for row in csv.reader(re.split("\r\n|\r|\n", text), delimiter=delimiter, quoting=csv.QUOTE_NONE):
            yield from row
    yield from re.split("[;,\t|\r\n]", text)


def runs(cell: str) -> bool:
    """Whether a program that skips what cannot be seen, and quotation marks, finds the start of a formula."""
    for char in cell:
        if char == '"' or char.isspace() or unicodedata.category(char) in {"Cc", "Cf"}:
            continue
        return unicodedata.normalize("NFKC", char) in set("=+-@")
    return False


@pytest.mark.fault("F103")
@pytest.mark.parametrize("language", ["ru", "en"])
async def test_no_reader_of_a_csv_finds_a_formula_at_any_separator(db: Database, tmp_path: Path, language: str) -> None:
    def story(s: Session) -> None:
        Books(s)
        for words in CORPUS:
            opened(s, name=words, message=words, username=words)

    await db.write(story)
    made = await make(db, order(What.CONTACTS, Form.CSV, tmp_path / "a.csv", language=language))
    text = made.files[0].read_bytes().decode("utf-8-sig")
    assert [cell for cell in fields(text) if runs(cell)] == []
    delimiter = ";" if language == "ru" else ","
    with made.files[0].open(encoding="utf-8-sig", newline="") as file:  # nothing is lost but for the apostrophes
        rows = list(csv.reader(file, delimiter=delimiter))[-len(CORPUS) :]
    assert [row[10].replace("'", "") for row in rows] == [words.replace("'", "") for words in CORPUS]
    assert {len(row) for row in rows} == {17}


@pytest.mark.fault("F103")
@given(st.text(st.sampled_from([*SIGNS, *";,\t\r\n|\"' aя1", "\u200b", "\u00a0"]), max_size=12))
def test_any_text_is_inert_whatever_is_cut_off_before_it(words: str) -> None:
    safe = inert(words)
    assert not is_formula_like(safe)
    assert [cell for cell in fields(f'"7","x";"{safe.replace(chr(34), chr(34) * 2)}"\r\n') if runs(cell)] == []
    assert safe.replace("'", "") == words.replace("'", "")


@pytest.mark.fault("F103")
@pytest.mark.parametrize(
    "words",
    [
        "0441234567", "89991234567", "00123", "9991234567", "1-2", "3.10", "12:30", "1/2", "1e5", "00E12",
        "10 %", "007 ", "8 (999) 123-45-67", "０４４", "1234567890123456789", "1,5", "(5)", "€5", "1–2",
        "MAR1", "1 мая", "Sept 2",
    ],
)  # fmt: skip
async def test_csv_keeps_digits_that_a_spreadsheet_would_change(db: Database, tmp_path: Path, words: str) -> None:
    await db.write(lambda s: opened(s, phone=words, external_id=words, message=words) if Books(s) else None)
    for language, delimiter in (("ru", ";"), ("en", ",")):
        made = await make(db, order(What.CONTACTS, Form.CSV, tmp_path / "a.csv", language=language))
        with made.files[0].open(encoding="utf-8-sig", newline="") as file:
            row = list(csv.reader(file, delimiter=delimiter))[-1]
        assert [row[column] for column in (7, 9, 10)] == [f"'{words}"] * 3
        assert row[0] == "1"  # our own numbers stay numbers


def test_harmless_text_is_not_escaped() -> None:
    for words in (
        "1+1", "Анна", "'=1", "a=b", "", "a, b; c", "me@example.com", "7", "12345678", "0", "tg:8123456789", "№ 007",
        "Цена: 5 - 7 тысяч", '{"было": 1}', "a — b", ":-)", "e", "May", "Мария 2 раза", "Марина",
    ):  # fmt: skip
        assert inert(words) == words


def test_escaping_takes_no_longer_for_hostile_texts() -> None:
    """Some seconds each, if a run of separators or digits were looked at again from each of its places."""
    begun = time.process_time()
    for words in (
        "\n" * 30_000 + "x",
        "1" * 30_000 + "x",
        '"' * 30_000,
        ";" * 30_000,
        " " * 30_000 + "=",
        "1 " * 15_000,
    ):
        inert(words)
    assert time.process_time() - begun < 1
