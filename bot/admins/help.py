"""/help for admins."""

from bot.texts import Translator


def help_text(_: Translator) -> str:
    """The admin's part of /help."""
    return "\n".join(
        [
            _("/operators: add them (each gets an invitation link), set limits, switch on and off, remove."),
            _("/sources: your bots and links, who works there and with which weight."),
            _("/assign: set a weight, or give a contact to somebody by hand."),
            _("/queue: contacts that wait. /stats: how it goes. /admins: who else may do this."),
            _("/export: contacts, clients, operators and events as a table for Excel."),
        ]
    )
