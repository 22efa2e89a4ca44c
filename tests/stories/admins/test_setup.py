"""The first minutes of an admin: the three steps, answering alone, invitations to forward, and a first source."""

from urllib.parse import parse_qs, urlsplit

import pytest

from bot.sandbox import Sandbox
from tests.stories.arranging import count, told, value
from tests.stories.steering import invitation, invites, presses, types
from tests.support.people import RunningApp

STEPS = {
    "en": ["➕ Add an operator", "🙋 I'll answer myself", "⚖️ Weights"],
    "ru": ["➕ Новый оператор", "🙋 Отвечать буду я", "⚖️ Веса"],
}


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_first_screen_of_an_admin_leads_through_three_steps(
    sandbox: Sandbox, database_url: str, language: str
) -> None:
    async with await RunningApp.open(sandbox, database_url, admin=False) as crm:
        link = await crm.app.first_admin_link()
        assert link is not None
        owner = crm.client("Owner", language=language)
        await owner.starts(crm.shop, link.split("start=")[1])
        screen = await owner.sees("@shop_bot")
        assert screen.labels == STEPS[language]
        assert [line[:2] for line in screen.text.splitlines()[-5:-2]] == ["1.", "2.", "3."]
        screen = await presses(crm, owner, screen, STEPS[language][1])
        assert screen.labels == [STEPS[language][0], STEPS[language][2]]
        assert [line[:1] for line in screen.text.splitlines()[-5:-2]] == ["✅", "✅", "3"]
        ivan = crm.client("Ivan")
        await ivan.says("Are you open?", to=crm.shop)
        card = await owner.sees("Are you open?")
        await owner.replies(card, "Until eight")
        await ivan.sees("Until eight")


async def test_start_shows_the_steps_until_they_are_done(crm: RunningApp) -> None:
    screen = await types(crm, crm.olga, "/start")
    assert screen.text.startswith("You are an admin of @shop_bot. Three steps, and it works:\n1. Add an operator")
    await types(crm, crm.olga, "/operators add Anna 5")
    assert "✅ 1. Add an operator" in (await types(crm, crm.olga, "/start")).text
    await types(crm, crm.olga, "/assign shop_bot Anna 5")
    assert (await types(crm, crm.olga, "/start")).text.startswith("You are an admin here.")


async def test_admin_can_become_an_operator_after_the_first_steps_too(crm: RunningApp) -> None:
    await crm.operator("Anna")
    await presses(crm, crm.olga, await types(crm, crm.olga, "/operators"), "I'll answer myself")
    assert [label for label in (await types(crm, crm.olga, "/operators")).labels if "myself" in label] == []


@pytest.mark.postgres_too
async def test_admin_who_answers_alone_gets_what_waits_and_is_an_operator_once(crm: RunningApp) -> None:
    await types(crm, crm.olga, "/operators add Olga 5")  # the name is taken
    await crm.client("Ivan").says("Hello", to=crm.shop)
    await crm.settled()
    screen = await types(crm, crm.olga, "/start")
    await (await crm.olga.presses(screen, "I'll answer myself")).answer()
    await crm.olga.sees("You are an operator now, too")
    await crm.olga.sees(lambda seen: "✋ Take" in seen.labels)
    assert await value(crm, "SELECT operators.name FROM operators JOIN staff ON operator_id = operators.id") == "Olga 2"
    toast = await (await crm.olga.presses(screen, "I'll answer myself", stale=True)).answer()
    assert toast is not None
    assert "already the operator Olga 2" in toast
    assert await count(crm, "operators") == 2


@pytest.mark.parametrize(
    ("language", "words", "send"),
    [
        ("en", "Anna, you are invited to be an operator of @shop_bot.", "📨 Send…"),
        ("ru", "Anna, вас приглашают в операторы @shop_bot.", "📨 Отправить…"),
    ],
)
async def test_invitation_is_a_message_of_its_own_with_a_button_that_sends_it(
    crm: RunningApp, language: str, words: str, send: str
) -> None:
    crm.olga.user["language_code"] = language
    added = await types(crm, crm.olga, "/operators add Anna 10")
    assert "start=" not in added.text
    sent = invitation(crm.olga)
    assert sent.text.startswith(words)
    button = sent.raw["reply_markup"]["inline_keyboard"][0][0]
    assert button["text"] == send
    given = parse_qs(urlsplit(button["url"]).query)
    assert given["url"][0] in sent.text
    assert given["url"][0].startswith("https://t.me/shop_bot?start=op_")
    assert given["text"][0].startswith(words)


