"""What the buttons of a request carry, on its card and beneath messages."""

from typing import Annotated

from aiogram.filters.callback_data import CallbackData
from pydantic import Field

from bot.screens.button_values import Number
from crm_core.hours.moments import Choice


class TakeContact(CallbackData, prefix="take"):
    """[Take] on a card: `take:15:3`."""

    contact_id: Number
    version: Number


class DeclineContact(CallbackData, prefix="decline"):
    """[Decline] on the card of an offer: `decline:15:3`."""

    contact_id: Number
    version: Number


class DeclineBecause(CallbackData, prefix="because"):
    """The reason, as the card asked for it: `because:15:3:busy`."""

    contact_id: Number
    version: Number
    reason: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,16}\z")]


class MoreOfContact(CallbackData, prefix="more"):
    """[⋯] on a card: what else can be done with it."""

    contact_id: Number


class WhyContact(CallbackData, prefix="why"):
    """How a contact came to its operator: `why:15`."""

    contact_id: Number


class ReturnContact(CallbackData, prefix="return"):
    """A contact goes back to the queue: `return:15:3`."""

    contact_id: Number
    version: Number


class TransferContact(CallbackData, prefix="transfer"):
    """A contact is to be handed on; to whom is asked: `transfer:15:3`."""

    contact_id: Number
    version: Number


class ChooseColleague(CallbackData, prefix="hand"):
    """A page of the operators to whom it can be handed on."""

    contact_id: Number
    version: Number
    page: Number = 0


class ChooseTarget(CallbackData, prefix="move"):
    """A page of the sources to which it can be moved."""

    contact_id: Number
    version: Number
    page: Number = 0


class HandTo(CallbackData, prefix="hand_to"):
    """One of the operators; asks for a note."""

    contact_id: Number
    version: Number
    operator_id: Number


class MoveTo(CallbackData, prefix="move_to"):
    """One of the sources; asks for a note."""

    contact_id: Number
    version: Number
    source_id: Number


class HandNow(CallbackData, prefix="hand_go"):
    """Hands it on without a note, or, where that was asked, to an operator who is full or away, perhaps with one."""

    contact_id: Number
    version: Number
    operator_id: Number
    is_sure: bool = False
    has_note: bool = False


class MoveNow(CallbackData, prefix="move_go"):
    """Moves it without a note."""

    contact_id: Number
    version: Number
    source_id: Number


class SnoozeContact(CallbackData, prefix="snooze"):
    """[Snooze] on a card: until when? `snooze:15:3`."""

    contact_id: Number
    version: Number


class SnoozeUntil(CallbackData, prefix="sleep"):
    """A moment that it offers: `sleep:15:3:tomorrow`."""

    contact_id: Number
    version: Number
    until: Choice


class TypeSnooze(CallbackData, prefix="sleep_ask"):
    """Asks for another moment."""

    contact_id: Number


class WakeContact(CallbackData, prefix="wake"):
    """[Wake now] on the card of a contact that sleeps: `wake:15:4`."""

    contact_id: Number
    version: Number


class CloseContact(CallbackData, prefix="close"):
    """[Close] on a card: `close:15:4`."""

    contact_id: Number
    version: Number


class CloseUntaken(CallbackData, prefix="close_new"):
    """Yes: closes a contact that nobody has taken, as its card asked."""

    contact_id: Number
    version: Number


class KeepContact(CallbackData, prefix="keep"):
    """No: the card asks no more."""

    contact_id: Number


class ReopenContact(CallbackData, prefix="reopen"):
    """[Reopen] on the card of a closed contact: `reopen:15:5`."""

    contact_id: Number
    version: Number


class DismissLate(CallbackData, prefix="late_no"):
    """[Not needed] about what came after closing: `late_no:15`."""

    contact_id: Number


class ShowCard(CallbackData, prefix="card"):
    """A contact in the overview: `card:15`."""

    contact_id: Number


class TurnOverview(CallbackData, prefix="my"):
    """A page of the overview: `my:1`."""

    page: Number


class SendTo(CallbackData, prefix="send"):
    """The contact that an operator's waiting message is for: `send:15:7`."""

    contact_id: Number
    pending_id: Number


class ReopenAndSend(CallbackData, prefix="again"):
    """[Reopen and send] under a message to a closed contact: `again:7`."""

    pending_id: Number


class TakeBack(CallbackData, prefix="undo"):
    """[Take back] under what went to a client: `undo:7`."""

    pending_id: Number


class LeaveContact(CallbackData, prefix="leave"):
    """Gives back, or closes, one of the requests that an operator holds who goes: `leave:15:3:0`."""

    contact_id: Number
    version: Number
    is_closed: bool


class LeaveAll(CallbackData, prefix="leave_all"):
    """Gives back all of them whose client waits for an answer."""


class KeepHeld(CallbackData, prefix="leave_ok"):
    """Leaves the others as they are."""
