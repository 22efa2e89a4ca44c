"""The main job: a client writes, an operator takes it, they talk, the operator closes it."""

from tests.support.people import RunningApp


async def test_contact_is_taken_answered_and_closed(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client("Ivan", last_name="Petrov", username="ivan")

    await ivan.says("Do you have bicycles?", to=crm.shop)
    card = await anna.sees("#1")
    assert "shop_bot" in card.text
    assert "Ivan Petrov @ivan" in card.text
    assert "Do you have bicycles?" in card.text
    assert card.labels == ["✋ Take", "✔️ Close", "⋯"]
    assert (await ivan.sees("#1")).text == "Your request is #1. Anna will answer you here."

    press = await anna.presses(card, "Take")
    assert "#1 is yours" in (await press.answer() or "")
    await ivan.sees("Anna is now taking care")
    await crm.settled()
    card = await anna.sees("In progress")
    assert card.labels == ["✔️ Close", "⋯"]

    await anna.replies(card, "Yes, three kinds")
    answer = await ivan.sees("Yes, three kinds")
    await ivan.replies(answer, "The red one, please")
    copied = await anna.sees("The red one, please")
    assert copied.reply_to is not None

    await anna.presses(card, "Close")
    await ivan.sees("Request #1 is closed")
    await crm.settled()
    assert (await anna.sees("closed")).labels == ["↩️ Reopen"]
