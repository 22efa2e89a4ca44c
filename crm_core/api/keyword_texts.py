"""What is wrong with a keyword rule, in one English sentence for each reason (`crm_core.routing.keywords.BadRule`)."""

from crm_core.routing.keywords import BadRule

KEYWORD_SENTENCES: dict[BadRule, str] = {
    BadRule.NO_COLON: "A rule has a colon between its words and what follows; an example is “refund: billing 30, +60”",
    BadRule.NO_WORDS: "A rule has at least one word",
    BadRule.BAD_WORD: "“{part}” is no word: letters or digits, at most 40; * only at the end, behind at least 2",
    BadRule.NO_EFFECT: "A rule has at least one skill or a head start",
    BadRule.BAD_MINUTES: "A head start has 0 to 10080 minutes, not {part}",
    BadRule.MANY_WORDS: "A rule has at most 20 words",
    BadRule.MANY_SKILLS: "A rule has at most 5 skills",
    BadRule.MANY_RULES: "A source has at most 20 rules",
}


def keyword_sentence(reason: str, part: str) -> str:
    """What is wrong with a rule, and what would be right."""
    return KEYWORD_SENTENCES[BadRule.known(reason)].format(part=part)
