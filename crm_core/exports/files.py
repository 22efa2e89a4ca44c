"""The files of an export: CSV and XLSX, written row by row."""

import csv
import errno
import io
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import IO, Any, ClassVar
from zipfile import ZIP_DEFLATED, ZipFile

from crm_core.exports.inert import inert, is_formula_like
from crm_core.exports.kinds import What
from crm_core.exports.rows import COLUMNS, Cells, Kind
from crm_core.graphemes import beginning

CELL_LONGEST = 32_767  # characters (Excel)
SHEET_LONGEST = 1_048_576  # rows (Excel)
WIDTHS = {Kind.NUMBER: 10, Kind.TEXT: 24, Kind.MOMENT: 20, Kind.WORD: 14}  # of columns, in characters
CHUNK = 100  # rows between checks of the size of a file


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of a file besides its data, in the reader's language.

    Attributes:
        sheet: the name of the table.
        columns: headings by the columns' codes.
        values: for our own codes, and for `true` and `false`.
        delimiter: between the cells of CSV. Excel splits at the list separator of its locale, `;` where the decimal
            separator is a comma, as in Russia; a file with the other one opens as a single column.
    """

    sheet: str
    columns: dict[str, str]
    values: dict[str, str]
    delimiter: str


class TableFile(ABC):
    """A file that is being written.

    Attributes:
        suffix: of its name.
    """

    suffix: ClassVar[str]

    def __init__(self, path: Path, *, what: What, words: Words, zone: tzinfo) -> None:
        """
        Args:
            path: of the file; temporary files are put beside it.
            zone: the time zone of moments in the file.
        """
        self.path, self.words, self.zone = path, words, zone
        self.kinds = list(COLUMNS[what].values())
        self.headings = [words.columns[code] for code in COLUMNS[what]]
        self.size = 0
        """Bytes written so far, not less than the size of the file."""
        # Personal data: readable only for the user whose process this is.
        self._file: IO[bytes] = open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600))  # noqa: SIM115

    @abstractmethod
    def add(self, rows: Sequence[Cells]) -> None:
        """Writes rows."""

    @abstractmethod
    def close(self) -> None:
        """Writes the rest; the file is complete then."""

    def abandon(self) -> None:
        """Closes a file that will not be finished."""
        self._file.close()

    def word(self, value: Any) -> str:
        """One of our codes, True or False in the reader's language."""
        code = str(value).lower() if isinstance(value, bool) else str(value)
        return self.words.values.get(code, code)

    def moment(self, value: datetime) -> datetime:
        """A moment in local time of the installation."""
        return value.astimezone(self.zone).replace(tzinfo=None, microsecond=0)


