"""Why a share is not as planned: what happened to the operator, or to the others, draw by draw."""

import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from crm_core import statistics
from crm_core.access.actors import SYSTEM, Actor, telegram
from crm_core.contacts import lifecycle, offering, transfer
from crm_core.contacts.leads import LeadFacts
from crm_core.routing import source_changes, weight_settings
from crm_core.statistics import Cause, ShareNumbers
from crm_core.statistics.causes import ABSENCES, Absence
from crm_core.statistics.gaps import gap
from crm_core.statistics.sums import GAINED, MISSED, WHOLE, Sums, owed
from crm_core.storage.database import Database
from crm_core.storage.tables import Contact
from crm_core.team import departure, missed_offers, operators
from tests.domain.arranging import NOW, Office, open_office

Shares = dict[str, ShareNumbers]


class Shop:
    """A source where Anna, Boris and Clara work, and what is done there."""

    def __init__(self, s: Session, weights: list[int], limit: int = 1000) -> None:
        self.s, self.place = s, open_office(s, weights=weights, limit=limit)
        self.staff = dict(zip(("Anna", "Boris", "Clara"), self.place.operator_ids, strict=False))
        for name, operator_id in self.staff.items():
            operators.rename(s, operator_id=operator_id, name=name, actor=SYSTEM, now=NOW)
        self.rolls: Iterator[float] = cycle((0.05, 0.95, 0.35, 0.65, 0.15, 0.85, 0.45, 0.55, 0.25, 0.75))

    def actor(self, name: str) -> Actor:
        return telegram(self.place.account(self.staff[name]))

    def come(self, count: int, *, roll: Callable[[], float] | None = None) -> list[int]:
        found = []
        for _ in range(count):
            lead = LeadFacts(external_id="site:1")
            made = lifecycle.register(
                self.s, source_id=self.place.source_id, lead=lead, now=NOW, rng=roll or (lambda: next(self.rolls))
            )
            found.append(made.id)
        return found

    def give(self, contact_id: int, name: str) -> None:
        transfer.assign_by_hand(
            self.s, contact_id=contact_id, operator_id=self.staff[name], actor=SYSTEM, now=NOW, rng=random.random
        )

    def online(self, name: str, is_online: bool) -> None:
        operators.set_online(self.s, is_online=is_online, actor=self.actor(name), now=NOW, rng=random.random)

    def limit(self, name: str, limit: int) -> None:
        operators.set_limit(
            self.s, operator_id=self.staff[name], max_leads=limit, actor=SYSTEM, now=NOW, rng=random.random
        )

    def weigh(self, name: str, weight: int) -> None:
        weight_settings.set_weight(
            self.s,
            source_id=self.place.source_id,
            operator_id=self.staff[name],
            weight=weight,
            actor=SYSTEM,
            now=NOW,
            rng=random.random,
        )

    def shares(self) -> Shares:
        (shop,) = statistics.overview(self.s, since=None).sources
        for one in shop.shares:
            assert one.planned is not None
            assert one.gap.contacts == pytest.approx(one.contacts - one.planned * sum(x.contacts for x in shop.shares))
            assert sum(one.gap.parts.values()) == pytest.approx(one.gap.contacts, abs=0.001)
        return {one.operator: one for one in shop.shares}


def causes(shares: Shares) -> dict[str, tuple[bool, Cause | None]]:
    """Who has more than planned, and why."""
    return {name: (one.gap.contacts > 0, one.gap.cause) for name, one in shares.items()}


async def test_shares_as_planned_have_no_gap_cause(db: Database) -> None:
    def story(s: Session) -> Shares:
        shop = Shop(s, [50, 50])
        shop.come(100)
        return shop.shares()

    shares = await db.write(story)
    assert {name: one.contacts for name, one in shares.items()} == {"Anna": 50, "Boris": 50}
    assert {one.gap.cause for one in shares.values()} == {None}


