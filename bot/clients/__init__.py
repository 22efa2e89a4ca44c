"""What clients do: begin, write, complete their data, ask for help."""

from aiogram import Router

from bot.clients import data, messages, start

words = messages.router
commands = Router(name="clients.commands")
commands.include_routers(start.router, data.router)
