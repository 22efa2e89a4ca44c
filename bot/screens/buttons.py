"""What buttons carry. It only says what is meant: role and current state decide what a press does."""

from typing import Annotated, Literal

from aiogram.filters.callback_data import CallbackData
from pydantic import Field

from crm_core.exports.kinds import Form, What
from crm_core.hours.moments import Choice
from crm_core.routing.absence import Handover
from crm_core.statistics import Period

Number = Annotated[int, Field(ge=0, lt=2**31)]  # forged data must not reach the database as a number it cannot hold
TelegramId = Annotated[int, Field(ge=0, lt=2**53)]
Handle = Annotated[str, Field(pattern=r"^[0-9a-f]{16}\z")]


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


# --- admins ----------------------------------------------------------------------------------------------------------


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


class ListOperators(CallbackData, prefix="ops"):
    """The list of operators."""

    page: Number = 0


class ShowOperator(CallbackData, prefix="op"):
    """One operator's screen."""

    operator_id: Number


class AddOperator(CallbackData, prefix="op_add"):
    """Asks for the name of a new operator."""


class RenameOperator(CallbackData, prefix="op_name"):
    """Asks for another name."""

    operator_id: Number


class AskLimit(CallbackData, prefix="op_limit"):
    """Offers limits."""

    operator_id: Number


class TypeLimit(CallbackData, prefix="op_lim"):
    """Asks for a limit that was not offered."""

    operator_id: Number


class AskHours(CallbackData, prefix="op_hours"):
    """Shows working hours, and waits for others."""

    operator_id: Number


class ClearHours(CallbackData, prefix="op_always"):
    """No working hours any more."""

    operator_id: Number


class AskRate(CallbackData, prefix="op_rate"):
    """Offers numbers of requests per hour."""

    operator_id: Number


class SetRate(CallbackData, prefix="op_pace"):
    """A number of requests per hour that was offered; 0: any number."""

    operator_id: Number
    limit: Number


class AskCeiling(CallbackData, prefix="op_ceil"):
    """Offers ceilings over all that is an operator's."""

    operator_id: Number


class SetCeiling(CallbackData, prefix="op_most"):
    """A ceiling that was offered; 0: three times the limit."""

    operator_id: Number
    limit: Number


class AskSkills(CallbackData, prefix="op_skill"):
    """Shows an operator's skills, and waits for others."""

    operator_id: Number


class AskNeeded(CallbackData, prefix="src_skill"):
    """Shows the skills that a source requires, and waits for others."""

    source_id: Number


class AskLimitHere(CallbackData, prefix="wt_lim"):
    """Offers limits of an operator at one source."""

    source_id: Number
    operator_id: Number


class SetLimitHere(CallbackData, prefix="wt_max"):
    """A limit at one source that was offered; 0: none."""

    source_id: Number
    operator_id: Number
    limit: Number


class SetLimit(CallbackData, prefix="op_max"):
    """A limit that was offered."""

    operator_id: Number
    limit: Number


class SwitchOperator(CallbackData, prefix="op_on"):
    """Switches an operator on or off."""

    operator_id: Number
    is_on: bool


class InviteOperator(CallbackData, prefix="op_link"):
    """Makes a new invitation link."""

    operator_id: Number


class RemoveOperator(CallbackData, prefix="op_rm"):
    """Removes an operator; the first press only asks."""

    operator_id: Number
    is_sure: bool = False


class GiveSource(CallbackData, prefix="op_src"):
    """Gives an operator a source with the usual weight; 0: all sources."""

    operator_id: Number
    source_id: Number = 0


class AnswerMyself(CallbackData, prefix="me"):
    """Makes the admin who presses it an operator, too."""


class WeightsOf(CallbackData, prefix="op_w"):
    """An operator's weights, source by source."""

    operator_id: Number
    page: Number = 0


class ListSources(CallbackData, prefix="srcs"):
    """The list of sources."""

    page: Number = 0


class ShowSource(CallbackData, prefix="src"):
    """One source's screen."""

    source_id: Number


class ListKeywords(CallbackData, prefix="words"):
    """A page of the sources with their keyword rules."""

    page: Number = 0


class AskKeywords(CallbackData, prefix="src_words"):
    """The keyword rules of a source."""

    source_id: Number


class RemoveKeywords(CallbackData, prefix="src_word_rm"):
    """A keyword rule of a source goes."""

    source_id: Number
    handle: Handle


class MoreOfSource(CallbackData, prefix="src_more"):
    """The further settings of a source."""

    source_id: Number


class RenameSource(CallbackData, prefix="src_name"):
    """Asks for another name."""

    source_id: Number


class DescribeSource(CallbackData, prefix="src_about"):
    """Asks for a description."""

    source_id: Number


class SwitchSource(CallbackData, prefix="src_on"):
    """Switches a source on or off."""

    source_id: Number
    is_on: bool


class SetStrategy(CallbackData, prefix="src_how"):
    """How a source chooses: by weighted chance, or with exact shares."""

    source_id: Number
    is_exact: bool


class SetProtection(CallbackData, prefix="src_protect"):
    """Whether operators can forward and save what the clients of a source send."""

    source_id: Number
    is_on: bool


