"""Random histories of the model alone: what must be true is true after every step."""

from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.model.conservation import View, check_view, check_world, view
from tests.model.distributor import Distributor
from tests.model.moves import Step
from tests.model.random_moves import (
    client_move,
    contact_move,
    random_move,
    random_shop,
    setting_move,
    staff_move,
    waiting_move,
)

RANDOMS = st.integers(0, 2**32 - 1).map(Random)


class Machine(RuleBasedStateMachine):
    """People and time, in any order; `step` is where the product will be driven beside the model."""

    shop: Distributor
    before: View | None = None
    decided = 0

    @initialize(rng=RANDOMS)
    def open_shop(self, rng: Random) -> None:
        self.shop = random_shop(rng)

    def step(self, move: Step) -> None:
        self.shop.step(move)

    @rule(rng=RANDOMS)
    def client_does(self, rng: Random) -> None:
        self.step(client_move(self.shop.world, rng))

    @rule(rng=RANDOMS)
    def operator_does(self, rng: Random) -> None:
        self.step(contact_move(self.shop.world, rng))

    @rule(rng=RANDOMS)
    def staff_comes_and_goes(self, rng: Random) -> None:
        self.step(staff_move(self.shop.world, rng))

    @rule(rng=RANDOMS)
    def admin_changes_settings(self, rng: Random) -> None:
        self.step(setting_move(self.shop.world, rng))

    @rule(rng=RANDOMS)
    def time_passes(self, rng: Random) -> None:
        self.step(waiting_move(rng))

    @invariant()
    def holds(self) -> None:
        now = view(self.shop.world)
        check_view(now, self.before)
        check_world(self.shop.world, decided=self.decided)
        self.before, self.decided = now, len(self.shop.world.decisions)


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


@pytest.mark.parametrize("seed", range(8))
def test_random_history_keeps_what_must_be_true_and_repeats(seed: int) -> None:
    assert play(seed, moves=60) == play(seed, moves=60)


def play(seed: int, *, moves: int) -> View:
    """A history of one seed, checked after every move."""
    rng = Random(seed)
    shop, before, decided = random_shop(rng), None, 0
    for _ in range(moves):
        shop.step(random_move(shop.world, rng))
        now = view(shop.world)
        check_view(now, before)
        check_world(shop.world, decided=decided)
        before, decided = now, len(shop.world.decisions)
    return now
