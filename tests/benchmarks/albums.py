"""An album of ten, client to operator, compared with one photo: both in an open request, by one running bot."""

import asyncio

from bot.sandbox import Person
from bot.sandbox.world import content
from tests.benchmarks.bot_programs import TIMEOUT, SandboxSetup, mini_crm, sandbox_setup
from tests.benchmarks.conversations import send_and_wait
from tests.benchmarks.part import Context, Rows
from tests.benchmarks.percentiles import median
from tests.benchmarks.table import Row

MAX_RATIO = 1.5
PARTS = 10
_POLL_SECONDS = 0.03  # long enough that looking does not disturb what is measured
_PAUSE_SECONDS = 0.02
_ONE = content.photo()
_TEN = content.album(*(content.photo() for _ in range(PARTS)))


async def measure(context: Context) -> Rows:
    """Sends a photo and an album in turn to the holder of an open request."""
    template = await context.databases.with_operators()
    program = mini_crm(template.copy_into(context.folder))
    async with sandbox_setup(template.accounts, context.sizes) as setup, program(setup):
        await setup.sandbox.online(setup.bot, timeout=TIMEOUT)
        taken = [await _pair(setup, number) for number in range(context.sizes.album_pairs + 1)]
    ones, tens = zip(*taken[1:], strict=True)
    ratio = median(tens) / median(ones)
    yield Row(
        f"album of {PARTS}, client → operator, median of {context.sizes.album_pairs}",
        f"{median(tens) * 1000:.1f} ms",
        f"one photo {median(ones) * 1000:.1f} ms",
        f"{ratio:.2f}",
        f"≤ {MAX_RATIO}",
        ratio <= MAX_RATIO,
    )


async def _pair(setup: SandboxSetup, number: int) -> tuple[float, float]:
    """A photo and an album of a new client, as one who sends many would be slowed down; returns how long each took.

    Which of them comes first changes with the number: the overview is edited some time after the new request.
    """
    client = setup.sandbox.person(f"Client {number}", language_code="en")
    await send_and_wait(setup, number, client_id=client.id)
    taken = {}
    for what, count in ((_ONE, 1), (_TEN, PARTS))[:: 1 if number % 2 else -1]:
        taken[count] = await _send(setup, client, what, count)
    return taken[1], taken[PARTS]


async def _send(setup: SandboxSetup, client: Person, what: content.Content, count: int) -> float:
    """Sends a content of so many parts; returns how many seconds it took until the operator had all of it."""
    await client.sends_all(what, to=setup.bot)
    sent, arrived = 0.0, list[float]()
    async with asyncio.timeout(TIMEOUT):
        while len(arrived) < count:
            await asyncio.sleep(_POLL_SECONDS)
            for entry in setup.sandbox.transcript(since=setup.since):
                setup.since = entry["seq"]
                if entry["event"] == "new" and entry["kind"] == "photo":
                    if entry["request_id"] is None:
                        sent = entry["time"]
                    else:
                        arrived.append(entry["time"])
    await asyncio.sleep(_PAUSE_SECONDS)  # it finishes its other work before the next one comes
    return arrived[-1] - sent
