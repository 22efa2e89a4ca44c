"""The page of telephones without a browser: what it draws, whom it answers, and how much it weighs."""

import re
from collections.abc import AsyncIterator
from functools import partial
from zoneinfo import ZoneInfo

import httpx2
import pytest

from bot.sandbox import BotHandle, Person, Sandbox
from bot.sandbox.page import formatting
from bot.sandbox.page.bubbles import ChatView
from bot.sandbox.page.captions import CAPTIONS
from bot.sandbox.page.dates import Dates
from bot.sandbox.page.drawing import FOLDER
from bot.sandbox.page.routes import STATIC, Page
from bot.sandbox.page.scene import Phone, Scene
from bot.sandbox.people.control_client import InProcessControlClient
from bot.sandbox.world import content
from bot.sandbox.world.content import Content

AT = 1_647_531_900  # Thursday, March 17, 2022, 15:45 in UTC
DATES = {language: Dates(language, ZoneInfo("Europe/Moscow"), AT) for language in ("en", "ru")}
as_html = partial(formatting.as_html, dates=DATES["en"])
LIGHT = 100_000  # bytes of a first view
MARKED = {"HX-Request": "true"}
Chat = tuple[Sandbox, BotHandle, Person]


@pytest.fixture
async def chat() -> AsyncIterator[Chat]:
    """A client's chat with a bot that nobody runs."""
    async with await Sandbox.start() as sandbox:
        yield sandbox, sandbox.add_bot("42:secret", "shop_bot", "Shop"), sandbox.person("Ivan")


@pytest.fixture
def page(chat: Chat) -> Page:
    sandbox, shop, ivan = chat
    control = InProcessControlClient(sandbox.world)
    return Page(Scene(control, shop, [Phone("client", ivan.id, "Ivan", "a client")], "en", ZoneInfo("UTC")))


@pytest.fixture
async def browser(page: Page) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(page.app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        yield client


def drawn(page: Page) -> str:
    return page.drawing.parts(page.drawing.scene.phones[0])["log-client"]


# --- text -------------------------------------------------------------------------------------------------------------


def entity(kind: str, offset: int, length: int, **more: str | int) -> dict[str, str | int]:
    return {"type": kind, "offset": offset, "length": length, **more}


def test_nested_entities_are_nested_elements() -> None:
    found = as_html("bold italic", [entity("bold", 0, 11), entity("italic", 5, 6)])
    assert found == "<b>bold <i>italic</i></b>"


def test_overlapping_entities_are_split_into_well_formed_elements() -> None:
    found = as_html("abcdef", [entity("bold", 0, 4), entity("italic", 2, 4)])
    assert found == "<b>ab<i>cd</i></b><i>ef</i>"


def test_nothing_to_press_is_inside_something_to_press() -> None:
    found = as_html("see /my", [entity("text_link", 0, 7, url="https://x/"), entity("bot_command", 4, 3)])
    assert found == (
        '<a href="https://x/" target="_blank" rel="noreferrer noopener">see <span class="bot_command">/my</span></a>'
    )


def test_block_ends_its_line_once() -> None:
    assert as_html("said\nand done", [entity("blockquote", 0, 4)]) == "<blockquote>said</blockquote>and done"


def test_offsets_count_utf16_units() -> None:
    assert as_html("💡 on", [entity("bold", 3, 2)]) == "💡 <b>on</b>"


def test_text_of_people_never_becomes_markup() -> None:
    found = as_html("<script>x</script>", [entity("text_link", 0, 8, url='https://x/"onclick="y')])
    assert "<script" not in found
    assert 'onclick="' not in found


def test_link_of_unknown_scheme_is_no_link() -> None:
    assert "href" not in as_html("here", [entity("text_link", 0, 4, url="javascript:alert(1)")])


def test_deep_link_starts_the_bot_and_leads_nowhere() -> None:
    found = as_html("t", [entity("text_link", 0, 1, url="https://t.me/shop_bot?start=op_1")])
    assert 'data-say="/start op_1"' in found
    assert "href" not in found


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("spoiler", 'class="spoiler"'), ("blockquote", "<blockquote>"), ("pre", "<pre"), ("code", "<code>"),
        ("expandable_blockquote", "data-expand"), ("date_time", "<time"), ("custom_emoji", "custom-emoji"),
        ("bot_command", 'data-say="/my"'), ("of_tomorrow", "/my"),
    ],
)  # fmt: skip
def test_every_kind_of_entity_is_shown(kind: str, shown: str) -> None:
    found = as_html("/my", [entity(kind, 0, 3)])
    assert shown in found
    assert "/my" in found


