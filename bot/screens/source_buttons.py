"""What the buttons of the admins' screens of sources and weights carry."""

from typing import Literal

from aiogram.filters.callback_data import CallbackData

from bot.screens.button_values import Number, TelegramId
from crm_core.routing.absence import Handover


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


class ListSources(CallbackData, prefix="srcs"):
    """The list of sources."""

    page: Number = 0


class ShowSource(CallbackData, prefix="src"):
    """One source's screen."""

    source_id: Number


class AskKeywords(CallbackData, prefix="src_words"):
    """The keyword rules of a source."""

    source_id: Number


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


class SetStickyMode(CallbackData, prefix="src_smode"):
    """Whether requests of clients who come back count in exact shares."""

    source_id: Number
    is_charged: bool


class AskPriority(CallbackData, prefix="src_prio"):
    """Offers head starts for the requests of a source."""

    source_id: Number


class SetPriority(CallbackData, prefix="src_ahead"):
    """A number of minutes that was offered."""

    source_id: Number
    value: Number


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
