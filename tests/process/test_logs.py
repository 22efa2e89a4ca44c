"""The log of a whole story on its most talkative level, with everything going wrong: no token, nobody's words."""

import asyncio
import contextlib
import io
import logging
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from bot.delivery import cards
from bot.delivery.pauses import Pauses
from bot.keys import new_key
from bot.logs import mask, set_up_logging
from bot.sandbox import Sandbox
from bot.sandbox.content import photo
from crm_core.storage.database import announce
from tests.people import SECOND_TOKEN, TOKEN, House

WORDS = "zebrafish"  # occurs in everything that people say here, and nowhere in our own lines
SHORT = Pauses(unknown=(0.05,), retry_first=0.05, retry_last=0.1)


@pytest.fixture(params=["console", "json"])
def written(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """Everything that the log gets, on the level DEBUG; the settings of logging are put back afterwards."""
    root, seen = logging.getLogger(), io.StringIO()
    before = (root.handlers[:], root.level, structlog.get_config(), warnings.showwarning)
    levels = {name: logging.getLogger(name).level for name in ("aiogram", "aiohttp", "aiosqlite", "sqlalchemy")}
    with contextlib.redirect_stderr(seen):
        structlog.configure(**{**structlog.get_config(), "cache_logger_on_first_use": False})
        set_up_logging(level="DEBUG", form=request.param)
        structlog.configure(cache_logger_on_first_use=False)
        yield seen
    root.handlers[:], warnings.showwarning = before[0], before[3]
    root.setLevel(before[1])
    structlog.configure(**before[2])
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def check(written: io.StringIO) -> str:
    text = written.getvalue()
    for secret in (WORDS, TOKEN.split(":")[1], SECOND_TOKEN.split(":")[1], "Traceback"):
        lines = [line for line in text.splitlines() if secret in line]
        assert lines == []
    return text


@pytest.mark.fault("F79")
async def test_a_story_with_everything_going_wrong(
    sandbox: Sandbox, database_url: str, written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = {TOKEN: "shop_bot", SECOND_TOKEN: "help_bot"}
    async with await House.open(sandbox, database_url, tokens=tokens, pauses=SHORT) as house:
        anna, ivan = await house.operator("Anna"), house.client("Ivan")
        for kind in ("cut", "html_502", "http_500", "garbage"):
            sandbox.fail(kind=kind, method="sendMessage", chat=anna)
        sandbox.fail(kind="error", code=400, text=f"Bad Request: {WORDS} is wrong", method="copyMessage", chat=anna)
        await ivan.says(f"a {WORDS} in a text", to=house.shop)
        await ivan.sends(photo(caption=f"a {WORDS} in a picture"), to=house.shop)
        await ivan.sees("#1")
        await house.settled()
        card = await anna.sees("shop_bot", bot=house.shop)
        await anna.replies(card, f"a {WORDS} in an answer")
        sandbox.inject_raw(house.shop, {"message": {"text": WORDS, "message_id": WORDS, "chat": {"id": 9}}})
        await ivan.sees(f"a {WORDS} in an answer")

        render = cards.card

        def fail(contact: Any, **rest: Any) -> Any:
            if contact.id == 2:
                raise LookupError(contact.first_text)
            return render(contact, **rest)

        monkeypatch.setattr(cards, "card", fail)
        await house.client("Petra").says(f"a {WORDS} that cannot be rendered", to=house.shop)
        await house.olga.sees("The card of #2 can't be delivered", bot=house.shop)
        sandbox.revoke(house.bots[1])
        await house.olga.sees("refuses the token of @help_bot", bot=house.shop)
        await _break_things(house)
        await house.settled()
    text = check(written)
    for event in ("render_failed", "bot_state", "update_buried", "not_deliverable", "contact_assigned", "unexpected"):
        assert event in text
    assert "a listener failed" in text or "library_error" in text


async def _break_things(house: House) -> None:
    """Errors that nobody expects: in a listener, in a task that nobody waits for, in a library, in a warning."""

    def listen(announcements: list[Any]) -> None:
        if WORDS in announcements:
            raise LookupError(WORDS)

    house.db.listeners.append(listen)
    await house.db.write(lambda s: announce(s, WORDS))
    loop = asyncio.get_running_loop()
    loop.call_exception_handler({"message": "Task exception was never retrieved", "exception": LookupError(WORDS)})
    logging.getLogger("sqlalchemy.pool").debug("SELECT %s", WORDS)
    logging.getLogger("anything").info("a statement with %s", WORDS)
    try:
        raise LookupError(WORDS)
    except LookupError:
        logging.getLogger("anything").exception("it quotes %s", WORDS)
        structlog.get_logger("ours").exception("ours_failed")
    logging.getLogger("anything").warning("for https://api.telegram.org/bot%s/getMe", TOKEN)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.showwarning(f"an update with {WORDS}", RuntimeWarning, "/somewhere/dispatcher.py", 272)


def test_without_words_the_log_still_says_where(written: io.StringIO) -> None:
    try:
        raise LookupError(WORDS)
    except LookupError:
        structlog.get_logger("ours").error("ours_failed", exc_info=sys.exc_info(), inbox_id=5)
    text = check(written)
    assert "LookupError at test_logs.py" in text
    assert "ours_failed" in text


def test_keys_of_the_api_are_shown_by_their_public_beginning_alone() -> None:
    key, shell = new_key(), "mcs_" + new_key()
    masked = mask(f"caller sent {key}; X-API-Key: {key}; Authorization: Bearer {shell}")
    assert key not in masked
    assert shell not in masked
    assert f"sent {key[:12]}***;" in masked