class ShowForum(CallbackData, prefix="src_forum"):
    """Says how a source gets a team's forum."""

    source_id: Number


class EndForum(CallbackData, prefix="src_noforum"):
    """A source has no team's forum any more."""

    source_id: Number


class AskLateHours(CallbackData, prefix="src_late"):
    """Offers for how many hours after closing messages join the closed request."""

    source_id: Number


class TypeLateHours(CallbackData, prefix="src_lat"):
    """Asks for a number of hours that was not offered."""

    source_id: Number


class SetLateHours(CallbackData, prefix="src_hours"):
    """A number of hours that was offered."""

    source_id: Number
    hours: Number


class AskStickyDays(CallbackData, prefix="src_stick"):
    """Offers for how many days a client goes to the operator they had."""

    source_id: Number


class SetStickyDays(CallbackData, prefix="src_days"):
    """A number of days that was offered."""

    source_id: Number
    days: Number


class AskPriority(CallbackData, prefix="src_prio"):
    """Offers head starts for the requests of a source."""

    source_id: Number


class SetPriority(CallbackData, prefix="src_ahead"):
    """A number of minutes that was offered."""

    source_id: Number
    value: Number


class ShowChanges(CallbackData, prefix="changes"):
    """The last changes of a source, or of an operator where that is 0."""

    source_id: Number = 0
    operator_id: Number = 0


class AskRamp(CallbackData, prefix="src_come"):
    """Offers how much of what waits an operator gets in a minute when they come."""

    source_id: Number


class SetRamp(CallbackData, prefix="src_ramp"):
    """A number of requests per minute that was offered; 0 for all at once."""

    source_id: Number
    value: Number


class AskWaitingLoad(CallbackData, prefix="src_wait"):
    """Offers what a request counts that waits for its client."""

    source_id: Number


class SetWaitingLoad(CallbackData, prefix="src_part"):
    """A part that was offered, in hundredths."""

    source_id: Number
    value: Number


class AskCatchUp(CallbackData, prefix="src_leave"):
    """Offers how much of a planned absence is credited on return."""

    source_id: Number


class SetCatchUp(CallbackData, prefix="src_catch"):
    """A number of requests that was offered; 0 for none."""

    source_id: Number
    value: Number


class SetVip(CallbackData, prefix="vip"):
    """A head start for the client of a request, in minutes."""

    contact_id: Number
    value: Number


class AskOffers(CallbackData, prefix="src_offer"):
    """What a source says of offers."""

    source_id: Number


class AskHandover(CallbackData, prefix="src_away"):
    """Shows what a source does while operators are away."""

    source_id: Number


class SetHandover(CallbackData, prefix="src_hand"):
    """What it does instead."""

    source_id: Number
    mode: Handover


class SetAwayMinutes(CallbackData, prefix="src_gone"):
    """A number of minutes that was offered, after which it does that."""

    source_id: Number
    value: Number


class AskOpening(CallbackData, prefix="src_open"):
    """Shows a source's working hours, and how to change them."""

    source_id: Number


class SetOffers(CallbackData, prefix="src_off_set"):
    """A number of that."""

    source_id: Number
    what: Literal["offer_seconds", "offer_rounds", "miss_limit"]
    value: Number


class AskDuty(CallbackData, prefix="src_duty"):
    """Offers operators who get what was offered in vain."""

    source_id: Number
    page: Number = 0


class SetDuty(CallbackData, prefix="src_on_duty"):
    """One of them; 0 for nobody."""

    source_id: Number
    operator_id: Number


class ListReasons(CallbackData, prefix="reasons"):
    """The reasons for which an offer may be declined."""


class AddReason(CallbackData, prefix="reason_add"):
    """Asks for the words of a new one."""

    may_ask_again: bool


class RemoveReason(CallbackData, prefix="reason_del"):
    """Removes one."""

    code: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,16}\z")]


class ClearOpening(CallbackData, prefix="src_247"):
    """A source without working hours: it is always open."""

    source_id: Number


class AskTargets(CallbackData, prefix="src_sla"):
    """Shows a source's targets, and how to change them."""

    source_id: Number


class ClearTargets(CallbackData, prefix="src_nosla"):
    """A source without targets."""

    source_id: Number


class AddLink(CallbackData, prefix="src_add"):
    """Asks for the slug and the name of a new source link into a bot; without a bot, for the bot first."""

    bot_id: TelegramId | None = None


class WeightsAt(CallbackData, prefix="src_w"):
    """Who works at a source, with which weight."""

    source_id: Number
    page: Number = 0


class AssignSource(CallbackData, prefix="as"):
    """`/assign` alone: which source?"""

    page: Number = 0


class AskWeight(CallbackData, prefix="w"):
    """Offers weights of an operator at a source."""

    source_id: Number
    operator_id: Number


class TypeWeight(CallbackData, prefix="w_ask"):
    """Asks for a weight that was not offered."""

    source_id: Number
    operator_id: Number


class SetWeight(CallbackData, prefix="w_set"):
    """A weight that was offered."""

    source_id: Number
    operator_id: Number
    weight: Number


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
