"""Where what a request requires comes from, and its head start, in at most three lines."""

from typing import assert_never

from bot.texts.translator import Translator
from crm_core.graphemes import beginning
from crm_core.routing.origins import Origin, Origins, RequiredSkill

SHOWN = 8  # skills in the line
RULES, RULE_LONGEST = 5, 60


def shortened(text: str, longest: int) -> str:
    """The beginning of a text that is longer."""
    return text if len(text) <= longest else beginning(text, longest - 1) + "…"


def origin_lines(origins: Origins, _: Translator) -> list[str]:
    """What a request requires, its head start, and the keyword rules that it met: a line each where there is any."""
    lines = []
    if origins.skills:
        each = [_skill(one, _) for one in origins.skills]
        more = [_("{n} more").format(n=len(each) - SHOWN)] if len(each) > SHOWN else []
        lines.append(_("Requires: {skills}").format(skills=", ".join([*each[:SHOWN], *more])))
    if origins.ahead:
        parts = [f"{_('{n} min').format(n=one.minutes)} ({origin_name(one.origin, _)})" for one in origins.ahead]
        lines.append(_("Ahead in the queue: {parts}").format(parts=" + ".join(parts)))
    if origins.rules:
        rules = [shortened(one, RULE_LONGEST) for one in origins.rules[:RULES]]
        lines.append(_("By keywords: {rules}").format(rules="; ".join(rules)))
    return lines


def _skill(one: RequiredSkill, _: Translator) -> str:
    after = "" if one.after is None else _("{n} min").format(n=one.after) + ", "
    return f"{one.tag} ({after}{origin_name(one.origin, _)})"


def origin_name(origin: Origin, _: Translator) -> str:
    """What made a request require something, or come before others."""
    match origin:
        case Origin.CLIENT:
            return _("the client: /vip")
        case Origin.SOURCE:
            return _("its source")
        case Origin.KEYWORDS:
            return _("keywords")
        case Origin.API:
            return _("the API")
        case never:
            assert_never(never)
