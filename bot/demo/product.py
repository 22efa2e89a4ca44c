"""The product as a process of its own, for `make sandbox`: `python -m bot.demo.product`, told by its standard input.

The first line is a JSON object, see `product_order.Order`. Each further line is the number of seconds
by which the clock is ahead of the machine's. The end of the input stops it, so that it never outlives the command that
started it.
"""

import asyncio
import json
import sys
from dataclasses import asdict

from bot.app import App
from bot.demo.product_order import Clock, Order, Ready
from bot.logs import set_up_logging
from bot.settings import Settings
from crm_core.access import api_keys
from crm_core.access.actors import SYSTEM
from crm_core.access.scopes import READ

KEY_NAME = "sandbox page"


async def work(order: Order, lines: asyncio.StreamReader) -> None:
    """Works until the lines end."""
    clock = Clock(order.ahead)
    told = asyncio.create_task(follow(clock, lines))  # time passes while it starts, too
    # Not `load_settings`: nothing of a real installation's environment may reach this one, tokens least of all.
    settings = Settings.model_construct(
        bot_tokens=[order.token],
        database_url=order.database_url,
        telegram_api_url=order.telegram_url,
        default_language=order.language,
        timezone=order.zone,
        http_port=0,
        backup_keep=0,
    )
    async with App(settings, clock=clock) as app:
        if not await app.db.read(api_keys.exist):
            await app.db.write(
                api_keys.create, key=order.key, name=KEY_NAME, scope=READ, source_id=None, actor=SYSTEM, now=clock()
            )
        await app.supervisor.settled()
        print(json.dumps(asdict(Ready(app.http.address, await app.first_admin_link()))), flush=True)
        await told


async def follow(clock: Clock, lines: asyncio.StreamReader) -> None:
    """Moves the clock as the lines say, until they end."""
    while line := await lines.readline():
        clock.ahead = float(line)


async def main() -> None:
    """Reads the order and works."""
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    set_up_logging(level="WARNING")
    await work(Order(**json.loads(await lines.readline())), lines)


def run() -> None:
    """Reads the order and works, to the end."""
    asyncio.run(main())


if __name__ == "__main__":
    run()
