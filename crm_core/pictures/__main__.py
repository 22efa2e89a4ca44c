"""Draws one picture: SVG comes in, PNG goes out. `crm_core.pictures.drawing` starts this as a subprocess."""

import sys

import resvg_py

from crm_core.pictures.font import BOLD, REGULAR
from crm_core.subprocesses import lower_priority


def main() -> None:
    """Reads SVG from standard input and writes PNG to standard output."""
    lower_priority(10)
    svg = sys.stdin.buffer.read().decode()
    png = resvg_py.svg_to_bytes(svg_string=svg, skip_system_fonts=True, font_files=[str(REGULAR), str(BOLD)])
    sys.stdout.buffer.write(bytes(png))


if __name__ == "__main__":
    main()
