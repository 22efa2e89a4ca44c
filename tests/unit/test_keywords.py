"""Keyword rules as they are typed, stored and matched."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.errors import BadKeywords, BadSkills
from crm_core.routing import keywords
from crm_core.routing.keywords import RULES_AT_MOST, BadRule, Rule, at_most, check, match, read, read_rule, write

SAID = (
    ("refund", "Refund, please!", True),
    ("refund", "prerefund", False),
    ("refund", "refunded", False),
    ("refund*", "REFUNDED", True),
    ("refund*", "un-refundable", True),
    ("refund*", "prerefund", False),
    ("money back", "I want my MONEY – back", True),
    ("money back", "money is back", False),
    ("money back*", "money backwards", True),
    ("e-mail", "my e mail", True),
    ("Ёлка", "елка", True),
    ("елка", "ЁЛКА!", True),
    ("елка", unicodedata.normalize("NFD", "ёлка"), True),
    ("возврат*", "о возврате денег", True),
    ("возврат*", "невозвратный", False),
    ("straße", "STRASSE", True),
    ("404", "error 404.", True),
    ("404", "error 4041", False),
    ("refund", "", False),
)


@pytest.mark.parametrize(("word", "said", "is_there"), SAID)
def test_word_is_found_whatever_its_case_and_signs(word: str, said: str, is_there: bool) -> None:
    assert bool(match(write([check([word], {"vip": None}, 0)]) or "", said).rules) is is_there


def test_rules_of_one_text_count_together() -> None:
    rules = [
        read_rule("refund, возврат: billing 30, vip 5, +60"),
        read_rule("urgent: vip 10, +90"),
        read_rule("german: german, billing"),
        read_rule("never: other, +100"),
    ]
    stored = write(rules)
    assert stored is not None
    found = match(stored, "An urgent refund, in German. Urgent!")
    assert found.rules == tuple(rules[:3])
    assert found.skills == "billing,german,vip=10"
    assert found.minutes == 90
    assert match(stored, "Hello") == keywords.NO_MATCH == match(stored, None)


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("Refund*, money  back: Billing 30, +60", "refund*, money back: billing 30, +60"),
        ("refund:+60", "refund: +60"),
        ("refund : vip c++ 5 + 60 min.", "refund: c++ 5, vip, +60"),
        ("возврат; Ёлка: немецкий +5 мин", "возврат, елка: немецкий, +5"),
        ("refund, REFUND: vip", "refund: vip"),
    ],
)
def test_rule_is_read_as_it_is_typed(typed: str, shown: str) -> None:
    rule = read_rule(typed)
    assert str(rule) == shown
    assert read_rule(shown) == rule
    assert read(write([rule])) == (rule,)


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("refund billing", BadRule.NO_COLON),
        (" : billing", BadRule.NO_WORDS),
        (", ,: billing", BadRule.NO_WORDS),
        ("refund: ", BadRule.NO_EFFECT),
        ("refund: +0", BadRule.NO_EFFECT),
        ("refund: +10081", BadRule.BAD_MINUTES),
        ("refund: +" + "9" * 40, BadRule.BAD_MINUTES),
        ("r*: vip", BadRule.BAD_WORD),
        ("*: vip", BadRule.BAD_WORD),
        ("*fund: vip", BadRule.BAD_WORD),
        ("?!: vip", BadRule.BAD_WORD),
        ("w" * 41 + ": vip", BadRule.BAD_WORD),
        (",".join(map(str, range(21))) + ": vip", BadRule.MANY_WORDS),
        ("refund: a1 b1 c1 d1 e1 f1", BadRule.MANY_SKILLS),
    ],
)
def test_rule_that_is_none_is_refused_with_its_reason(typed: str, reason: BadRule) -> None:
    with pytest.raises(BadKeywords) as refused:
        read_rule(typed)
    assert refused.value.fields["reason"] == reason


def test_skill_that_is_none_is_refused_in_a_rule_too() -> None:
    with pytest.raises(BadSkills):
        read_rule("refund: bil/ling")


def test_source_has_a_bounded_number_of_rules() -> None:
    rules = [check([f"word{number}"], {}, 5) for number in range(RULES_AT_MOST + 1)]
    assert len(at_most(rules[1:])) == RULES_AT_MOST
    with pytest.raises(BadKeywords):
        at_most(rules)


@given(st.text(max_size=200), st.lists(st.sampled_from([one for one, _, _ in SAID]), min_size=1, max_size=4))
def test_what_matches_is_what_a_plain_reading_finds(text: str, words: list[str]) -> None:
    rule = check(words, {"vip": None}, 0)
    said = re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold().replace("ё", "е"))
    expected = any(_stands(word, said) for word in rule.words)
    assert bool(match(write([rule]) or "", text).rules) is expected


def _stands(word: str, said: list[str]) -> bool:
    """Word by word, at every place."""
    parts = word.removesuffix("*").split()
    for at in range(len(said) - len(parts) + 1):
        last = said[at + len(parts) - 1]
        same = said[at : at + len(parts) - 1] == parts[:-1]
        if same and (last.startswith(parts[-1]) if word.endswith("*") else last == parts[-1]):
            return True
    return False


def test_handle_names_one_state_of_a_rule() -> None:
    rule = Rule(("refund",), "billing", 5)
    others = (Rule(("refunds",), "billing", 5), Rule(("refund",), "vip", 5), Rule(("refund",), "billing", 6))
    assert len({one.handle for one in (rule, *others, Rule(("refund",), "billing", 5))}) == 4
