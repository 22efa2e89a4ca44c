"""A local Telegram: the Bot API over real HTTP on loopback, people who write to its bots, and fault injection.

async with await Sandbox.start() as sandbox:
    shop = sandbox.add_bot("42:secret", username="shop_bot", name="Shop")
    bot = Bot(shop.token, session=AiohttpSession(api=TelegramAPIServer.from_base(sandbox.url)))
    ivan = sandbox.person("Ivan")
    await ivan.says("Hello", to=shop)
    await ivan.sees("Hello, Ivan")
"""

from bot.sandbox.errors import SandboxError
from bot.sandbox.people.people import BotHandle, GroupHandle, Person
from bot.sandbox.people.remote import RemoteSandbox
from bot.sandbox.people.sandbox import Sandbox, SandboxApi
from bot.sandbox.people.seen import CallbackPress, SeenMessage

__all__ = [
    "BotHandle", "CallbackPress", "GroupHandle", "Person", "RemoteSandbox", "Sandbox", "SandboxApi", "SandboxError",
    "SeenMessage",
]  # fmt: skip
