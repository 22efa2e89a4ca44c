"""A bot's account: its queue, its commands, how it receives, and what it asked for."""

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from bot.sandbox.world.updates import UpdateQueue

if TYPE_CHECKING:
    from bot.sandbox.intake.polling import LongPoll
    from bot.sandbox.intake.webhooks import Webhook

Json = dict[str, Any]


class BotAccount:
    """One bot.

    :param token: "<id>:<secret>"; the id is the bot's user id
    """

    def __init__(self, token: str, username: str, name: str, random: Random, now: Callable[[], float]) -> None:
        self.token = token
        self.id = int(token.partition(":")[0])
        self.username = username
        self.name = name
        self.user: Json = {"id": self.id, "is_bot": True, "first_name": name, "username": username}
        self.revoked = False
        self.queue = UpdateQueue(random, now)
        self.poll: LongPoll | None = None
        self.webhook: Webhook | None = None
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
        }
