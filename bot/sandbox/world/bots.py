"""A bot's account: its queue, its commands, how it receives, and what it asked for."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

from bot.sandbox.errors import ApiError
from bot.sandbox.world.updates import UpdateQueue

Json = dict[str, Any]


class Receiver(Protocol):
    """How a bot receives updates: a getUpdates call that waits, or deliveries to a webhook."""

    def stop(self, error: ApiError | None = None) -> None:
        """Stop receiving. A call that waits is answered with the error, if there is one and its client is there."""


@dataclass
class WebhookSettings:
    """What setWebhook set, and what getWebhookInfo shows.

    Attributes:
        secret: sent with each delivery; None for none.
        connections: the largest number of concurrent deliveries.
        last_error: Unix time and description of the last failed delivery.
    """

    url: str
    secret: str | None
    connections: int
    last_error: tuple[int, str] | None = None


class BotAccount:
    """One bot.

    Args:
        token: "<id>:<secret>"; the id is the bot's user id
    """

    def __init__(self, token: str, username: str, name: str, random: Random, now: Callable[[], float]) -> None:
        self.token = token
        self.id = int(token.partition(":")[0])
        self.username = username
        self.name = name
        self.user: Json = {"id": self.id, "is_bot": True, "first_name": name, "username": username}
        self.revoked = False
        self.has_topics = False  # set in BotFather: private chats with the bot have topics
        self.queue = UpdateQueue(random, now)
        self.poll: Receiver | None = None
        self.webhook: Receiver | None = None
        self.webhook_settings = WebhookSettings("", None, 0)  # of the webhook, while there is one
        self.last_offset: int | None = None
        self.last_poll = float("-inf")  # Unix time
        # Commands by scope ("default", "chat:5", …) and language.
        self.commands: dict[tuple[str, str], list[Json]] = {}
        self.calls: Counter[str] = Counter()
        self.profile: dict[str, str] = {}

    def get_me(self) -> Json:
        """The answer of getMe."""
        return {
            **self.user,
            "can_join_groups": True,
            "can_read_all_group_messages": True,
            "supports_inline_queries": False,
            "can_connect_to_business": False,
            "has_main_web_app": False,
            "has_topics_enabled": self.has_topics,
        }
