"""The sandbox as a process of its own: `python -m bot.sandbox --port 8081 --bot 42:secret:shop_bot`."""

import argparse
import asyncio
import signal
from collections.abc import Sequence

from bot.sandbox.people.sandbox import Sandbox
from bot.sandbox.world.faults import KINDS
from bot.sandbox.world.limits import STALL


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bot.sandbox", description="A local Telegram on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=8081, help="0 for any free one")
    parser.add_argument("--bot", action="append", default=[], metavar="TOKEN:USERNAME", help="may be repeated")
    parser.add_argument("--limits", action="store_true", help="enforce Telegram's rate limits")
    parser.add_argument(
        "--lenient", action="store_true", help="do not check requests against the schema (for benchmarks)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of everything random")
    parser.add_argument("--fail-every", type=int, metavar="N", help="inject a fault on every N-th call")
    parser.add_argument("--fail-kind", choices=sorted(KINDS), default="silent", help="which fault")
    parser.add_argument("--fail-method", metavar="METHOD", help="only calls of this method")
    return parser.parse_args(argv)


CHECK_INTERVAL = 0.05  # seconds


async def _note_stalls(sandbox: Sandbox) -> None:
    """Record when this process was not scheduled in time: rate limits cannot be judged then."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + CHECK_INTERVAL
        await asyncio.sleep(CHECK_INTERVAL)
        late = loop.time() - due
        if late > STALL:
            now = sandbox.world.now()
            sandbox.world.limits.note_stall(now - late, now)


async def serve(arguments: argparse.Namespace) -> None:
    """Serve until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    sandbox = await Sandbox.start(
        arguments.port, limits=arguments.limits, seed=arguments.seed, strict=not arguments.lenient
    )
    async with sandbox:
        for bot in arguments.bot:
            token, _, username = bot.rpartition(":")
            sandbox.add_bot(token, username)
        if arguments.fail_every:
            sandbox.fail(kind=arguments.fail_kind, method=arguments.fail_method, every=arguments.fail_every)
        print(f"sandbox ready {sandbox.url}", flush=True)
        noting = asyncio.create_task(_note_stalls(sandbox))
        await stop.wait()
        noting.cancel()


if __name__ == "__main__":
    asyncio.run(serve(_arguments(None)))
