"""The terminal: columns that stay straight with Cyrillic and emoji, and colour only where there is a terminal."""

import shutil
import sys
import time
import unicodedata
from typing import TextIO

import click

NARROWEST, WIDEST = 76, 118
TIME, NUMBER = 6, 6  # cells of the first columns
WHO_SHARE = 0.27  # of the width


def cells(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return sum(_cell(character) for character in text)


def _cell(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def fit(text: str, width: int) -> str:
    """The text in exactly so many columns: cut with an ellipsis, or filled with spaces."""
    line = cut(text, width)
    return line + " " * (width - cells(line))


def cut(text: str, width: int) -> str:
    """The text in one line of at most so many columns."""
    line = " ".join(text.split())
    if cells(line) <= width:
        return line
    kept, taken = [], 0
    for character in line:
        taken += _cell(character)
        if taken > width - 1:
            break
        kept.append(character)
    return "".join(kept).rstrip() + "…"


class Screen:
    """Writes the demo's lines, each as it happens."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self.is_terminal = self._out.isatty()
        columns = shutil.get_terminal_size((100, 24)).columns
        self.width = max(NARROWEST, min(columns - 1, WIDEST))
        self._who = round(self.width * WHO_SHARE)
        self._begun = time.monotonic()
        self._passing = False

    def _write(self, line: str = "") -> None:
        if self._passing:
            click.echo("\r\033[K", file=self._out, nl=False)
            self._passing = False
        click.echo(line.rstrip(), file=self._out)  # which leaves the colours out where there is no terminal
        self._out.flush()

    def title(self, text: str, subtitle: str) -> None:
        """The first lines."""
        self._write()
        self._write("  " + click.style(text, bold=True) + "  " + click.style(subtitle, dim=True))
        self._write(click.style("  " + "─" * (self.width - 4), dim=True))

    def heading(self, text: str, note: str = "") -> None:
        """The beginning of a part."""
        self._write()
        self._write("  " + click.style(text, bold=True) + ("  " + click.style(note, dim=True) if note else ""))
        self._write()

    def note(self, text: str) -> None:
        """A quiet line."""
        self._write(click.style("  " + text, dim=True))

    def plain(self, text: str, **style: object) -> None:
        """A line as it is."""
        self._write("  " + (click.style(text, **style) if style else text))  # type: ignore[arg-type]

    def row(self, number: int | None, who: str, what: str, *, tone: str | None = None, quiet: bool = False) -> None:
        """Something that happened.

        Args:
            number: of the contact, once there is one.
            tone: the colour of `who`.
            quiet: whether it is a consequence of the row above, shown without the time.
        """
        moment = "" if quiet else f"{time.monotonic() - self._begun:.1f}"
        rest = self.width - TIME - NUMBER - self._who - 4
        self._write(
            " "
            + click.style(moment.rjust(TIME - 1) + " ", dim=True)
            + click.style(
                fit("" if number is None else f"#{number}", NUMBER), bold=None if quiet else True, dim=quiet or None
            )
            + click.style(
                fit(who, self._who) if what else cut(who, self._who), fg=tone, dim=(quiet and tone is None) or None
            )
            + (" " + click.style(cut(what, rest), dim=quiet or None) if what else "")
        )

    def passing(self, text: str) -> None:
        """A line that the next one replaces; only a terminal shows it."""
        if self.is_terminal:
            click.echo("\r\033[K  " + cut(text, self.width - 4), file=self._out, nl=False)
            self._out.flush()
            self._passing = True
