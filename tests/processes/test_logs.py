"""The log of a whole story on its most talkative level, with everything going wrong: no token, nobody's words."""

import asyncio
import contextlib
import io
import json
import logging
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
import structlog
from sqlalchemy import make_url

from bot.delivery import cards
from bot.delivery.backoff import RetryDelays
from bot.logs import mask, set_up_logging
from bot.random_codes import new_key
from bot.receiving import attempts
from bot.sandbox import Sandbox
from bot.sandbox.world import content as kinds
from bot.sandbox.world.content import photo
from crm_core import statistics
from crm_core.access import api_keys
from crm_core.access.actors import SYSTEM
from crm_core.messaging.inbox import IncomingUpdate
from crm_core.storage.database import on_commit
from tests.receiving.outage import outage, until_away
from tests.stories.arranging import until
from tests.support.clock import MovableClock
from tests.support.people import SECOND_TOKEN, TOKEN, RunningApp
from tests.support.relay import Relay

WORDS = "zebrafish"  # occurs in everything that people say here, and nowhere in our own lines
SHORT = RetryDelays(outage=(0.02, 0.05), unknown=(0.05,))


PASSWORD, PROXY_PASSWORD, SECRET = "okapi-of-the-database", "axolotl-of-the-proxy", "narwhal-of-the-webhook"
PHONE = "79990000001"
CONTENTS = [
    photo(caption=f"{WORDS} on a photo"),
    kinds.video(caption=WORDS),
    kinds.voice(),
    kinds.video_note(),
    kinds.audio(title=WORDS),
    kinds.document(caption=f"{WORDS} in a file"),
    kinds.animation(),
    kinds.sticker(),
    kinds.location(),
    kinds.venue(),
    kinds.contact(f"+{PHONE}", WORDS),
    kinds.poll(f"{WORDS}?", WORDS, "no"),
    kinds.dice(value=4),
    kinds.paid_media(),
    kinds.story(),
    kinds.giveaway(),
    kinds.quiz(f"{WORDS}?", "yes", WORDS),
    kinds.album(kinds.photo(caption=WORDS), kinds.photo()),
]


