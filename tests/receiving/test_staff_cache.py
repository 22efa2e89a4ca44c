"""Who is on the staff is known before anything is worked on: a press of an operator is no client's."""

from bot.sandbox import Sandbox
from tests.support.people import RunningApp


async def test_presses_received_before_start_are_handled_as_operator_presses(
    sandbox: Sandbox, database_url: str
) -> None:
    async with await RunningApp.open(sandbox, database_url, admin=False) as crm:
        crew = [await crm.operator(name, limit=1) for name in ("Anna", "Boris", "Vera")]
        for number in range(3):
            await crm.client(f"Client {number}").says("Hello", to=crm.shop)
        await crm.settled()
        cards = [await operator.sees("Hello", bot=crm.shop) for operator in crew]
    for operator, card in zip(crew, cards, strict=True):
        await operator.presses(card, "Take")
    async with await RunningApp.open(sandbox, database_url, admin=False) as crm:
        await crm.settled()
        for operator in crew:
            await operator.sees("In progress", bot=crm.shop)
