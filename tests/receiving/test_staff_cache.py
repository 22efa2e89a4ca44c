"""Who is on the staff is known before anything is worked on: a press of an operator is no client's."""

from bot.sandbox import Sandbox
from tests.support.people import House


async def test_presses_received_before_start_are_handled_as_operator_presses(
    sandbox: Sandbox, database_url: str
) -> None:
    async with await House.open(sandbox, database_url, admin=False) as house:
        crew = [await house.operator(name, limit=1) for name in ("Anna", "Boris", "Vera")]
        for number in range(3):
            await house.client(f"Client {number}").says("Hello", to=house.shop)
        await house.settled()
        cards = [await operator.sees("Hello", bot=house.shop) for operator in crew]
    for operator, card in zip(crew, cards, strict=True):
        await operator.presses(card, "Take")
    async with await House.open(sandbox, database_url, admin=False) as house:
        await house.settled()
        for operator in crew:
            await operator.sees("In progress", bot=house.shop)
