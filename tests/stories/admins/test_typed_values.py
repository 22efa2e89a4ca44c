"""What admins type besides names and weights: periods, verbs with a slip of the finger, numbers of requests."""

import pytest

from tests.stories.steering import invites, presses, types
from tests.support.people import RunningApp


@pytest.mark.fault("F133")
@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("/export events", "Export: Events, 30 days"),
        ("/export Operators 7 days", "Export: Operators, 7 days"),
        ("/export 7d", "Export: Requests, 7 days"),
        ("/export all time leads", "Export: Clients, all time"),
        ("/export yesterday", "I don't understand “yesterday”"),
        pytest.param("/stats 7", "7 days", marks=pytest.mark.slow),
        pytest.param("/stats all", "all time", marks=pytest.mark.slow),
        ("/stats yesterday", "I don't understand “yesterday”"),
    ],
)
async def test_what_stands_behind_a_command_is_obeyed_or_named(crm: RunningApp, typed: str, said: str) -> None:
    assert said in (await types(crm, crm.olga, typed)).text


@pytest.mark.fault("F133")
@pytest.mark.parametrize("typed", ["/assign # 1 Boris", "/assign № 1 Boris", "/assign №1 Boris", "/assign #1 Boris"])
async def test_number_of_a_request_may_stand_behind_any_sign(crm: RunningApp, typed: str) -> None:
    await crm.operator("Anna")
    boris = await crm.operator("Boris", weight=1)
    await crm.client().says("Hello", to=crm.shop)
    await crm.settled()
    await types(crm, crm.olga, "/assign #1 Anna")
    await types(crm, crm.olga, typed)
    await boris.sees("Hello")


@pytest.mark.fault("F133")
async def test_verb_with_a_slip_is_offered_as_it_was_meant(crm: RunningApp) -> None:
    await crm.operator("Anna")
    assert "Did you mean: /operators remove Anna" in (await types(crm, crm.olga, "/operators remov Anna")).text
    assert "Anna" in (await types(crm, crm.olga, "/operators № 1")).text
    assert "There is no operator “Remy”" in (await types(crm, crm.olga, "/operators Remy")).text


@pytest.mark.fault("F133")
async def test_number_typed_at_a_screen_of_numbers_is_taken(crm: RunningApp) -> None:
    await crm.operator("Anna")
    screen = await types(crm, crm.olga, "/operators Anna")
    await presses(crm, crm.olga, screen, "Limit")
    assert "Anna can now have 7 open requests at once." in (await types(crm, crm.olga, "7")).text
    await presses(crm, crm.olga, await types(crm, crm.olga, "/operators Anna"), "Limit")
    assert "this went to nobody" in (await types(crm, crm.olga, "seven")).text
    assert "Anna can now have 8 open requests at once." in (await types(crm, crm.olga, "8")).text
    assert "this went to nobody" in (await types(crm, crm.olga, "9")).text  # it was answered


@pytest.mark.parametrize(
    ("typed", "example"),
    [
        ("/operators add", "/operators add Анна 10"),
        ("/operators limit", "/operators limit Анна 15"),
        ("/operators rename Анна", "/operators rename Анна = Анна Мария"),
        ("/sources link", "/sources link vk Реклама ВКонтакте"),
        ("/admins remove", "/admins remove Пётр"),
        ("/weights", "/weights shop_bot Анна 30"),
    ],
)
async def test_examples_have_names_of_the_readers_language(crm: RunningApp, typed: str, example: str) -> None:
    boris = crm.sandbox.person("Борис", language_code="ru")
    await boris.starts(crm.shop, await invites(crm, crm.olga, "/admins add"))
    await crm.settled()
    said = await boris.says(typed)
    assert example in (await boris.sees(example, after=said)).text


@pytest.mark.parametrize("typed", ["/history", "/history #15", "/assign #15 Anna"])
async def test_admin_is_pointed_to_no_command_that_is_none_for_them(crm: RunningApp, typed: str) -> None:
    """/my is for operators."""
    assert "/my" not in (await types(crm, crm.olga, typed)).text