@pytest.mark.parametrize(
    ("wanted", "english", "russian"),
    [
        ("", "/my", "/my"),
        ("r", "in 3 hours", "через 3 часа"),
        ("w", "Thursday", "четверг"),
        ("d", "17.03.22", "17.03.22"),
        ("D", "March 17, 2022", "17 марта 2022\N{NARROW NO-BREAK SPACE}г."),
        ("t", "21:45", "21:45"),
        ("wdT", "Thursday, 21:45:00, 17.03.22", "четверг, 21:45:00, 17.03.22"),
        ("of tomorrow", "/my", "/my"),
    ],
)
def test_moment_is_worded_in_the_format_of_its_entity(wanted: str, english: str, russian: str) -> None:
    moment = entity("date_time", 0, 3, unix_time=AT + 3 * 60 * 60, date_time_format=wanted)
    for language, words in (("en", english), ("ru", russian)):
        assert f">{words}</time>" in formatting.as_html("/my", [moment], dates=DATES[language])
        assert DATES[language].in_place("💡 /my", [moment | {"offset": 3}]) == f"💡 {words}"


def test_moment_beyond_all_calendars_is_shown() -> None:
    assert "<time" in as_html("/my", [entity("date_time", 0, 3, unix_time=10**15, date_time_format="wDT")])


# --- messages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (content.photo(caption="the receipt"), "the receipt"),
        (content.voice(duration=65), "1:05"),
        (content.document(name="invoice.pdf"), "invoice.pdf"),
        (content.sticker(emoji="👍"), "👍"),
        (content.location(), "55.7500, 37.6200"),
        (content.venue("The shop"), "The shop"),
        (content.contact("+79990000001", "Ivan"), "+79990000001"),
        (content.poll("Which one?", "red", "green"), "green"),
        (content.dice(value=4), "🎲"),
        (content.video(), "Video"),
        (content.video_note(), "Video message"),
        (content.animation(), "GIF"),
        (content.audio(title="A song"), "A song"),
        (content.story(), "Story"),
        (content.giveaway(), "Giveaway"),
        (content.paid_media(), "Paid media"),
        (content.service(), "Auto-delete timer changed"),
    ],
    ids=lambda value: value.kind if isinstance(value, Content) else None,
)
async def test_every_kind_of_content_is_shown(chat: Chat, page: Page, sent: Content, shown: str) -> None:
    _, shop, ivan = chat
    await ivan.sends(sent, to=shop)
    assert shown in drawn(page)


async def test_unknown_content_is_shown_as_its_kind(chat: Chat) -> None:
    _, _, ivan = chat
    message = {"message_id": 1, "from": ivan.user, "date": 1, "hologram": {"depth": 3}}
    said = [{"message": message, "kind": "hologram", "reactions": []}]
    (found,) = ChatView(ivan.id, CAPTIONS["en"], ZoneInfo("UTC"), 0.0).bubbles(said)
    assert found.media[0].title == "Hologram (not shown here)"


async def test_album_is_one_bubble(chat: Chat, page: Page) -> None:
    _, shop, ivan = chat
    await ivan.sends_all(content.album(content.photo(caption="Three"), content.photo(), content.photo()), to=shop)
    html = drawn(page)
    assert html.count('class="bubble') == 1
    assert "album n3" in html


async def test_edit_reply_and_reaction_are_shown(chat: Chat, page: Page) -> None:
    _, shop, ivan = chat
    first = await ivan.says("Good morning", to=shop)
    await ivan.replies(first, "Again")
    await ivan.edits(first, "Good evening")
    await ivan.reacts(first, "🔥")
    html = drawn(page)
    assert "edited" in html
    assert "<b>Ivan</b><span>Good morning</span>" in html
    assert "🔥" in html


async def test_any_keyboard_and_question_is_drawn(chat: Chat, page: Page) -> None:
    sandbox, shop, ivan = chat
    place = sandbox.world.dialogue(shop.id, ivan.id)
    place.keyboard = {"keyboard": [[{"text": "Phone", "request_contact": True}, {"text": "Yes"}, "No"]]}
    place.force_reply = {"message_id": 1}
    parts = page.drawing.parts(page.drawing.scene.phones[0])
    assert 'data-say="Yes"' in parts["keyboard-client"]
    assert 'data-say="No"' in parts["keyboard-client"]
    assert 'data-message="1"' in parts["asked-client"]


