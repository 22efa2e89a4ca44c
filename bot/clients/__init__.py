"""What clients do: begin, write, complete their data, press buttons, ask for help."""

from aiogram import Router

from bot.clients import data, messages, presses, start

words = messages.router
buttons = presses.router
commands = Router(name="clients.commands")
commands.include_routers(start.router, data.router)
