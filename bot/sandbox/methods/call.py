"""One call of a Bot API method: its fields, read with Telegram's own errors, and the register of methods."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from bot.sandbox.errors import bad_request
from bot.sandbox.wire.forms import Fields, Upload, Uploads
from bot.sandbox.world.bots import BotAccount
from bot.sandbox.world.state import World


class Call:
    """A call of a bot.

    Attributes:
        partial: makes a call that sends several messages fail at the last one
        skips: makes a call that copies several messages leave out the last one
    """

    __slots__ = ("bot", "fields", "method", "partial", "request_id", "skips", "uploads", "world")

    def __init__(
        self, world: World, bot: BotAccount, method: str, fields: Fields, uploads: Uploads, request_id: int
    ) -> None:
        self.world = world
        self.bot = bot
        self.method = method
        self.fields = fields
        self.uploads = uploads
        self.request_id = request_id
        self.partial = False
        self.skips = False

    def text(self, name: str) -> str | None:
        """A string field; None if it is absent or empty."""
        value = self.fields.get(name)
        return None if value is None or value == "" else str(value)

    def integer(self, name: str) -> int | None:
        """A whole number.

        Raises ApiError: 400 if it is not one.
        """
        value = self.fields.get(name)
        if value is None or value == "":
            return None
        try:
            return int(value)
        except (TypeError, ValueError):
            raise bad_request(f"invalid {name} specified") from None

    def flag(self, name: str) -> bool:
        """A Boolean: "true", "1" and "yes" in forms."""
        value = self.fields.get(name)
        return value is True or (isinstance(value, str) and value.lower() in ("true", "1", "yes")) or value == 1

    def json(self, name: str) -> Any:
        """An object or list, JSON-serialized in forms; None if absent.

        Raises ApiError: 400 if it is not JSON.
        """
        value = self.fields.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return from_json(value)
        except ValueError:
            raise bad_request(f"can't parse {name} JSON object") from None

    def upload(self, name: str) -> Upload | None:
        """An uploaded file."""
        return self.uploads.get(name)

    def with_fields(self, fields: Fields) -> "Call":
        """The same call with other fields, for one item of a list."""
        return Call(self.world, self.bot, self.method, fields, self.uploads, self.request_id)


Handler = Callable[[Call], Any]


@dataclass(slots=True, frozen=True)
class Method:
    """A method of the Bot API; `counted` ones count towards the limits of chat and bot."""

    name: str
    handler: Handler
    counted: bool


METHODS: dict[str, Method] = {}


def method(name: str, *, counted: bool = False) -> Callable[[Handler], Handler]:
    """Register the function as the method `name`; names are case-insensitive, as Telegram's are."""

    def register(handler: Handler) -> Handler:
        METHODS[name.lower()] = Method(name, handler, counted)
        return handler

    return register
