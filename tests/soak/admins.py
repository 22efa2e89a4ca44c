"""The admin: changes limits and weights all the time, and looks at the figures."""

import asyncio

from tests.soak.setting import Setting


async def run(setting: Setting) -> None:
    """Until it is cancelled."""
    rng = setting.rng("admin")
    names = [person.first_name for person in setting.staff.values()]
    while True:
        await asyncio.sleep(rng.uniform(2, 8) / setting.plan.hurry)
        bot, name, roll = rng.choice(setting.bots), rng.choice(names), rng.random()
        if roll < 0.4:
            words = f"/operators limit {name} {rng.randint(1, 2 * setting.plan.places)}"
        elif roll < 0.8:
            words = f"/assign {rng.choice(setting.bots).username} {name} {rng.randint(1, 10)}"
        else:
            words = rng.choice(("/stats", "/queue", "/operators", "/sources"))
        await setting.admin.says(words, to=bot)