async def test_share_gap_of_offline_operator_has_cause_off(db: Database) -> None:
    def story(s: Session) -> Shares:
        shop = Shop(s, [50, 50])
        shop.online("Boris", False)
        shop.come(20)
        shop.online("Boris", True)
        shop.come(20)
        return shop.shares()

    shares = await db.write(story)
    assert {name: one.contacts for name, one in shares.items()} == {"Anna": 30, "Boris": 10}
    assert causes(shares) == {"Anna": (True, Cause.OFF), "Boris": (False, Cause.OFF)}
    assert shares["Boris"].gap.contacts == -10
    assert shares["Boris"].gap.parts[Cause.OFF] == pytest.approx(-10)


async def test_share_gap_of_full_operator_has_cause_full(db: Database) -> None:
    def story(s: Session) -> Shares:
        shop = Shop(s, [50, 50])
        shop.limit("Boris", 2)
        shop.come(40)
        return shop.shares()

    shares = await db.write(story)
    assert {name: one.contacts for name, one in shares.items()} == {"Anna": 38, "Boris": 2}
    assert causes(shares) == {"Anna": (True, Cause.FULL), "Boris": (False, Cause.FULL)}


@pytest.mark.parametrize(
    ("cause", "change"),
    [
        (Cause.OFF_SHIFT, "UPDATE operators SET on_shift = :out WHERE id = :id"),
        (Cause.FULL_HERE, 'UPDATE weights SET "limit" = 0 WHERE operator_id = :id'),
        (Cause.NO_SKILL, "UPDATE operators SET skills = CASE WHEN id = :id THEN NULL ELSE 'german' END"),
        (Cause.RATE, "UPDATE operators SET rate = 2, given_lately = 2 WHERE id = :id"),
    ],
)
async def test_each_absence_has_a_cause_of_its_own(db: Database, cause: Cause, change: str) -> None:
    def story(s: Session) -> Shares:
        shop = Shop(s, [50, 50])
        values = {"id": shop.staff["Boris"]} | ({"out": False} if ":out" in change else {})
        s.execute(text(change), values)
        if cause is Cause.NO_SKILL:
            s.execute(text("UPDATE sources SET skills = 'german'"))
        shop.come(20)
        return shop.shares()

    shares = await db.write(story)
    assert causes(shares) == {"Anna": (True, cause), "Boris": (False, cause)}
    assert shares["Boris"].gap.parts[cause] == pytest.approx(-10)
    assert shares["Boris"].gap.parts[Cause.OFF] == 0


async def test_share_gap_names_the_greater_of_two_causes(db: Database) -> None:
    def story(s: Session) -> Shares:
        shop = Shop(s, [60, 20, 20])
        shop.online("Clara", False)
        shop.limit("Boris", 0)
        shop.come(20)
        shop.online("Clara", True)
        shop.come(20)
        return shop.shares()

    shares = await db.write(story)
    parts = shares["Anna"].gap.parts
    assert parts[Cause.FULL] > parts[Cause.OFF] > 0
    assert causes(shares) == {"Anna": (True, Cause.FULL), "Boris": (False, Cause.FULL), "Clara": (False, Cause.OFF)}


async def test_share_gap_after_manual_assignment_has_cause_by_hand(db: Database) -> None:
    def story(s: Session) -> tuple[Shares, Shares]:
        shop = Shop(s, [50, 50])
        made = shop.come(20)
        before = shop.shares()
        theirs = [one for one in made if _holder(s, one) == shop.staff["Anna"]]
        for contact_id in theirs[:6]:
            shop.give(contact_id, "Boris")
        return before, shop.shares()

    before, after = await db.write(story)
    assert {name: one.contacts for name, one in before.items()} == {"Anna": 10, "Boris": 10}
    assert {name: one.contacts for name, one in after.items()} == {"Anna": 4, "Boris": 16}
    assert causes(after) == {"Boris": (True, Cause.BY_HAND), "Anna": (False, Cause.BY_HAND)}