async def test_pinned_message_stands_above_the_chat(chat: Chat, page: Page) -> None:
    sandbox, shop, ivan = chat
    first = await ivan.says("Keep this in sight", to=shop)
    sandbox.world.dialogue(shop.id, ivan.id).pinned.append(first.id)
    bar = page.drawing.parts(page.drawing.scene.phones[0])["pin-client"]
    assert "Pinned message" in bar
    assert "Keep this in sight" in bar


def test_chat_draws_its_newest_messages_only(chat: Chat) -> None:
    _, _, ivan = chat
    said = [
        {"message": {"message_id": n, "from": ivan.user, "date": n, "text": str(n)}, "kind": "text", "reactions": []}
        for n in range(100)
    ]
    found = ChatView(ivan.id, CAPTIONS["en"], ZoneInfo("UTC"), 0.0).bubbles(said)
    assert [found[0].id, found[-1].id] == [40, 99]


def test_captions_are_the_same_in_both_languages() -> None:
    assert CAPTIONS["en"].texts.keys() == CAPTIONS["ru"].texts.keys()


# --- what people do ---------------------------------------------------------------------------------------------------


async def test_written_text_reaches_the_bot(chat: Chat, browser: httpx2.AsyncClient) -> None:
    _, shop, ivan = chat
    await browser.post("/phones/client/send", data={"text": "Hello"}, headers=MARKED)
    assert [one.text for one in ivan.chat(shop)] == ["Hello"]


async def test_chosen_picture_is_sent_as_a_photo(chat: Chat, browser: httpx2.AsyncClient) -> None:
    _, shop, ivan = chat
    data = (FOLDER / "static/lamp.jpg").read_bytes()
    await browser.post("/phones/client/send", data={"text": "It"}, files={"file": ("l.jpg", data)}, headers=MARKED)
    sent = ivan.chat(shop)[0]
    assert (sent.kind, sent.text) == ("photo", "It")
    shown = await browser.get(f"/files/{sent.raw['photo'][-1]['file_id']}")
    assert (shown.content, shown.headers["content-type"]) == (data, "image/jpeg")


async def test_what_telegram_refuses_is_said(browser: httpx2.AsyncClient) -> None:
    answer = await browser.post("/phones/client/edit", data={"message": "7", "text": "x"}, headers=MARKED)
    assert "Telegram refuses" in answer.text


async def test_blocked_bot_can_be_unblocked(chat: Chat, page: Page, browser: httpx2.AsyncClient) -> None:
    _, shop, ivan = chat
    await ivan.says("Hello", to=shop)
    await browser.post("/phones/client/block", headers=MARKED)
    assert "UNBLOCK" in page.drawing.parts(page.drawing.scene.phones[0])["gate-client"]
    await browser.post("/phones/client/unblock", headers=MARKED)
    assert page.drawing.parts(page.drawing.scene.phones[0])["gate-client"].strip() == ""


# --- who may look -----------------------------------------------------------------------------------------------------


async def test_first_view_is_light_and_asks_nobody_else(browser: httpx2.AsyncClient) -> None:
    answer = await browser.get("/")
    loaded = re.findall(r'(?:src|href)="([^"#]+)"', answer.text)
    assert all(address.startswith("/static/") for address in loaded)
    assert len(answer.content) + sum((FOLDER / "static" / name).stat().st_size for name in STATIC) < LIGHT
    assert "unsafe" not in answer.headers["content-security-policy"]


async def test_another_host_is_refused(browser: httpx2.AsyncClient) -> None:
    assert (await browser.get("/", headers={"Host": "rebound.example:8000"})).status_code == 403
    assert (await browser.get("/", headers={"Host": "localhost:8000"})).status_code == 200


async def test_another_site_cannot_act(chat: Chat, browser: httpx2.AsyncClient) -> None:
    _, shop, ivan = chat
    for headers in ({}, {**MARKED, "Origin": "https://evil.example"}):
        answer = await browser.post("/phones/client/send", data={"text": "Hello"}, headers=headers)
        assert answer.status_code == 403
    assert ivan.chat(shop) == []


@pytest.mark.parametrize("path", ["/static/page.py", "/static/..%2Froutes.py", "/files/nonsense", "/nowhere"])
async def test_nothing_else_is_served(browser: httpx2.AsyncClient, path: str) -> None:
    assert (await browser.get(path)).status_code == 404