@pytest.fixture(params=["console", "json"])
def written(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """Everything that the log gets, on the level DEBUG; the settings of logging are put back afterwards."""
    root, seen = logging.getLogger(), io.StringIO()
    before = (root.handlers[:], root.level, structlog.get_config(), warnings.showwarning)
    levels = {name: logging.getLogger(name).level for name in ("aiogram", "aiohttp", "aiosqlite", "sqlalchemy")}
    with contextlib.redirect_stderr(seen), contextlib.redirect_stdout(seen):
        structlog.configure(**{**structlog.get_config(), "cache_logger_on_first_use": False})
        set_up_logging(level="DEBUG", form=request.param)
        structlog.configure(cache_logger_on_first_use=False)
        yield seen
    root.handlers[:], warnings.showwarning = before[0], before[3]
    root.setLevel(before[1])
    structlog.configure(**before[2])
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def check(written: io.StringIO, *secrets: str) -> str:
    """All that was written, in which none of these stands, however it was written."""
    text = written.getvalue()
    for secret in (WORDS, TOKEN.split(":")[1], SECOND_TOKEN.split(":")[1], "Traceback", *secrets):
        lines = [line for line in text.splitlines() if secret.lower() in line.lower()]
        assert lines == []
    return text


@pytest.mark.fault("F79")
async def test_debug_log_during_faults_contains_no_tokens_or_message_text(
    sandbox: Sandbox, database_url: str, written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = {TOKEN: "shop_bot", SECOND_TOKEN: "help_bot"}
    async with await RunningApp.open(sandbox, database_url, tokens=tokens, retry_delays=SHORT) as crm:
        anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
        for kind in ("cut", "html_502", "http_500", "garbage"):
            sandbox.fail(kind=kind, method="sendMessage", chat=anna)
        sandbox.fail(kind="error", code=400, text=f"Bad Request: {WORDS} is wrong", method="copyMessage", chat=anna)
        await ivan.says(f"a {WORDS} in a text", to=crm.shop)
        await ivan.sends(photo(caption=f"a {WORDS} in a picture"), to=crm.shop)
        await ivan.sees("#1")
        await crm.settled()
        card = await anna.sees("shop_bot", bot=crm.shop)
        await anna.replies(card, f"a {WORDS} in an answer")
        sandbox.inject_raw(crm.shop, {"message": {"text": WORDS, "message_id": WORDS, "chat": {"id": 9}}})
        await ivan.sees(f"a {WORDS} in an answer")

        render = cards.card

        def fail(contact: Any, **rest: Any) -> Any:
            if contact.id == 2:
                raise LookupError(contact.first_text)
            return render(contact, **rest)

        monkeypatch.setattr(cards, "card", fail)
        await crm.client("Petra").says(f"a {WORDS} that cannot be rendered", to=crm.shop)
        await crm.olga.sees("The card of #2 can't be delivered", bot=crm.shop)
        sandbox.revoke(crm.bots[1])
        await crm.olga.sees("rejects the token of @help_bot", bot=crm.shop)
        await _break_things(crm)
        await crm.settled()
    text = check(written)
    for event in (
        "render_failed",
        "bot_state",
        "update_dead_lettered",
        "not_deliverable",
        "contact_assigned",
        "unexpected",
    ):
        assert event in text
    assert "a listener failed" in text or "library_error" in text


@pytest.mark.fault("F79")
async def test_debug_log_of_whole_day_contains_no_secrets_or_personal_data(
    sandbox: Sandbox,
    database_url: str,
    written: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
    clock: MovableClock,
    unused_tcp_port: int,
) -> None:
    """Every kind of content, staff, the API, a proxy, webhooks, an outage of each; on the most talkative level."""
    monkeypatch.setattr(attempts, "DATABASE_DELAY", 0.05)
    url, key, forged = make_url(database_url), new_key(), new_key()
    if url.get_backend_name() != "sqlite":
        database_url = url.set(password=PASSWORD).render_as_string(hide_password=False)
    async with Relay(sandbox.url) as relay:
        proxy = relay.url.replace("//", f"//mule:{PROXY_PASSWORD}@")
        async with await RunningApp.open(
            sandbox, database_url, clock=clock, retry_delays=SHORT, settings={"telegram_proxy": proxy}
        ) as crm:
            await crm.db.write(api_keys.create, key=key, name="desk", scope="admin", actor=SYSTEM, now=clock())
            await _talk(crm)
            await _call(crm.app.http.address, key, forged)
            clock.forward(hours=12)
            await _suffer(crm, relay, database_url, monkeypatch)
            clock.forward(hours=12)
            await crm.app.supervisor.look_again()
            await _break_things(crm)
            await crm.settled()
    await _hook(sandbox, database_url, unused_tcp_port)
    text = check(
        written,
        key,
        forged,
        key[14:],
        forged[14:],
        PASSWORD,
        PROXY_PASSWORD,
        SECRET,
        PHONE,
        "quagga",
        "example.com/",
        f"mule:{PROXY_PASSWORD}",
        "@example",
    )
    for event in ("contact_assigned", "update_failed", "receiving_failed", "unexpected", "not_deliv"):
        assert event in text


async def _talk(crm: RunningApp) -> None:
    """Whatever people may say and press."""
    anna, ivan = await crm.operator("Anna Quagga"), crm.client("Ivan Quagga", username="quagga")
    await ivan.starts(crm.shop, f"src_{WORDS}")
    await ivan.shares_phone(crm.shop)
    await ivan.says("/email quagga@example.com")
    for content in CONTENTS:
        await ivan.sends(content, to=crm.shop)
    said = await ivan.says(f"a {WORDS} that is changed")
    await ivan.edits(said, f"another {WORDS}")
    card = await anna.sees("#1", bot=crm.shop)
    await anna.presses(card, "Take")
    await ivan.sees("taking care")
    for content in CONTENTS[:8]:
        await anna.sends(content, to=crm.shop, reply_to=card)
    for command in ("/my", "/offline", "/online", f"/{WORDS}"):
        await anna.says(command)
    for command in (
        f"/operators add {WORDS} 3",
        f"/sources link {WORDS} {WORDS}",
        f"/assign {WORDS} {WORDS} 5",
        "/stats",
        "/queue",
        f"/operators rename {WORDS} quagga",
        f"/admins add {WORDS}",
        f"/{WORDS} {WORDS}",
        WORDS,
    ):
        await crm.olga.says(command, to=crm.shop)
    await anna.presses_forged(crm.shop, f"take:{WORDS}")
    await crm.settled()


async def _call(address: str, key: str, forged: str) -> None:
    """Whatever programs may ask of the API."""
    known = {"email": "quagga@example.com", "phone": f"+{PHONE}", "full_name": "Quagga"}
    person = {**known, "message": WORDS, "source_id": 1}
    keys = ({"X-API-Key": forged}, {"Authorization": f"Bearer {key}"}, {"X-API-Key": key}, {"X-API-Key": WORDS})
    async with aiohttp.ClientSession() as caller:
        for given in keys:
            for method, path, body in (
                ("POST", "/leads/register_contact/", json.dumps(person)),
                ("POST", "/leads/register_contact/", WORDS),
                ("POST", "/leads/register_contact/", json.dumps({**person, "email": WORDS})),
                ("GET", f"/api/v1/leads/?search={WORDS}&email=quagga@example.com", None),
                ("GET", f"/{WORDS}", None),
                ("POST", "/api/v1/contacts/1/messages", json.dumps({"text": WORDS})),
            ):
                async with caller.request(method, f"{address}{path}", data=body, headers=given) as answer:
                    await answer.read()


async def _suffer(crm: RunningApp, relay: Relay, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever may fail while somebody speaks: a handler, the proxy, the database, Telegram."""
    ivan, petra = crm.client("Ivan Quagga"), crm.client("Petra Quagga")
    handle, failed = crm.app.worker.handle, 0

    async def fails(row: IncomingUpdate) -> None:
        nonlocal failed
        if failed < 3:
            failed += 1
            raise LookupError(WORDS, row.raw)
        await handle(row)

    crm.app.worker.handle = fails
    await ivan.says(f"{WORDS} in a handler that fails", to=crm.shop)
    await ivan.sees("Your request", timeout=15)
    crm.sandbox.fail(kind="error", code=400, text=f"Bad Request: {WORDS} {PHONE}", method="sendMessage", chat=petra)
    for kind in ("cut", "html_502", "http_500", "garbage", "silent"):
        crm.sandbox.fail(kind=kind, every=7, times=2)
    await petra.says(f"{WORDS} in a request that fails", to=crm.shop)
    crm.sandbox.inject_raw(crm.shop, {"message": {"text": WORDS, "message_id": WORDS, "chat": {"id": 9}}})
    await crm.settled()
    crm.sandbox.clear_fault()
    await relay.down()
    await petra.says(f"{WORDS} while the proxy is away")
    await crm.db.write(statistics.prepare, zone="UTC")
    await relay.up()
    await crm.settled()
    async with outage(database_url, monkeypatch):
        await until_away(crm.db)
        await petra.says(f"{WORDS} while the database is away")
        await until_away(crm.db)
    said = await petra.says(f"{WORDS} afterwards")
    await until(crm, f"SELECT count(*) FROM messages WHERE chat_id = {petra.id} AND message_id = {said.id}", 1)  # noqa: S608


async def _hook(sandbox: Sandbox, database_url: str, port: int) -> None:
    """Webhooks: a start that fails first, and whatever comes to the address."""
    sandbox.fail(kind="html_502", method="setWebhook")
    settings = {"webhook_url": f"http://127.0.0.1:{port}", "webhook_secret": SECRET, "http_port": port}
    async with await RunningApp.open(sandbox, database_url, settings=settings, admin=False, retry_delays=SHORT) as crm:
        header, body = "X-Telegram-Bot-Api-Secret-Token", json.dumps({"update_id": 1, "message": {"text": WORDS}})
        async with aiohttp.ClientSession() as caller:
            for secret, said in ((SECRET, WORDS), (SECRET, body), (SECRET + "x", body), (WORDS, body)):
                address = f"http://127.0.0.1:{port}/telegram/{crm.shop.id}"
                async with caller.post(address, data=said, headers={header: secret}) as answer:
                    await answer.read()
        await crm.app.supervisor.idle()


async def _break_things(crm: RunningApp) -> None:
    """Errors that nobody expects: in a listener, in a task that nobody waits for, in a library, in a warning."""

    def listen(announcements: list[Any]) -> None:
        if WORDS in announcements:
            raise LookupError(WORDS)

    crm.db.listeners.append(listen)
    await crm.db.write(lambda s: on_commit(s, WORDS))
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


def test_logged_exception_shows_location_without_its_message(written: io.StringIO) -> None:
    try:
        raise LookupError(WORDS)
    except LookupError:
        structlog.get_logger("ours").error("ours_failed", exc_info=sys.exc_info(), inbox_id=5)
    text = check(written)
    assert "LookupError at test_logs.py" in text
    assert "ours_failed" in text


def test_api_keys_in_logs_are_masked_except_their_prefix() -> None:
    key, shell = new_key(), "mcs_" + new_key()
    masked = mask(f"caller sent {key}; X-API-Key: {key}; Authorization: Bearer {shell}")
    assert key not in masked
    assert shell not in masked
    assert f"sent {key[:12]}***;" in masked
