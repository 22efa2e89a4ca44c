"""Names that people have in Telegram, as operators and admins read them."""

import pytest

from tests.support.people import RunningApp


async def _everywhere(crm: RunningApp, name: str) -> list[str]:
    """What a card, `/my`, the question whom a message is for, and the queue call a client of this name."""
    anna = await crm.operator("Anna", limit=2)
    other, ivan = crm.client("Olaf"), crm.client(name)
    await other.says("First", to=crm.shop)
    await anna.sees("First")
    await ivan.says("Second", to=crm.shop)
    card = await anna.sees("Second")
    await anna.says("Whom is it for?")
    question = await anna.sees("Who is this for?")
    await anna.says("/my")
    mine = await anna.sees("2 waiting")
    await crm.client(name).says("Third", to=crm.shop)
    await crm.settled()
    await crm.olga.says("/queue")
    queue = await crm.olga.sees("1 request waiting")
    labels = question.labels
    return [card.text, mine.text, queue.text, " ".join(labels) + question.text]


@pytest.mark.fault("F132")
@pytest.mark.parametrize("name", ["\u3164", "\u2800", "\u200b\u200d", "\u2800 \u3164"])
async def test_name_that_shows_nothing_is_called_no_name_everywhere(crm: RunningApp, name: str) -> None:
    for text in await _everywhere(crm, name):
        assert "No name" in text


async def test_words_that_show_nothing_are_named_by_their_kind(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    await crm.client("Ivan").says("\u3164", to=crm.shop)
    card = await anna.sees("#1 Ivan", bot=crm.shop)
    assert "[text]" in card.text
    said = await anna.says("/my")
    assert "[text]" in (await anna.sees("1 waiting", after=said)).text


@pytest.mark.fault("F132")
@pytest.mark.parametrize("name", ["محمد", "\u202eevil"])
async def test_name_from_right_to_left_is_isolated_everywhere(crm: RunningApp, name: str) -> None:
    for text in await _everywhere(crm, name):
        assert f"\u2068{name}\u2069" in text
