"""What newer versions of Telegram add to a card: coloured buttons, what is copied by a tap, the field for a reply."""

from collections import Counter

import pytest

from bot.sandbox import SeenMessage
from tests.stories.operators.test_offers import asks, card, offers
from tests.stories.steering import presses
from tests.support.people import RunningApp

IVANS_PHONE = "+79990000001"


def styles(seen: SeenMessage) -> dict[str, str | None]:
    rows = seen.raw["reply_markup"]["inline_keyboard"]
    return {button["text"]: button.get("style") for row in rows for button in row}


def opens_reply(seen: SeenMessage) -> bool:
    return bool(seen.raw.get("reply_markup", {}).get("force_reply", False))


def calls(crm: RunningApp) -> Counter[str]:
    return Counter(crm.sandbox.stats()["bots"][str(crm.shop.id)]["calls"])


async def test_take_is_green_and_decline_is_red(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    await offers(crm)
    await asks(crm)
    assert styles(card(anna, crm)) == {"✋ Take": "success", "🙅 Decline": "danger", "⋯": None}


async def test_phone_and_email_are_copied_by_a_tap_once_they_are_shown(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client("Ivan")
    await ivan.says("/email ivan@example.com", to=crm.shop)
    await ivan.says("Do you have bicycles?")
    await ivan.shares_phone()
    await crm.settled()
    assert card(anna, crm).labels == ["✋ Take", "✔️ Close", "⋯"]
    await presses(crm, anna, card(anna, crm), "✋ Take")
    seen = card(anna, crm)
    assert seen.buttons == [[f"📞 {IVANS_PHONE}", "✉️ ivan@example.com"], ["✔️ Close", "⋯"]]
    copied = [button["copy_text"]["text"] for button in seen.raw["reply_markup"]["inline_keyboard"][0]]
    assert copied == [IVANS_PHONE, "ivan@example.com"]
    await presses(crm, anna, seen, "✔️ Close")
    assert (await anna.sees("closed")).labels == ["↩️ Reopen"]


async def test_card_opens_the_reply_field_where_nobody_else_can_be_meant(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    await asks(crm)
    await asks(crm, "Maria", "Do you deliver?")
    first, second = (card(anna, crm, number) for number in (1, 2))
    assert opens_reply(first)
    assert not opens_reply(second), "Anna may be writing to Ivan"
    await anna.says("/my", to=crm.shop)
    await crm.settled()
    await anna.presses(anna.pinned(crm.shop)[0], "#2")
    await crm.settled()
    shown = anna.chat(crm.shop)[-1]
    assert "Do you deliver?" in shown.text
    assert opens_reply(shown)


async def test_offer_opens_no_reply_field(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    await offers(crm)
    await asks(crm)
    assert not opens_reply(card(anna, crm))


@pytest.mark.fault("F205")
async def test_older_server_gets_cards_without_what_it_does_not_know(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    await offers(crm)
    crm.sandbox.configure(older=True)
    ivan = crm.client("Ivan")
    await ivan.says("/email ivan@example.com", to=crm.shop)
    await crm.settled()
    before = calls(crm)
    await ivan.says("Do you have bicycles?")
    await crm.settled()
    seen = card(anna, crm)
    assert "⏳ Offered to you; goes to somebody else at " in seen.text
    assert not [one for one in seen.entities if one["type"] == "date_time"]
    sent = calls(crm) - before
    assert sent["sendMessage"] == 3, "to Ivan that it has come in, and the card, which was refused once"
    await presses(crm, anna, seen, "✋ Take")
    assert card(anna, crm).buttons == [["✔️ Close", "⋯"]], "without a button that copies"
    after = calls(crm)
    await asks(crm, "Maria", "Do you deliver?")
    assert (calls(crm) - after)["sendMessage"] == 2, "nothing is tried that was refused before"
    assert set(styles(card(anna, crm, 2)).values()) == {None}


@pytest.mark.fault("F205")
@pytest.mark.parametrize("refusal", ["odd", "can't parse entities: odd", "can't parse inline keyboard button: odd"])
async def test_refusal_for_another_reason_takes_nothing_from_later_cards(crm: RunningApp, refusal: str) -> None:
    anna = await crm.operator("Anna")
    await offers(crm)
    text = f"Bad Request: {refusal}"
    crm.sandbox.fail(kind="error", method="sendMessage", chat=anna, times=2, code=400, text=text)
    await asks(crm)
    await asks(crm, "Maria", "Do you deliver?")
    seen = card(anna, crm, 2)
    assert styles(seen) == {"✋ Take": "success", "🙅 Decline": "danger", "⋯": None}
    assert [one["type"] for one in seen.entities if one["type"] == "date_time"]
