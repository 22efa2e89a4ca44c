"""The admin: changes limits and weights all the time, and looks at the figures."""

import asyncio

from tests.soak.town import Town


async def run(town: Town) -> None:
    """Until it is cancelled."""
    rng = town.rng("admin")
    names = [person.first_name for person in town.staff.values()]
    while True:
        await asyncio.sleep(rng.uniform(2, 8) / town.plan.hurry)
        bot, name, roll = rng.choice(town.bots), rng.choice(names), rng.random()
        if roll < 0.4:
            words = f"/operators limit {name} {rng.randint(1, 2 * town.plan.places)}"
        elif roll < 0.8:
            words = f"/assign {rng.choice(town.bots).username} {name} {rng.randint(1, 10)}"
        else:
            words = rng.choice(("/stats", "/queue", "/operators", "/sources"))
        await town.admin.says(words, to=bot)