class CsvFile(TableFile):
    """CSV in UTF-8 with a byte order mark, without which Excel decodes Cyrillic wrongly.

    Every cell is in quotation marks: a program that splits at several separators leaves it whole.
    """

    suffix = ".csv"

    def __init__(self, path: Path, *, what: What, words: Words, zone: tzinfo) -> None:
        super().__init__(path, what=what, words=words, zone=zone)
        self._out = self._file
        self._buffer = io.StringIO()
        self._writer = csv.writer(self._buffer, delimiter=words.delimiter, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
        self._buffer.write("\ufeff")
        converts: dict[Kind, Callable[[Any], Any]] = {
            Kind.NUMBER: str,
            Kind.TEXT: inert,
            Kind.MOMENT: self._moment,
            Kind.WORD: self.word,
        }
        self._converts = [converts[kind] for kind in self.kinds]
        self._writer.writerow(self.headings)

    def add(self, rows: Sequence[Cells]) -> None:
        """Writes rows."""
        for row in rows:
            self._writer.writerow(
                "" if value is None else convert(value) for convert, value in zip(self._converts, row, strict=True)
            )
        self._flush()

    def close(self) -> None:
        """Writes the rest."""
        self._flush()
        self._file.close()

    def _flush(self) -> None:
        self._out.write(self._buffer.getvalue().encode())
        self._buffer.seek(0)
        self._buffer.truncate()
        self.size = self._file.tell()

    def _moment(self, value: datetime) -> str:
        return self.moment(value).isoformat(" ")  # Excel reads this as a date and time in every locale


class ZippedCsvFile(CsvFile):
    """The same CSV in a ZIP archive, a tenth as large."""

    suffix = ".csv.zip"

    def __init__(self, path: Path, *, what: What, words: Words, zone: tzinfo) -> None:
        super().__init__(path, what=what, words=words, zone=zone)
        self._archive = ZipFile(self._file, "w", ZIP_DEFLATED)
        self._out = self._archive.open(f"{what}.csv", "w", force_zip64=True)

    def close(self) -> None:
        """Writes the rest, and the archive's directory."""
        self._flush()
        self._out.close()
        self._archive.close()
        self._file.close()

    def abandon(self) -> None:
        """Closes a file that will not be finished."""
        with suppress(ValueError, OSError):
            self._out.close()
            self._archive.close()
        super().abandon()


class XlsxFile(TableFile):
    """XLSX with real dates and numbers; texts stay texts, whatever they look like."""

    suffix = ".xlsx"

    def __init__(self, path: Path, *, what: What, words: Words, zone: tzinfo) -> None:
        import xlsxwriter  # 2 MB that the process of the bot, which only knows this module, does without

        super().__init__(path, what=what, words=words, zone=zone)
        options = {
            "constant_memory": True,
            "tmpdir": str(path.parent),
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        }
        self._book = xlsxwriter.Workbook(self._file, options)
        self._book.use_zip64()  # used only if it gets that large
        self._bold = self._book.add_format({"bold": True})
        self._date = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        # As if an apostrophe had been typed before it: it stays text when somebody edits the cell.
        self._inert = self._book.add_format({"quote_prefix": True})
        self._row, self._sheets = SHEET_LONGEST, 0

    def add(self, rows: Sequence[Cells]) -> None:
        """Writes rows; a sheet that is full is followed by another."""
        for row in rows:
            if self._row == SHEET_LONGEST:
                self._begin_sheet()
            for place, (kind, value) in enumerate(zip(self.kinds, row, strict=True)):
                if value is not None:
                    self._cell(place, kind, value)
            self._row += 1

    def close(self) -> None:
        """Writes the workbook."""
        from xlsxwriter.exceptions import XlsxWriterException

        if not self._sheets:
            self._begin_sheet()
        self._end_sheet()
        try:
            self._book.close()
        except XlsxWriterException as error:  # it hides that the disk is full
            raise OSError(errno.EIO, str(error)) from error
        self._file.close()

    def abandon(self) -> None:
        """Closes a file that will not be finished, and XlsxWriter's temporary files beside it."""
        for sheet in self._book.worksheets():
            sheet._opt_close()  # no public way: closing the book would write all of it first
        super().abandon()

    def _begin_sheet(self) -> None:
        if self._sheets:
            self._end_sheet()
        self._sheets += 1
        self._sheet = self._book.add_worksheet(self.words.sheet + (f" {self._sheets}" if self._sheets > 1 else ""))
        self._sheet.freeze_panes(1, 0)
        for place, kind in enumerate(self.kinds):
            self._sheet.set_column(place, place, WIDTHS[kind])
        for place, heading in enumerate(self.headings):
            self._sheet.write_string(0, place, heading, self._bold)
        self._row = 1

    def _end_sheet(self) -> None:
        self._sheet.autofilter(0, 0, self._row - 1, len(self.kinds) - 1)

    def _cell(self, place: int, kind: Kind, value: Any) -> None:
        match kind:
            case Kind.NUMBER:
                self._sheet.write_number(self._row, place, value)
                self.size += 16
            case Kind.MOMENT:
                self._sheet.write_datetime(self._row, place, self.moment(value), self._date)
                self.size += 24
            case _:
                text = beginning(self.word(value) if kind is Kind.WORD else value, CELL_LONGEST)
                self._sheet.write_string(self._row, place, text, self._inert if is_formula_like(text) else None)
                self.size += len(text.encode()) + 16
