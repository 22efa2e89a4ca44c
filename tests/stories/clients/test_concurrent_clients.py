"""Sixty-four clients at the same moment, through Telegram: places are filled to the limit, the rest wait in order."""

import pytest

from tests.stories.arranging import closes, count, told, value
from tests.support.people import RunningApp

pytestmark = pytest.mark.postgres_too


@pytest.mark.fault("F56")
async def test_concurrent_clients_fill_all_limits_and_the_rest_queue_in_order(crm: RunningApp) -> None:
    people = [await crm.operator(f"Operator {number}", limit=5) for number in range(10)]
    clients = [crm.client(f"Client {number}") for number in range(64)]
    for client in clients:
        await client.says(f"{client.first_name} asks", to=crm.shop)
    for client in clients:
        await client.sees("Your request is", timeout=60)
    await crm.settled()
    assert await count(crm, "contacts") == 64
    assert await count(crm, "contacts", "operator_id IS NOT NULL") == 50
    assert await count(crm, "operators", "current_leads = 5") == 10
    cards = [seen for person in people for seen in person.chat(crm.shop) if seen.labels == ["✋ Take", "✔️ Close", "⋯"]]
    assert len(cards) == len({seen.text.split(" ")[0] for seen in cards}) == 50
    assert sum(told(client, "will answer you here") for client in clients) == 50
    assert sum(told(client, "in the queue") for client in clients) == 14

    by_age = "SELECT id FROM contacts WHERE operator_id IS NULL ORDER BY created_at, id LIMIT 1"
    oldest = await value(crm, by_age)  # of clients who write at once, an older one may have the larger number
    first = next(person for person in people if person.looks("asks", bot=crm.shop))
    await closes(first, next(seen for seen in first.chat() if seen.labels))
    await first.sees(f"#{oldest} ")
    await crm.settled()
    assert await count(crm, "contacts", f"id = {oldest} AND operator_id IS NOT NULL") == 1
    assert await count(crm, "contacts", "operator_id IS NULL") == 13


async def test_many_messages_of_a_new_client_open_one_contact(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client()
    for number in range(28):  # within the burst that is passed on at once
        await ivan.says(f"line {number}", to=crm.shop)
    await anna.sees("#1", timeout=30)
    await crm.settled()
    assert (await count(crm, "leads"), await count(crm, "contacts"), await count(crm, "messages")) == (1, 1, 28)
    assert told(ivan, "Your request is") == 1
