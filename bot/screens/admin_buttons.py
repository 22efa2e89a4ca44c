"""What the other buttons of admins carry: statistics, exports, the queue, keywords, reasons, admins."""

from typing import Annotated

from aiogram.filters.callback_data import CallbackData
from pydantic import Field

from bot.screens.button_values import Handle, Number, TelegramId
from crm_core.exports.kinds import Form, What
from crm_core.statistics import Period


class PutBack(CallbackData, prefix="put_back"):
    """Puts back the change of a setting that an event tells of."""

    event_id: int


class ShowStats(CallbackData, prefix="stats"):
    """Statistics of a period."""

    period: Period


class ShowStatsWords(CallbackData, prefix="stats_words"):
    """Statistics of a period as text, where it is too long for the picture's caption."""

    period: Period


class SetReport(CallbackData, prefix="report"):
    """Sends the daily report every morning, or no longer."""

    is_on: bool


class ShowMissed(CallbackData, prefix="missed"):
    """The targets of the last seven days that were missed, and why."""


class ShowExport(CallbackData, prefix="exp"):
    """What to export, and of which period."""

    what: What = What.CONTACTS
    period: Period = Period.MONTH


class StartExport(CallbackData, prefix="exp_go"):
    """Begins an export."""

    what: What
    period: Period
    form: Form


class ListKeywords(CallbackData, prefix="words"):
    """A page of the sources with their keyword rules."""

    page: Number = 0


class RemoveKeywords(CallbackData, prefix="src_word_rm"):
    """A keyword rule of a source goes."""

    source_id: Number
    handle: Handle


class ShowChanges(CallbackData, prefix="changes"):
    """The last changes of a source, or of an operator where that is 0."""

    source_id: Number = 0
    operator_id: Number = 0


class SetVip(CallbackData, prefix="vip"):
    """A head start for the client of a request, in minutes."""

    contact_id: Number
    value: Number


class ListReasons(CallbackData, prefix="reasons"):
    """The reasons for which an offer may be declined."""


class AddReason(CallbackData, prefix="reason_add"):
    """Asks for the words of a new one."""

    may_ask_again: bool


class RemoveReason(CallbackData, prefix="reason_del"):
    """Removes one."""

    code: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,16}\z")]


class ShowQueue(CallbackData, prefix="queue"):
    """A page of the waiting contacts."""

    page: Number = 0


class ChooseOperator(CallbackData, prefix="give"):
    """Offers operators to whom a contact may be assigned by hand."""

    contact_id: Number
    page: Number = 0


class GiveContact(CallbackData, prefix="give_to"):
    """Assigns a contact by hand; an operator who is full or offline needs a second press, with `is_sure`."""

    contact_id: Number
    version: Number
    operator_id: Number
    is_sure: bool = False


class ListAdmins(CallbackData, prefix="adm"):
    """The list of admins."""


class InviteAdmin(CallbackData, prefix="adm_add"):
    """Makes an invitation link."""


class ListInvitations(CallbackData, prefix="inv"):
    """The invitations that can still be used."""

    page: Number = 0


class WithdrawInvitation(CallbackData, prefix="inv_rm"):
    """Ends an invitation."""

    handle: Handle


class RemoveAdmin(CallbackData, prefix="adm_rm"):
    """Removes an admin; the first press only asks."""

    telegram_id: TelegramId
    is_sure: bool = False
