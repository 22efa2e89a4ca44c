"""A page for a browser: telephones side by side, each of which looks and behaves as Telegram does.

It is a client of the sandbox's control actions (`bot.sandbox.server.control`). What else a program shows beside the
telephones, it adds as panels (`bot.sandbox.page.scene`).
"""
