"""What a client learns of an open request, and an operator of the phone and e-mail that a client gives meanwhile."""

import pytest

from tests.support.people import RunningApp


async def test_start_with_an_open_request_says_where_it_stands(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", limit=1)
    ivan, maria, pavel = crm.client("Ivan"), crm.client("Maria"), crm.client("Pavel")
    for client in (ivan, maria, pavel):
        await client.says(f"{client.first_name} asks", to=crm.shop)
        await client.sees("Your request is")
        await client.says("/start")
    assert (await ivan.sees("is open")).text == "Your request #1 is open: Anna will answer you here."
    assert (await maria.sees("is open")).text == "Your request #2 is open: you are next in the queue."
    assert (await pavel.sees("is open")).text == "Your request #3 is open: you are number 2 in the queue."
    await crm.settled()
    assert "/start" not in [seen.text for seen in anna.chat(crm.shop)]


@pytest.mark.fault("F155")
async def test_phone_and_email_given_in_a_talk_are_told_at_the_card(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    await ivan.says("Hello", to=crm.shop)
    card = await anna.sees("Hello")
    await ivan.shares_phone(crm.shop)
    await crm.settled()
    assert anna.looks("📞") is None  # nobody has taken it yet
    await anna.presses(card, "Take")
    await anna.sees("📞")
    await crm.settled()
    await ivan.says("/email ivan@example.com")
    line = await anna.sees("Ivan gave an e-mail: ivan@example.com")
    assert line.reply_to == card.id
    await ivan.shares_phone(crm.shop)
    assert (await anna.sees("Ivan shared a phone: +")).reply_to == card.id
