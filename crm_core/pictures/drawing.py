"""From SVG to PNG, in a process of its own.

resvg holds the interpreter while it draws, 100 to 250 ms: in the event loop, or in a thread beside it, every client
would wait for that long. A process that is started for a picture and ends with it costs some 50 ms more, but no memory
while nobody asks, which is nearly always, since pictures are kept; and should drawing crash or hang, nothing else does.
"""

import asyncio
import sys
from pathlib import Path

LONGEST = 10.0  # seconds
ROOT = Path(__file__).parents[2]  # where `crm_core` is found, wherever the program was started


class NotDrawn(Exception):
    """There is no picture; the text says what happened, for the log."""


async def draw(svg: str) -> bytes:
    """A picture as PNG. Raises NotDrawn."""
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "crm_core.pictures", cwd=ROOT, start_new_session=True,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
    except OSError as error:
        raise NotDrawn(f"no process: {error}") from error
    try:
        png, complaint = await asyncio.wait_for(process.communicate(svg.encode()), LONGEST)
    except TimeoutError:
        raise NotDrawn(f"not done within {LONGEST} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0 or not png.startswith(b"\x89PNG"):
        last = complaint.decode(errors="replace").strip().splitlines()[-1:] or [f"status {process.returncode}"]
        raise NotDrawn(last[0])
    return png
