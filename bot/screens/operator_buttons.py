"""What the buttons of the admins' screens of operators carry."""

from aiogram.filters.callback_data import CallbackData

from bot.screens.button_values import Number


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