@pytest.mark.parametrize(
    ("language", "joined", "weights"),
    [
        ("en", "🎉 Anna (@anna_p) is an operator now. No weight", "⚖️ Weights"),
        ("ru", "🎉 Anna (@anna_p) теперь оператор. Вес", "⚖️ Веса"),
    ],
)
async def test_admins_are_told_that_an_operator_has_joined(
    crm: RunningApp, language: str, joined: str, weights: str
) -> None:
    crm.olga.user["language_code"] = language
    payload = await invites(crm, crm.olga, "/operators add Anna 10")
    anna = crm.client("Anna", username="anna_p")
    await anna.starts(crm.shop, payload)
    notice = await crm.olga.sees(joined)
    assert notice.labels == [weights]
    screen = await presses(crm, crm.olga, notice, weights)
    assert "shop_bot" in screen.labels[0]


async def test_new_operator_is_given_a_source_with_the_usual_weight_in_one_press(crm: RunningApp) -> None:
    await crm.operator("Boris", weight=30)
    await types(crm, crm.olga, "/sources link vk VK ads")
    added = await types(crm, crm.olga, "/operators add Anna 10")
    assert "Where should they come from?" in added.text
    assert added.labels[:3] == ["📥 shop_bot", "📥 VK ads", "📥 All sources"]
    screen = await presses(crm, crm.olga, added, "📥 All sources")
    assert "Anna now gets requests from shop_bot, VK ads." in screen.text
    assert "shop_bot: 30 (50%)" in screen.text
    assert "📥 shop_bot" not in screen.labels
    await types(crm, crm.olga, "/operators add Clara 10")
    clara = next(seen for seen in reversed(crm.olga.chat()) if "Clara has been added" in seen.text)
    assert "VK ads: 30 (33%)" in (await presses(crm, crm.olga, clara, "📥 VK ads")).text


@pytest.mark.fault("F162")
async def test_new_link_has_the_weights_of_its_bot(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", weight=30)
    done = await types(crm, crm.olga, "/sources link insta Instagram")
    assert "Its weights are those of @shop_bot." in done.text
    assert "Anna: 30 (100%)" in done.text
    kira = crm.client("Kira")
    await kira.starts(crm.shop, "src_insta")
    await kira.says("From Instagram")
    await anna.sees("From Instagram")
    await kira.sees("Anna will answer you here")
    assert told(anna, "You now get requests from Instagram") == 0


@pytest.mark.fault("F162")
@pytest.mark.parametrize(
    ("language", "alone", "assigned"),
    [
        ("en", "⚠️ 🔗 Instagram · nobody is assigned · 1 waiting", "🤖 shop_bot · Anna 100%"),
        ("ru", "⚠️ 🔗 Instagram · никто не назначен · ждёт 1", "🤖 shop_bot · Anna 100\N{NO-BREAK SPACE}%"),
    ],
)
async def test_sources_list_shows_who_is_assigned_and_who_waits(
    crm: RunningApp, language: str, alone: str, assigned: str
) -> None:
    crm.olga.user["language_code"] = language
    await types(crm, crm.olga, "/sources link insta Instagram")
    await crm.operator("Anna")
    kira = crm.client("Kira")
    await kira.starts(crm.shop, "src_insta")
    await kira.says("From Instagram")
    await crm.settled()
    text = (await types(crm, crm.olga, "/sources")).text
    assert alone in text
    assert assigned in text


async def test_offered_weights_show_their_effect(crm: RunningApp) -> None:
    await crm.operator("Anna", weight=10)
    await crm.operator("Boris", weight=5)
    screen = await types(crm, crm.olga, "/assign shop_bot Boris")
    assert "30 → 75%" in screen.labels
    assert "0 → 0%" in screen.labels
    screen = await presses(crm, crm.olga, screen, "30 → 75%")
    assert "Boris's weight at shop_bot is now 30 (75% of its requests)." in screen.text


async def test_requests_are_given_by_the_command_of_that_name(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", weight=1)
    boris = await crm.operator("Boris", limit=0)
    await crm.client("Ivan").says("Hello", to=crm.shop)
    await anna.sees("#1")
    screen = await types(crm, crm.olga, "/assign #1 Boris")
    await presses(crm, crm.olga, screen, "Assign anyway")
    await boris.sees("#1")
