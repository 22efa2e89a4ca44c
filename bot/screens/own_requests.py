"""An operator's requests as buttons, below a command that names none: from the menu of commands, for example."""

from collections.abc import Callable, Sequence

from aiogram.filters.callback_data import CallbackData

from bot.screens.contact_label import contact_label
from bot.screens.keyboards import PAGE, button, in_lines, keyboard
from bot.screens.message import OutgoingMessage, text_message
from bot.texts import Translator
from crm_core.conversation.leaving import Held


def which_request(
    usage: str, held: Sequence[Held], sign: str, press: Callable[[Held], CallbackData], _: Translator
) -> OutgoingMessage:
    """How the command is typed, and a button for each request.

    Args:
        held: as `leaving.mine` has them: whose clients wait come first. Of many, the first ones have buttons.
        sign: of the command, on each button.
        press: what the button of a request does.
    """
    buttons = [
        button(f"{sign} {contact_label(one.contact_id, one.lead_name, _, longest=16)}", press(one))
        for one in held[:PAGE]
    ]
    return text_message(usage, keyboard=keyboard(*in_lines(buttons, 2)) if buttons else None)
