"""Delivery of updates to a webhook: one after another per chat or per presser, repeated until a 2xx.

Rules: research notes W2-W6; WebhookActor.cpp of the server. A method in the response body is not executed.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import aiohttp

from bot.sandbox.errors import ApiError
from bot.sandbox.world.bots import BotAccount, WebhookSettings
from bot.sandbox.world.updates import Lane, Queued

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - a name, not a secret
TIMEOUT = 60  # seconds until an answer counts as missing
GONE_LIMIT = 23 * 3600  # seconds of 410 after which the webhook is removed; WEBHOOK_DROP_TIMEOUT
MAX_RETRY_AFTER = 3600  # seconds


@dataclass(frozen=True, slots=True)
class DeliveryContext:
    """What the deliveries of all webhooks share.

    Attributes:
        client: gives the HTTP client.
        now: gives the Unix time.
        random: source of the jitter between repeated deliveries.
        second: gives how long a second of the back-off takes, in seconds.
        on_idle: called when everything of a bot is delivered.
    """

    client: Callable[[], aiohttp.ClientSession]
    now: Callable[[], float]
    random: Random
    second: Callable[[], float]
    on_idle: Callable[[BotAccount], None]


class Webhook:
    """Deliveries to a bot's webhook: one task for each lane that has something to deliver."""

    def __init__(self, bot: BotAccount, settings: WebhookSettings, context: DeliveryContext) -> None:
        self._bot = bot
        self._settings = settings
        self._context = context
        secret = {SECRET_HEADER: settings.secret} if settings.secret else {}
        self._headers = {"Content-Type": "application/json"} | secret
        self._slots = asyncio.Semaphore(settings.connections)
        self._lanes: dict[Lane, deque[Queued]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._gone_since: float | None = None

    def start(self) -> None:
        """Deliver what is queued, and from now on every new update."""
        for update in self._bot.queue.items.values():
            self._put(update)
        self._bot.queue.on_push = self._put

    def stop(self, error: ApiError | None = None) -> None:
        """Deliver nothing more; unconfirmed updates stay queued. There is nobody to answer with an error."""
        self._bot.queue.on_push = lambda update: None
        for task in self._tasks:
            task.cancel()

    def _put(self, update: Queued) -> None:
        lane = self._lanes.get(update.lane)
        if lane is not None:
            lane.append(update)
            return
        self._lanes[update.lane] = deque([update])
        task = asyncio.get_running_loop().create_task(self._feed(update.lane))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _feed(self, lane: Lane) -> None:
        waiting = self._lanes[lane]
        while waiting:
            await self._deliver(waiting[0])
            waiting.popleft()
            if not self._bot.queue.items:
                self._context.on_idle(self._bot)
        del self._lanes[lane]

    async def _deliver(self, update: Queued) -> None:
        attempt = 0
        queue = self._bot.queue
        while update.id in queue.items:
            if update.expires <= self._context.now():
                queue.drop_expired()
                return
            async with self._slots:
                wait = await self._post(update)
            if wait is None:
                queue.remove(update)
                return
            ceiling = self._context.random.uniform(60, 120)  # WEBHOOK_MAX_RESEND_TIMEOUT
            await asyncio.sleep(max(wait, min(2.0**attempt, ceiling)) * self._context.second())
            attempt += 1

    async def _post(self, update: Queued) -> float | None:
        """The shortest wait in seconds that the receiver asks for, or None if it has accepted the update."""
        client = self._context.client()
        try:
            async with client.post(
                self._settings.url,
                data=update.body,
                headers=self._headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(TIMEOUT),
            ) as answer:
                await answer.read()
                status, reason, after = answer.status, answer.reason, answer.headers.get("Retry-After", "")
        except TimeoutError:
            return self._note("Read timeout expired")
        except aiohttp.ClientError as error:
            return self._note(
                "Connection refused" if isinstance(error, aiohttp.ClientConnectorError) else "Connection reset"
            )
        if 200 <= status < 300:
            self._gone_since = None
            return None
        self._note(f"Wrong response from the webhook: {status} {reason}")
        self._count_gone(status)
        return float(min(int(after), MAX_RETRY_AFTER)) if after.isdigit() else 0.0

    def _note(self, error: str) -> float:
        self._settings.last_error = (int(self._context.now()), error)
        return 0.0

    def _count_gone(self, status: int) -> None:
        now = self._context.now()
        if status != 410:
            self._gone_since = None
        elif self._gone_since is None:
            self._gone_since = now
        elif now - self._gone_since >= GONE_LIMIT and self._bot.webhook is self:
            self._bot.webhook = None
            # Later, because this task is one of those to be cancelled.
            asyncio.get_running_loop().call_soon(self.stop)
