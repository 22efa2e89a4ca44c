"""Why an offered request is declined, in words."""

from bot.texts.translator import Translator
from crm_core.contacts.decline_reasons import DeclineReason


def decline_reason(reason: DeclineReason, _: Translator) -> str:
    """Why an offer is declined, as admins have worded it or as it is from the start."""
    if reason.text is not None:
        return reason.text
    return _("Can't right now") if reason.may_ask_again else _("Not for me")
