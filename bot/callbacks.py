"""What buttons carry. The role and the present state decide what a press does; the data only say what is meant."""

from aiogram.filters.callback_data import CallbackData


class TakeContact(CallbackData, prefix="take"):
    """[Take] on a card: `take:15:3`."""

    contact_id: int
    version: int


class CloseContact(CallbackData, prefix="close"):
    """[Close] on a card: `close:15:4`."""

    contact_id: int
    version: int


class SendTo(CallbackData, prefix="send"):
    """To whom an operator's waiting words go: `send:15:7`."""

    contact_id: int
    pending_id: int
