"""From SVG to PNG, in a subprocess.

resvg holds the interpreter while it draws, 100 to 250 ms: in the event loop, or in a thread beside it, every client
would wait for that long. A process per picture costs some 50 ms more, but no memory while no picture is made, which is
nearly always, since pictures are cached; and if drawing crashes or hangs, nothing else is affected.
"""

import asyncio

from crm_core.subprocesses import NoResult, no_result, run_package

LONGEST = 10.0  # seconds


async def draw(svg: str) -> bytes:
    """Renders SVG to PNG. Raises NoResult."""
    async with run_package("crm_core.pictures") as process:
        try:
            png, complaint = await asyncio.wait_for(process.communicate(svg.encode()), LONGEST)
        except TimeoutError:
            raise NoResult(f"not done within {LONGEST} s") from None
    if process.returncode != 0 or not png.startswith(b"\x89PNG"):
        raise no_result(process, complaint)
    return png
