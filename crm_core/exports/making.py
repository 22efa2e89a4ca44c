"""Making an export: pages are read, rows are written, and the files get their names when all are complete."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from crm_core.exports.files import CHUNK, CsvFile, TableFile, Words, XlsxFile, ZippedCsvFile
from crm_core.exports.folders import locked_folder, remove_abandoned
from crm_core.exports.kinds import Form, What
from crm_core.exports.rows import PAGE, Cells, Known, Span, page, prepare
from crm_core.storage.database import Database

ZIPPED_FROM = 50_000  # rows, some ten megabytes
UNFINISHED = ".mini-crm-"  # in the names of folders with unfinished files: nobody else's are ever removed

Progress = Callable[[int, int], None]
"""Called with the number of rows written, and of all rows."""


@dataclass(frozen=True, slots=True)
class Order:
    """An export that is to be made.

    Attributes:
        path: of the file; several are numbered.
        zone: the name of the time zone of moments in the file.
        largest: bytes that a file may have: large CSV is zipped, and what is still larger becomes several files. None
            for one file of any size.
    """

    what: What
    form: Form
    span: Span
    words: Words
    path: Path
    zone: str
    largest: int | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """The files of an export, and the number of their rows."""

    files: Sequence[Path]
    rows: int


async def make(db: Database, order: Order, *, on_progress: Progress = lambda done, total: None) -> Made:
    """Makes an export; if that fails or is interrupted, no file is left.

    Each page is read in a transaction of its own, so that neither database has to keep a snapshot for minutes: a row is
    as it was when its page was read. What killed exports have left beside the target is removed.
    Raises OSError, and the errors of an unavailable database.
    """
    parent = order.path.parent
    remove_abandoned(f".*{UNFINISHED}*", parent=parent)
    # Beside the target, on the same file system: renaming is one atomic step.
    with locked_folder(f".{order.path.name}{UNFINISHED}", parent=parent) as folder:
        files: list[TableFile] = []
        try:
            rows = await _write(db, order, files, folder, on_progress)
        except BaseException:
            for file in files:
                file.abandon()
            raise
        return Made(_named(order.path, files), rows)


async def _write(db: Database, order: Order, files: list[TableFile], folder: Path, on_progress: Progress) -> int:
    total, known = await db.read(prepare, what=order.what, span=order.span)
    kind = _kind(order, total)

    def begin() -> None:
        path = folder / str(len(files) + 1)
        files.append(kind(path, what=order.what, words=order.words, zone=ZoneInfo(order.zone)))

    begin()
    done = after = 0
    on_progress(0, total)
    while rows := await _page(db, order, known, after):
        for start in range(0, len(rows), CHUNK):
            if order.largest is not None and files[-1].size > order.largest:
                files[-1].close()
                begin()
            files[-1].add(rows[start : start + CHUNK])
        after = rows[-1][0]
        done += len(rows)
        on_progress(done, max(total, done))
    files[-1].close()
    return done


async def _page(db: Database, order: Order, known: Known, after: int) -> list[Cells]:
    return await db.read(page, what=order.what, span=order.span, known=known, after=after, size=PAGE)


def _kind(order: Order, rows: int) -> type[TableFile]:
    if order.form is Form.XLSX:
        return XlsxFile
    return ZippedCsvFile if order.largest is not None and rows > ZIPPED_FROM else CsvFile


def _named(path: Path, files: Sequence[TableFile]) -> list[Path]:
    """Gives the complete files their names: the requested one, or numbered ones."""
    if len(files) == 1 and not isinstance(files[0], ZippedCsvFile):
        return [files[0].path.replace(path)]
    named = []
    for number, file in enumerate(files, start=1):
        part = f"_{number}_of_{len(files)}" if len(files) > 1 else ""
        named.append(file.path.replace(path.with_name(f"{path.stem}{part}{file.suffix}")))
    return named
