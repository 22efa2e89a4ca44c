"""Every exclusion and every return is answered everywhere: a rule, a cause, texts; and the type checker sees to it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bot.texts import translator
from bot.texts.phrases import why_nobody
from crm_core.routing.choose import OF_ONE_CONTACT, RULES, SOFT, Exclusion, SourceExclusion
from crm_core.routing.returns import ReturnReason
from crm_core.statistics.causes import Cause, cause_of_exclusion, cause_of_return
from crm_core.statistics.gathering import kept_out

ROOT = Path(__file__).parents[2]
# All that answers to an exclusion or a return and needs nothing but the standard library to be checked.
ANSWERS = [
    "bot/texts/phrases.py",
    "bot/texts/translator.py",
    "crm_core/routing/choose.py",
    "crm_core/routing/returns.py",
    "crm_core/statistics/causes.py",
]


@pytest.mark.parametrize("why", Exclusion)
def test_every_exclusion_has_a_rule_and_a_cause(why: Exclusion) -> None:
    assert [one for one, _ in RULES].count(why) == 1
    assert cause_of_exclusion(why) in Cause


@pytest.mark.parametrize("why", ReturnReason)
def test_every_return_reason_has_a_cause(why: ReturnReason) -> None:
    assert cause_of_return(why) in (Cause.OFF, Cause.DECLINED, Cause.MISSED)


@pytest.mark.parametrize("language", ["ru", "en"])
def test_every_exclusion_has_its_own_text(language: str) -> None:
    reasons = [*Exclusion, *SourceExclusion]
    texts = {why_nobody(why.value, translator(language)) for why in reasons}
    assert len(texts) == len(reasons)
    assert not texts & {why.value for why in reasons} - {"offline"}  # which is what English calls it


def test_metric_reasons_are_documented() -> None:
    operations = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    # Without a weight, there is no series either; some exclude from one request alone, or from what had waited.
    reasons = {*Exclusion, SourceExclusion.SOURCE_OFF, SourceExclusion.SOURCE_CLOSED} - {
        Exclusion.NO_WEIGHT,
        Exclusion.RAMP,
        *OF_ONE_CONTACT,
        *SOFT,
    }
    assert {why for why in reasons if f"`{why}`" not in operations} == set()


def test_absent_and_full_operators_of_a_draw_are_kept_apart() -> None:
    excluded = {"inactive": [1], "unreachable": [2], "off_shift": [4], "full": [5], "no_weight": [6], "rate": [7]}
    off, shift, full, rate = Cause.OFF, Cause.OFF_SHIFT, Cause.FULL, Cause.RATE
    assert kept_out(excluded) == {1: off, 2: off, 4: shift, 5: full, 7: rate}
    assert kept_out(None) == {}


def test_unknown_exclusion_in_an_event_is_an_error() -> None:
    """Without one, the operator would count as eligible, and the parts of a gap would no longer add up."""
    with pytest.raises(ValueError, match="on_leave"):
        kept_out({"on_leave": [1]})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "last", "unanswered"),
    [
        (
            "crm_core/routing/choose.py",
            '    FULL = "full"\n',
            ["bot/texts/phrases.py", "crm_core/routing/choose.py", "crm_core/statistics/causes.py"],
        ),
        (
            "crm_core/routing/returns.py",
            '    OPERATOR_UNREACHABLE = "operator_unreachable"\n',
            ["bot/texts/phrases.py", "crm_core/statistics/causes.py"],
        ),
    ],
)
def test_type_checker_names_what_must_answer_to_a_new_member(
    file: str, last: str, unanswered: list[str], tmp_path: Path
) -> None:
    for name in (*ANSWERS, "crm_core/routing/credits.py"):  # `choose` imports it
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    assert _type_errors(tmp_path) == []
    text = (tmp_path / file).read_text(encoding="utf-8")
    assert text.count(last) == 1
    (tmp_path / file).write_text(text.replace(last, last + '    NEW = "new"\n'), encoding="utf-8")
    assert _type_errors(tmp_path) == unanswered


def _type_errors(folder: Path) -> list[str]:
    """Files in which mypy finds a member that is not answered."""
    options = ["--strict", "--explicit-package-bases", "--follow-imports=silent", "--cache-dir", str(folder / "cache")]
    command = [sys.executable, "-m", "mypy", *options, *ANSWERS]
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
    assert found.returncode in (0, 1), found.stderr
    errors = [line for line in found.stdout.splitlines() if ": error: " in line]
    assert all("assert_never" in line for line in errors), errors
    return sorted({line.split(":", 1)[0] for line in errors})