async def test_contacts_returned_by_unreachable_operator_count_for_the_next_one(db: Database) -> None:
    """A contact that was returned and assigned again counts for its present operator."""

    def story(s: Session) -> Shares:
        shop = Shop(s, [50, 50])
        shop.come(20)
        account = shop.place.account(shop.staff["Boris"])
        departure.mark_unreachable(s, telegram_id=account, bot_id=700001, now=NOW, rng=random.random)
        return shop.shares()

    shares = await db.write(story)
    assert {name: one.contacts for name, one in shares.items()} == {"Anna": 20, "Boris": 0}
    assert causes(shares) == {"Anna": (True, Cause.OFF), "Boris": (False, Cause.OFF)}


async def test_share_gap_after_weight_change_has_cause_weight(db: Database) -> None:
    def story(s: Session) -> Shares:
        shop = Shop(s, [90, 10])
        shop.come(50)
        shop.weigh("Anna", 10)
        shop.come(10)
        statistics.fold(s, most=200)
        return shop.shares()

    shares = await db.write(story)
    assert {name: one.planned for name, one in shares.items()} == {"Anna": 0.5, "Boris": 0.5}
    assert causes(shares) == {"Anna": (True, Cause.WEIGHT), "Boris": (False, Cause.WEIGHT)}


async def test_plausible_streak_has_cause_chance_and_a_longer_one_unexplained(db: Database) -> None:
    def story(s: Session) -> tuple[Shares, Shares]:
        shop = Shop(s, [50, 50])
        shop.come(40)
        shop.come(8, roll=lambda: 0.1)  # a plausible streak
        after_a_streak = shop.shares()
        shop.come(60, roll=lambda: 0.1)  # beyond three standard deviations
        return after_a_streak, shop.shares()

    after_a_streak, at_last = await db.write(story)
    assert causes(after_a_streak) == {"Anna": (True, Cause.CHANCE), "Boris": (False, Cause.CHANCE)}
    assert causes(at_last) == {"Anna": (True, Cause.UNEXPLAINED), "Boris": (False, Cause.UNEXPLAINED)}


async def test_share_gap_below_one_contact_has_no_cause(db: Database) -> None:
    def story(s: Session) -> Shares:
        shop = Shop(s, [75, 25])
        shop.online("Boris", False)
        shop.come(3)
        return shop.shares()

    shares = await db.write(story)
    assert [(one.contacts, one.gap.cause) for one in shares.values()] == [(3, None), (0, None)]


async def test_source_without_weights_has_no_planned_shares_or_causes(db: Database) -> None:
    def story(s: Session) -> list[tuple[float | None, Cause | None]]:
        shop = Shop(s, [50, 50])
        shop.come(20)
        for name in ("Anna", "Boris"):
            shop.weigh(name, 0)
        (found,) = statistics.overview(s, since=None).sources
        return [(one.planned, one.gap.cause) for one in found.shares]

    assert await db.write(story) == [(None, None), (None, None)]


async def test_gap_causes_consider_only_draws_of_the_period(db: Database) -> None:
    """Boris was absent a week ago, which does not count in the figures of today."""

    def story(s: Session) -> tuple[Cause | None, Cause | None]:
        place = open_office(s, weights=[50, 50], limit=1000)
        boris = telegram(place.account(place.operator_ids[1]))
        rolls = cycle((0.05, 0.95))
        for now, is_there in ((NOW - timedelta(days=7), False), (NOW, True)):
            operators.set_online(s, is_online=is_there, actor=boris, now=now, rng=random.random)
            for _ in range(20):
                lead = LeadFacts(external_id="site:1")
                lifecycle.register(s, source_id=place.source_id, lead=lead, now=now, rng=rolls.__next__)
        return _of_boris(s, place, None), _of_boris(s, place, NOW)

    assert await db.write(story) == (Cause.OFF, None)


def _of_boris(s: Session, place: Office, since: datetime | None) -> Cause | None:
    (shop,) = statistics.overview(s, since=since).sources
    return next(one.gap.cause for one in shop.shares if one.operator_id == place.operator_ids[1])


def _holder(s: Session, contact_id: int) -> int | None:
    return s.execute(select(Contact.operator_id).where(Contact.id == contact_id)).scalar_one()


