"""How operators of the soak decide what came after closing, and end."""

import asyncio
from typing import Any, cast

import pytest

from bot.sandbox import BotHandle, Person, RemoteSandbox, SandboxError
from bot.texts import translator
from bot.texts.refusals import refusal
from crm_core.errors import LateSettled, LateUnseen
from crm_core.storage.database import Database
from tests.soak.audit import Audit
from tests.soak.operators import Operator
from tests.soak.plan import Plan
from tests.soak.setting import Setting
from tests.soak.watching import Watcher

BOT, ANNA, CONTACT = 1, 20, 15
CARD = {"event": "new", "bot": BOT, "chat": ANNA, "message_id": 4, "request_id": 1, "copied_from": None}


class Pressing:
    """A person of the sandbox who notes what they press. `answers`: the toasts, one for each press."""

    def __init__(self, answers: list[str], *, fails: bool = False) -> None:
        self.id, self.first_name, self.user = ANNA, "Anna", {"language_code": "en"}
        self.pressed: list[str] = []
        self.answers, self._fails = answers, fails
        self.operator: Operator

    async def presses_forged(self, bot: BotHandle, data: str, *, message: int) -> Any:
        """Presses, and is answered a little later."""
        if self._fails:
            raise SandboxError("no")
        self.pressed.append(data)
        number = f"press {len(self.pressed)}"
        asyncio.get_running_loop().call_soon(asyncio.get_running_loop().call_soon, self._hear, number)
        return type("Press", (), {"id": number})

    def _hear(self, number: str) -> None:
        text = self.answers.pop(0)
        toast = {**CARD, "event": "callback_answer", "text": text, "data": {"callback": number}}
        self.operator._notice(toast)


def opening(person: Pressing) -> Operator:
    """An operator who has seen a contact and is in a great hurry."""
    bots = [BotHandle(BOT, "1:token", "shop_bot", "Shop")]
    plan = Plan(seed=3, hurry=1e6)
    setting = Setting(plan, cast(RemoteSandbox, None), "", cast(Database, None), bots, cast(Person, person), {})
    operator = Operator(setting, Watcher(setting.sandbox), Audit(clients=[], operators=[ANNA]), 1, cast(Person, person))
    person.operator = operator
    operator._notice({**CARD, "text": "#15 Ivan\n📥 Shop\n\nHello\n\nNew", "presses": [], "message_id": 3})
    return operator


@pytest.mark.parametrize(("unseen", "presses"), [(0, 1), (3, 4)])
async def test_operator_dismisses_late_words_until_that_is_not_too_early(
    unseen: int, presses: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    en = translator("en")
    early = refusal(LateUnseen(contact=CONTACT), en)
    anna = Pressing([early] * unseen + [refusal(LateSettled(contact=CONTACT), en)])
    operator = opening(anna)
    monkeypatch.setattr(operator, "_patience", 0.02)
    monkeypatch.setattr(operator._chance, "random", lambda: 0.9)  # no reopening
    operator._notice({**CARD, "text": "✔️ #15 Ivan · closed", "presses": ["reopen:15:4", "late_no:15"]})
    async with asyncio.timeout(10):
        await asyncio.gather(*operator._working)
    assert (anna.pressed, operator.failures) == (["late_no:15"] * presses, [])


async def test_work_that_an_operator_cannot_do_is_kept_as_a_failure() -> None:
    operator = opening(Pressing([], fails=True))
    operator._notice({**CARD, "text": "✔️ #15 Ivan · closed", "presses": ["reopen:15:4", "late_no:15"]})
    async with asyncio.timeout(10):
        await asyncio.gather(*operator._working, return_exceptions=True)
    assert [str(failure) for failure in operator.failures] == ["no"]


async def test_operator_who_leaves_ends_all_that_they_are_doing() -> None:
    operator = opening(Pressing([]))
    operator._notice({**CARD, "text": "✔️ #15 Ivan · closed", "presses": ["reopen:15:4", "late_no:15"]})
    assert not operator.is_idle
    await operator.leave()
    assert (operator.is_idle, operator.failures) == (True, [])
