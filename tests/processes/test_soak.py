"""A short soak, so that the long one (`make soak`) never rots: two kills, few people, faults in each tenth call."""

import pytest

from tests.soak.plan import Plan
from tests.soak.play import play
from tests.soak.result import table

SHORT = Plan(
    minutes=0.25,
    seed=11,
    bots=2,
    operators=4,
    clients=16,
    turns=1.5,
    places=4,
    kill_every=6,
    hurry=6,
    fault_factor=0.2,
    is_hurried=True,
    settle_within=120,  # Telegram takes one message a second in a chat, and the draw may give one operator half of all
)


# On the other database: DATABASE=postgres make soak.
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_short_soak_meets_every_target(database_url: str) -> None:
    found = await play(SHORT, database_url)
    assert found.is_well, "\n".join([table(found.lines), *found.evidence])
    figures = {line.what: line.figure for line in found.lines}
    assert int(figures["sent by clients"]) > 20
    assert int(figures["sent by operators"]) > 10
    assert figures["kills"].startswith(("2", "3"))
