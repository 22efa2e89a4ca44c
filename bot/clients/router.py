"""The routers of clients: messages to an operator, the commands that the bot answers itself, and buttons."""

from aiogram import Router

from bot.clients import data, presses, start
from bot.clients import messages as client_messages
from bot.clients import own_requests as own
from bot.handling.reactions import reaction_router

messages = client_messages.router
own_requests = own.router  # for staff, before their own routers
buttons = presses.router
commands = Router(name="clients.commands")
commands.include_routers(start.router, data.router, reaction_router())
