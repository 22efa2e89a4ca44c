"""The admin: changes limits and weights all the time, and looks at the figures."""

import asyncio

from tests.soak.town import Town


async def run(town: Town) -> None:
    """Until it is cancelled."""
    chance = town.chance("admin")
    names = [person.first_name for person in town.staff.values()]
    while True:
        await asyncio.sleep(chance.uniform(2, 8) / town.plan.hurry)
        bot, name, roll = chance.choice(town.bots), chance.choice(names), chance.random()
        if roll < 0.4:
            words = f"/operators limit {name} {chance.randint(1, 2 * town.plan.places)}"
        elif roll < 0.8:
            words = f"/assign {chance.choice(town.bots).username} {name} {chance.randint(1, 10)}"
        else:
            words = chance.choice(("/stats", "/queue", "/operators", "/sources"))
        await town.admin.says(words, to=bot)
