"""What is wrong with a keyword rule, and what would be right."""

from typing import assert_never

from bot.texts.translator import Translator
from crm_core.routing.keywords import BadRule


def bad_keywords(reason: str, part: str, _: Translator) -> str:
    """A sentence for the admin who typed the rule.

    Args:
        reason: a `BadRule`.
        part: the word that is none, or the head start as it was typed.
    """
    match BadRule.known(reason):
        case BadRule.NO_COLON:
            return _("Put a colon between the words and what follows from them: refund*, money back: billing 30, +60")
        case BadRule.NO_WORDS:
            return _("Put at least one word before the colon: refund*, money back: billing 30, +60")
        case BadRule.BAD_WORD:
            return _(
                "“{part}” is no word. Words have letters or digits, at most 40 in all; * stands only at the end, "
                "behind at least two of them, for all that begin so: refund*"
            ).format(part=part)
        case BadRule.NO_EFFECT:
            return _("Put a skill or a head start in minutes behind the colon: refund*: billing, +60")
        case BadRule.BAD_MINUTES:
            return _("{part} is no head start. It has 1 to 10080 minutes, a week: +60").format(part=part)
        case BadRule.MANY_WORDS:
            return _("A rule has at most 20 words. Make a second one of the others.")
        case BadRule.MANY_SKILLS:
            return _("A rule requires at most 5 skills.")
        case BadRule.MANY_RULES:
            return _("A source has at most 20 rules. Remove one first.")
        case never:
            assert_never(never)