# --- arithmetic ------------------------------------------------------------------------------------------------------

WEIGHTS = st.dictionaries(st.integers(1, 9), st.integers(1, 1000), min_size=1)
OUT: st.SearchStrategy[dict[int, Absence]] = st.dictionaries(st.integers(1, 9), st.sampled_from(ABSENCES))


@given(WEIGHTS, OUT)
def test_draw_owes_one_contact_and_balances_gains_with_losses(weights: dict[int, int], out: dict[int, Absence]) -> None:
    found = owed(weights, out=out)
    there = weights.keys() - out.keys()
    assert WHOLE - len(weights) <= sum(one.due for one in found.values()) <= WHOLE
    for cause in ABSENCES:
        missed = sum(getattr(one, MISSED[cause]) for one in found.values())
        gained = [getattr(one, GAINED[cause]) for one in found.values()]
        assert min(gained) >= 0
        if there:  # somebody could get it: what one misses, others gain
            assert abs(sum(gained) - missed) <= 3 * len(weights)
    for one in there:
        chance = weights[one] * WHOLE // sum(weights[each] for each in there)
        assert found[one].due + sum(getattr(found[one], GAINED[cause]) for cause in ABSENCES) == chance


SUMS = st.builds(
    Sums,
    **{name: st.integers(0, 50) for name in ("drawn", "given", "lost", "returned")},
    **{name: st.integers(0, 50 * WHOLE) for name in (*MISSED.values(), *GAINED.values(), "spread")},
)


@given(st.lists(SUMS, min_size=1, max_size=5), st.floats(0, 1))
def test_parts_of_a_share_gap_sum_to_the_gap(everybody: list[Sums], planned: float) -> None:
    all_of_them = Sums()
    for one in everybody:
        one.due = one.drawn * WHOLE
        all_of_them.add(one)
    found = gap(everybody[0], all_of_them, planned=planned)
    assert sum(found.parts.values()) == pytest.approx(found.contacts, abs=1e-6)


@pytest.mark.parametrize("cause", [Cause.DECLINED, Cause.MISSED])
async def test_offers_in_vain_have_a_cause_of_their_own(db: Database, cause: Cause) -> None:
    def story(s: Session) -> Shares:
        shop = Shop(s, [50, 50])
        values = {"offer_seconds": 60, "miss_limit": 0, "offer_rounds": 20}
        source_changes.change(
            s, source_id=shop.place.source_id, values=values, actor=SYSTEM, now=NOW, rng=random.random
        )
        for contact_id in [one for one in shop.come(20) if _holder(s, one) == shop.staff["Boris"]]:
            if cause is Cause.MISSED:
                missed_offers.end(s, contact_id=contact_id, now=NOW + timedelta(minutes=2), rng=random.random)
            else:
                who, rng = shop.actor("Boris"), random.random
                offering.decline(s, contact_id=contact_id, version=None, reason="busy", actor=who, now=NOW, rng=rng)
        return shop.shares()

    shares = await db.write(story)
    assert {name: one.contacts for name, one in shares.items()} == {"Anna": 20, "Boris": 0}
    assert causes(shares) == {"Anna": (True, cause), "Boris": (False, cause)}
    assert sum(shares["Boris"].gap.parts.values()) == pytest.approx(-10)


async def test_clients_who_come_back_have_a_cause_of_their_own(db: Database) -> None:
    def story(s: Session) -> Shares:
        shop = Shop(s, [50, 50])
        (first,) = shop.come(1)
        values = {"sticky_days": 7}
        source_changes.change(
            s, source_id=shop.place.source_id, values=values, actor=SYSTEM, now=NOW, rng=random.random
        )
        name = next(name for name, number in shop.staff.items() if number == _holder(s, first))
        lifecycle.close(s, contact_id=first, version=None, actor=shop.actor(name), now=NOW, rng=random.random)
        shop.come(19)
        shares = shop.shares()
        assert shares[name].contacts == 20
        return shares

    shares = await db.write(story)
    assert {cause for _, cause in causes(shares).values()} == {Cause.STICKY}
