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


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("/report Выкл", "The report no longer comes by itself."),
        ("/report off", "The report no longer comes by itself."),
        ("/report вкл 9:30", "The report comes to all admins every day at 9:30."),
        ("/report on", "The report comes to all admins every day at 9:00."),
        ("/report вечером", "Specify the time, or off"),
        ("/sources ramp shop_bot выключить", "Saved."),
        ("/sources offer shop_bot –", "Requests are not offered"),
        ("/sources skills shop_bot off", "Requests from shop_bot require no skills any more."),
        ("/sources skills shop_bot Выкл", "Requests from shop_bot require no skills any more."),
    ],
)
async def test_off_and_on_are_understood_in_either_language(crm: RunningApp, typed: str, said: str) -> None:
    assert said in (await types(crm, crm.olga, typed)).text


@pytest.mark.parametrize(
    ("value", "off", "shown"),
    [
        ("/sources sticky shop_bot 14", "off", "Clients who come back"),
        ("/sources priority shop_bot 77", "выкл", "77"),
        ("/sources late shop_bot 24", "-", "join the closed request"),
        ("/sources catchup shop_bot 2", "off", "are credited"),
        ("/operators rate Anna 7", "Выкл", "at most 7"),
        ("/operators ceiling Anna 77", "off", "77"),
    ],
)
async def test_number_of_which_0_means_none_can_be_switched_off(
    crm: RunningApp, value: str, off: str, shown: str
) -> None:
    await crm.operator("Anna")
    assert shown in (await types(crm, crm.olga, value)).text
    switched_off = await types(crm, crm.olga, f"{value.rpartition(' ')[0]} {off}")
    assert "Please send" not in switched_off.text
    assert shown not in switched_off.text


async def test_absence_of_no_minutes_is_shown_without_them(crm: RunningApp) -> None:
    for command in ("/sources handover shop_bot hand over 0", "/sources handover shop_bot hold 0"):
        assert "the operator is away, " in (await types(crm, crm.olga, command)).text


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


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        # Boris is nearly hours.
        ("/operators Boris limit 7", "Did you mean: /operators limit Boris 7"),
        ("/operators Boris лимит 7", "Did you mean: /operators limit Boris 7"),
        ("/operators Boris remove", "Did you mean: /operators remove Boris"),
        ("/operators Boris Johnson", "There is no operator “Boris Johnson”"),
        ("/operators fire Boris", "/operators does not know “fire”. It knows: add, limit, "),
        ("/operators fire Petr", "There is no operator “fire Petr”"),
        ("/operators лимит Boris 7", "Boris's limit of open requests is now 7."),
        ("/operators добавить Vera 5", "Vera has been added"),
        ("/operators rename Boris =", "Specify both names with = between them"),
        ("/operators rename Boris ->", "Specify both names with = between them"),
        ("/sources rename shop_bot =", "Specify both names with = between them"),
        ("/sources часы shop_bot пн-пт 9-18", "The hours of shop_bot are set."),
        ("/sources paint shop_bot", "/sources does not know “paint”. It knows: link, on, off, "),
        ("/sources shop_bot sticky 14", "Did you mean: /sources sticky shop_bot 14"),
    ],
)
async def test_verb_that_is_typed_otherwise_is_understood_or_named(crm: RunningApp, typed: str, answer: str) -> None:
    await crm.operator("Boris")
    assert answer in (await types(crm, crm.olga, typed)).text


async def test_forum_command_in_a_private_chat_says_where_it_belongs(crm: RunningApp) -> None:
    assert "belongs in a group with topics" in (await types(crm, crm.olga, "/forum shop_bot")).text


@pytest.mark.fault("F133")
async def test_number_typed_at_a_screen_of_numbers_is_taken(crm: RunningApp) -> None:
    await crm.operator("Anna")
    screen = await types(crm, crm.olga, "/operators Anna")
    await presses(crm, crm.olga, screen, "Limit")
    assert "Anna's limit of open requests is now 7." in (await types(crm, crm.olga, "7")).text
    await presses(crm, crm.olga, await types(crm, crm.olga, "/operators Anna"), "Limit")
    assert "this went to nobody" in (await types(crm, crm.olga, "seven")).text
    assert "Anna's limit of open requests is now 8." in (await types(crm, crm.olga, "8")).text
    assert "this went to nobody" in (await types(crm, crm.olga, "9")).text  # it was answered


@pytest.mark.fault("F133")
@pytest.mark.parametrize("by_button", [True, False])
async def test_name_and_number_typed_after_adding_correct_the_limit(crm: RunningApp, by_button: bool) -> None:
    if by_button:
        screen = await types(crm, crm.olga, "/operators")
        await presses(crm, crm.olga, screen, "Add an operator")
        added = await types(crm, crm.olga, "Anna")
    else:
        added = await types(crm, crm.olga, "/operators add Anna")
    assert "Anna has been added, with a limit of 10." in added.text
    assert "this went to nobody" in (await types(crm, crm.olga, "Boris 3")).text
    assert "Anna's limit of open requests is now 3." in (await types(crm, crm.olga, "anna 3")).text
    assert "this went to nobody" in (await types(crm, crm.olga, "Anna 4")).text  # it was corrected


async def test_answering_admin_corrects_the_limit_and_writes_to_clients_as_before(crm: RunningApp) -> None:
    await crm.olga.presses(await types(crm, crm.olga, "/start"), "I'll answer myself")
    await crm.settled()
    ivan = crm.client()
    await ivan.says("Hello", to=crm.shop)
    await crm.olga.sees("Hello")
    await types(crm, crm.olga, "/operators add Anna")
    assert "Anna's limit of open requests is now 3." in (await types(crm, crm.olga, "Anna 3")).text
    await crm.olga.says("Three days")
    await ivan.sees("Three days")
    assert ivan.looks("Anna 3") is None


@pytest.mark.parametrize(
    ("typed", "example"),
    [
        ("/operators add", "/operators add Анна 10"),
        ("/operators limit", "/operators limit Анна 15"),
        ("/operators rename Анна", "/operators rename Анна = Анна Мария"),
        ("/sources link", "/sources link vk Реклама ВКонтакте"),
        ("/admins remove", "/admins remove Пётр"),
        ("/weights", "/assign shop_bot Анна 30"),
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
