"""Whatever Telegram leaves out, spells otherwise or invents in a message, its words reach the other side."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from aiogram import Bot

from bot.handling.incoming import content_of
from bot.receiving.reading import read_event
from bot.sandbox import Person, Sandbox
from bot.sandbox.world import content as kinds
from tests.stories.arranging import count
from tests.support.people import TOKEN, RunningApp

Json = dict[str, Any]
NAMELESS: Json = {"type": "hidden_user", "date": 1_422_450_181}  # what forwards of before 2018 arrive with
ODD: dict[str, Json] = {
    "forward of nobody": {"forward_origin": NAMELESS},
    "forward of a new kind": {"forward_origin": {"type": "sender_of_tomorrow", "date": 1, "who": {"id": 5}}},
    "forward as a string": {"forward_origin": "somebody"},
    "reply to such a forward": {
        "reply_to_message": {
            "message_id": 2,
            "date": 1_700_000_000,
            "chat": {"id": 5, "type": "private"},
            "text": "the warranty",
            "forward_origin": NAMELESS,
        }
    },
    "reply to a bare number": {"reply_to_message": {"message_id": 2}},
    "reply without a number": {"reply_to_message": {"text": "gone"}},
    "reply elsewhere": {"external_reply": {"origin": NAMELESS, "photo": [{"file_id": 5}]}},
    "reply elsewhere without origin": {"external_reply": {"message_id": 7}},
    "quote without place": {"quote": {"text": "on Friday"}},
    "entities of nothing": {"entities": [{"type": "bold"}, {"offset": 0, "length": 3, "type": "hologram"}, 7]},
    "entities no list": {"entities": {"bold": [0, 3]}},
    "preview": {"link_preview_options": {"is_disabled": "perhaps"}},
    "bot": {"via_bot": {"username": "gif"}},
    "effect": {"effect_id": 5, "media_group_id": 7, "author_signature": [], "is_from_offline": "often"},
    "keyboard": {"reply_markup": {"inline_keyboard": [[{"text": 5}]]}},
    "number beyond any database": {"sender_boost_count": 10**30, "reply_to_checklist_task_id": -(10**40)},
    "no writer": {"from": None},
    "writer without a name": {"from": {"id": 5, "is_bot": False}},
    "long language": {"from": {"id": 5, "is_bot": False, "first_name": "Ivan", "language_code": "x" * 99}},
    "odd writer": {"from": {"id": 5, "is_bot": "no?", "first_name": {"de": "Iwan"}, "username": 7, "language_code": 9}},
    "date in words": {"date": "today", "edit_date": "never"},
    "chat of a new form": {"chat": {"id": 5, "type": "private", "photo": 7, "first_name": None}},
}


def of(person: Person, odd: Any) -> Any:
    """The same, where 5 stands for this person."""
    if isinstance(odd, dict):
        return {name: person.id if (name, one) == ("id", 5) else of(person, one) for name, one in odd.items()}
    return [of(person, one) for one in odd] if isinstance(odd, list) else odd


@pytest.mark.fault("F134")
@pytest.mark.parametrize("name", list(ODD))
async def test_odd_part_of_a_message_costs_no_words_of_client_or_operator(crm: RunningApp, name: str) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ivan.sends(kinds.text("Here is the warranty text"), to=crm.shop, parts=of(ivan, ODD[name]))
    card = await anna.sees("Here is the warranty text", bot=crm.shop)
    await ivan.sends(kinds.photo(caption="is it still valid?"), parts=of(ivan, ODD[name]))
    await anna.sees("is it still valid?")
    odd = of(anna, ODD[name])
    odd["reply_to_message"] = {**card.raw, **odd.get("reply_to_message", {}), "message_id": card.id}
    await anna.sends(kinds.text("Yes, it is"), to=crm.shop, parts=odd)
    await ivan.sees("Yes, it is")
    await crm.settled()
    assert crm.olga.looks("could not be processed", bot=crm.shop) is None
    assert await count(crm, "inbox", "state <> 'done'") == 0


@pytest.mark.fault("F134")
async def test_unreadable_content_is_passed_on_by_its_number(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    first = await ivan.sends(kinds.photo(), to=crm.shop, parts={"photo": "a picture of tomorrow"})
    card = await anna.sees("#1", bot=crm.shop)
    assert "[photo]" in card.text
    assert (await anna.sees(kind="photo", after=card)).copied_from == (ivan.id, first.id)
    await ivan.sends(kinds.text("seen in depth"), parts={"text": None, "hologram": {"depth": 3}})
    assert (await anna.sees("seen in depth")).reply_to == card.id
    await anna.sends(kinds.voice(), to=crm.shop, reply_to=card, parts={"voice": 7})
    await ivan.sees(kind="voice")
    assert await count(crm, "inbox", "state <> 'done'") == 0


@pytest.mark.fault("F134")
async def test_event_of_the_chat_that_cannot_be_read_is_nobodys_words(crm: RunningApp) -> None:
    ivan = crm.client()
    await ivan.sends(kinds.service("pinned_message", {"text": 5}), to=crm.shop)
    await ivan.sends(kinds.service("message_auto_delete_timer_changed", {}))
    await ivan.sees_nothing_new()
    assert await count(crm, "contacts") == 0


@pytest.mark.fault("F134")
async def test_press_on_an_unreadable_message_works(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ivan.says("Hello", to=crm.shop)
    card = await anna.sees("Hello", bot=crm.shop)
    data = next(one["callback_data"] for row in card.raw["reply_markup"]["inline_keyboard"] for one in row)
    query = {
        "id": "7",
        "from": anna.user,
        "chat_instance": 5,
        "data": data,
        "message": {"message_id": card.id, "date": "once", "chat": {"id": anna.id, "type": "private"}, "text": []},
    }
    crm.sandbox.inject_raw(crm.shop, {"callback_query": query})
    await anna.sees("In progress")


# --- every part of every kind, mutilated in every way --------------------------------------------------------

WRONG: tuple[Any, ...] = (None, 7, -1, 2.5, True, "x", "", [], {}, [7], ["x"], [[]], [{}], {"x": 1}, {"type": "new"})
NEEDED = {("message_id",), ("chat",), ("chat", "id"), ("chat", "type")}
KINDS = {
    "text": kinds.text("<b>Hello</b> there", parse_mode="HTML"),
    "photo": kinds.photo(caption="the receipt"),
    "animation": kinds.animation(),
    "document": kinds.document(caption="the contract"),
    "sticker": kinds.sticker(),
    "venue": kinds.venue(),
    "contact": kinds.contact("+79990000002", "Pavel"),
    "poll": kinds.poll("Which colour?", "red", "blue"),
    "dice": kinds.dice(value=4),
    "paid media": kinds.paid_media(),
    "giveaway": kinds.giveaway(),
    "story": kinds.story(),
}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place of a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, one in inner:
        yield (*path, step)
        yield from places(one, (*path, step))


def mutilated(message: Json, path: tuple[Any, ...], wrong: Any) -> Json:
    """The message with something else at a place; None removes what is there."""
    result = copy.deepcopy(message)
    place: Any = result
    for step in path[:-1]:
        place = place[step]
    if wrong is None:
        del place[path[-1]]
    else:
        place[path[-1]] = wrong
    return result


@pytest.mark.fault("F134")
@pytest.mark.parametrize("kind", KINDS)
async def test_any_mutilated_part_leaves_a_message_that_can_be_passed_on(sandbox: Sandbox, kind: str) -> None:
    shop, ivan = sandbox.add_bot(TOKEN, "shop_bot"), sandbox.person("Ivan", language_code="en", username="ivan")
    asked = await ivan.sends(kinds.text("what we talk about"), to=shop)
    sent = await ivan.sends(
        KINDS[kind], reply_to=asked, forward_origin={"type": "user", "date": 1, "sender_user": ivan.user}
    )
    rolls, bot = random.Random(kind), Bot(TOKEN)
    whole = json.loads(json.dumps(sent.raw)) | {
        "quote": {"text": "we", "position": 5},
        "external_reply": {"origin": {**NAMELESS}},
    }
    for path in places(whole):
        for wrong in [*rolls.sample(WRONG, 4), None]:
            if path in NEEDED:
                continue
            raw = mutilated(whole, path, wrong)
            event: Any = read_event({"message": raw}, bot=bot)
            content = content_of(event, bot_id=shop.id, raw=raw)
            assert (content.chat_id, content.message_id) == (ivan.id, sent.id), (path, wrong)
            assert event.from_user.id == ivan.id or path[0] == "from", (path, wrong)
            if path[0] not in ("text", "caption"):
                said = sent.raw.get("text") or sent.raw.get("caption")
                assert content.text == said or said is None, (path, wrong)
            replied = path[0] == "reply_to_message" and path[1:2] in ((), ("message_id",))
            assert content.reply_to == asked.id or replied, (path, wrong)
