"""The routers of clients: messages to an operator, and the commands that the bot answers itself."""

from aiogram import Router

from bot.clients import data, start
from bot.clients import messages as client_messages

messages = client_messages.router
commands = Router(name="clients.commands")
commands.include_routers(start.router, data.router)
