"""Histories written by hand, one trap each. Anna and Boris are operators, clients are named like people."""

from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from tests.model.clocks import Targets, read
from tests.model.conservation import View, check_view, check_world, view
from tests.model.contacts import Contact, State
from tests.model.credits import FLOOR, UNIT
from tests.model.distributor import Distributor
from tests.model.hours import FREE, Day, Hours
from tests.model.moves import (
    Close,
    Configure,
    Decline,
    Employ,
    Event,
    Give,
    Move,
    Open,
    Remove,
    Reopen,
    Reply,
    Return,
    Set,
    Snooze,
    Step,
    Take,
    Wait,
    Write,
)
from tests.model.test_hours import BERLIN, NIGHT, at

ANNA, BORIS, VERA = 1, 2, 3
SOURCE = 1
MINUTE, HOUR, DAY = 60, 3_600, 86_400
NOON = at("2026-11-25T12:00")  # a Wednesday
NINE_TO_FIVE = Hours(BERLIN, (Day(((540, 1_020),)),) * 7)


class Shop:
    """A distributor in a story: each step is checked for what must always be true."""

    def __init__(self, *weights: int, now: int = NOON, limit: int = 5, **source: Any) -> None:
        self.model = Distributor(lambda: 0.0, now=now)
        self.source = self.model.connect(**{"strategy": "exact", **source})
        self.before: View | None = None
        for weight in weights:
            self.does(Employ(self.source, self.model.hire(limit=limit), weight))

    def does(self, move: Step) -> list[Event]:
        """What a step answers."""
        answer = self.model.step(move)
        now = view(self.model.world)
        check_view(now, self.before)
        check_world(self.model.world)
        self.before = now
        return answer

    def opens(self, lead: str = "ivan", *, source: int = SOURCE, **more: Any) -> Contact:
        """A new contact."""
        self.does(Open(source, lead, **more))
        return self.model.world.contacts[len(self.model.world.contacts)]

    def sets(self, operator: int, **values: Any) -> list[Event]:
        """Changes something about an operator."""
        return self.does(Set(operator, values))

    def configures(self, **values: Any) -> list[Event]:
        """Changes something about the source."""
        return self.does(Configure(self.source, values))

    def waits(self, seconds: int) -> list[Event]:
        """Time passes."""
        return self.does(Wait(seconds))

    def opens_and_closes(self, times: int, *leads: str) -> Counter[int | None]:
        """Contacts that are closed at once: who got how many of them."""
        got: Counter[int | None] = Counter()
        for number in range(times):
            contact = self.opens(leads[number % len(leads)] if leads else f"client {number}")
            got[contact.operator] += 1
            self.does(Close(contact.id))
        return got

    @property
    def credits(self) -> Mapping[int, int]:
        """Of the source."""
        return self.model.world.sources[self.source].ledger.credits


def kinds(events: list[Event]) -> list[str]:
    return [event.kind for event in events]


# --- fairness --------------------------------------------------------------------------------------------------------


def test_returner_who_missed_forty_contacts_gets_two_of_the_next_ten() -> None:
    shop = Shop(50, 30, 20)
    shop.sets(VERA, is_online=False)
    assert shop.opens_and_closes(40) == {ANNA: 25, BORIS: 15}
    shop.sets(VERA, is_online=True)
    assert shop.opens_and_closes(10)[VERA] == 2


def test_weight_edits_keep_credits() -> None:
    shop = Shop(50, 30, 20)
    shop.opens_and_closes(7)
    before = dict(shop.credits)
    for weight in (7, 0, 20):
        shop.does(Employ(SOURCE, VERA, weight))
        assert shop.credits == before
    assert any(before.values())


def test_leave_is_caught_up_to_the_limit_and_paid_by_the_others() -> None:
    shop = Shop(1, 1, catch_up=2)
    leave = (date(2026, 11, 25), date(2026, 11, 25))
    shop.sets(BORIS, hours=Hours(BERLIN, NINE_TO_FIVE.week, leave=(leave,)))
    assert shop.opens_and_closes(10) == {ANNA: 10}
    shop.waits(DAY)
    assert shop.credits == {ANNA: -2 * UNIT, BORIS: 2 * UNIT}
    assert shop.opens_and_closes(6) == {ANNA: 1, BORIS: 5}


def test_beloved_operator_still_gets_new_clients() -> None:
    shop = Shop(1, 1, sticky_days=30)
    first = shop.opens("ivan")
    beloved = first.operator or 0
    shop.does(Close(first.id))
    assert shop.opens_and_closes(30, "ivan") == {beloved: 30}
    assert FLOOR <= shop.credits[beloved] < FLOOR + UNIT
    got = shop.opens_and_closes(14)
    assert got[beloved] == 4  # six to the other, then half of the rest


def test_sticky_contacts_stand_apart_if_the_source_says_so() -> None:
    shop = Shop(1, 1, sticky_days=30, charged=False)
    shop.opens_and_closes(1, "ivan")
    before = dict(shop.credits)
    shop.opens_and_closes(5, "ivan")
    assert shop.credits == before


def test_client_is_a_stranger_again_after_the_sticky_days() -> None:
    shop = Shop(1, 1, sticky_days=1)
    first = shop.opens("ivan")
    shop.does(Close(first.id))
    shop.waits(DAY)
    assert shop.opens("ivan").operator != first.operator
    assert {one.rule for one in shop.model.world.decisions} == {"exact"}


def test_contact_given_by_hand_is_charged_to_whoever_gets_it() -> None:
    shop = Shop(1, 1)
    shop.sets(ANNA, is_online=False)
    shop.sets(BORIS, is_online=False)
    contact = shop.opens()
    assert shop.does(Give(contact.id, ANNA)) == [Event("rejected", why="offline")]
    shop.sets(BORIS, is_online=True)
    assert contact.operator == BORIS
    shop.does(Give(contact.id, ANNA, is_confirmed=True))
    assert shop.credits == {ANNA: -UNIT, BORIS: UNIT}
    assert shop.model.world.decisions[-1].rule == "by_hand"


def test_removal_spreads_credits_and_returns_contacts() -> None:
    shop = Shop(1, 1, 1)
    contact = shop.opens()
    first = contact.operator or 0
    shop.does(Remove(first))
    assert contact.operator not in (None, first)
    assert first not in shop.credits


# --- limits ----------------------------------------------------------------------------------------------------------


def test_waiting_contact_counts_a_part_and_a_snoozed_one_nothing() -> None:
    shop = Shop(1, limit=2, waiting_load=50)
    contacts = [shop.opens(f"client {number}") for number in range(5)]
    assert [one.state for one in contacts].count(State.HELD) == 2
    shop.does(Reply(1))  # 50 + 100: one more, which makes 250
    assert [one.state for one in contacts].count(State.HELD) == 3
    shop.does(Snooze(2, NOON + HOUR))  # 150: one more
    assert [one.state for one in contacts].count(State.HELD) == 3
    shop.does(Write(1))  # its client is back: 300
    assert shop.model.world.load(ANNA) == 300


def test_twenty_sleepers_who_wake_at_once_stay_below_the_ceiling() -> None:
    shop = Shop(1, limit=30)
    shop.sets(ANNA, max_held=20)
    for number in range(20):
        contact = shop.opens(f"client {number}")
        shop.does(Reply(contact.id))
        shop.does(Snooze(contact.id, NOON + HOUR))
    shop.does(Write(20))  # awake before the others
    shop.sets(ANNA, max_held=15)
    late = shop.opens("late", head_start=600)
    events = shop.waits(HOUR)
    assert kinds(events).count("woke") == 15 - 1
    assert [event.why for event in events if event.kind == "queued"] == ["ceiling"] * 5
    assert len(shop.model.world.theirs(ANNA)) == 15
    assert shop.model.world.queue()[-1] is late  # who woke is first, whatever its head start
    shop.does(Close(20))
    assert len(shop.model.world.theirs(ANNA)) == 15


def test_limit_at_one_source_leaves_room_for_another() -> None:
    shop = Shop(1)
    other = shop.model.connect()
    shop.does(Employ(other, ANNA, 1))
    shop.does(Employ(SOURCE, ANNA, 1, limit=1))
    assert [shop.opens().operator, shop.opens().operator, shop.opens(source=other).operator] == [ANNA, None, ANNA]
    assert shop.model.world.contacts[2].why == "full_here"


def test_hourly_rate_frees_a_place_exactly_an_hour_later() -> None:
    shop = Shop(1)
    shop.sets(ANNA, rate=1)
    shop.opens()
    shop.waits(30 * MINUTE)
    second = shop.opens()
    assert second.why == "rate"
    shop.waits(30 * MINUTE - 1)
    assert second.operator is None
    shop.waits(1)
    assert second.operator == ANNA


def test_offer_that_came_to_nothing_counts_in_no_rate() -> None:
    shop = Shop(9, 1, offer_seconds=30)
    shop.sets(ANNA, rate=1)
    shop.opens("a")
    shop.waits(30)
    assert shop.opens("b").operator == ANNA
    assert shop.opens("c").operator == BORIS


def test_morning_ramp_spares_whoever_comes_and_no_new_contact_waits_for_it() -> None:
    shop = Shop(1, ramp=3, limit=50)
    shop.sets(ANNA, is_online=False)
    for _ in range(7):
        shop.opens()
    shop.waits(1)
    shop.sets(ANNA, is_online=True)
    assert len(shop.model.world.theirs(ANNA)) == 3
    assert shop.opens("new").operator == ANNA
    shop.waits(MINUTE)
    assert len(shop.model.world.theirs(ANNA)) == 3 + 1 + 3
    shop.waits(MINUTE)
    assert not shop.model.world.queue()


# --- the queue -------------------------------------------------------------------------------------------------------


def test_order_is_minutes_waited_plus_head_start_and_nobody_starves() -> None:
    shop = Shop(1)
    shop.sets(ANNA, is_online=False)
    old = shop.opens("old")
    shop.waits(61 * MINUTE)
    vip, new = shop.opens("vip", head_start=60), shop.opens("new")
    assert shop.model.world.queue() == [old, vip, new]
    shop.waits(DAY)
    assert shop.model.world.queue() == [old, vip, new]


def test_returned_contact_keeps_its_age_and_goes_to_somebody_else() -> None:
    shop = Shop(1, 1, limit=1)
    first, second = shop.opens("a"), shop.opens("b")
    shop.waits(HOUR)
    third, fourth = shop.opens("c"), shop.opens("d")
    returned_by = first.operator
    shop.waits(1)
    shop.does(Return(first.id))
    assert (first.operator, third.operator) == (None, returned_by)  # nobody else is free for it
    assert shop.model.world.queue() == [first, fourth]
    shop.does(Close(second.id))
    assert first.operator not in (None, returned_by)


def test_returned_contact_comes_back_if_nobody_else_is_there() -> None:
    shop = Shop(1, 1)
    contact = shop.opens()
    returned_by = contact.operator or 0
    other = ANNA + BORIS - returned_by
    shop.sets(other, limit=0)
    shop.does(Return(contact.id))
    assert contact.why == "full+returned"
    shop.sets(other, is_online=False)
    assert contact.operator == returned_by


def test_skill_is_required_until_its_minutes_are_over_and_that_is_recorded() -> None:
    shop = Shop(1, skills={"en": 10})
    contact = shop.opens(skills={"vip": None})
    assert contact.why == "no_skill"
    shop.sets(ANNA, skills=frozenset({"vip"}))
    assert contact.operator is None
    assert kinds(shop.waits(10 * MINUTE - 1)) == []
    assert shop.waits(1)[0] == Event("skill_dropped", contact.id, why="en")
    assert contact.operator == ANNA


def test_skill_is_not_dropped_overnight() -> None:
    shop = Shop(1, skills={"en": 10})
    shop.configures(hours=NINE_TO_FIVE)
    shop.waits(5 * HOUR - 5 * MINUTE)
    contact = shop.opens()
    shop.waits(16 * HOUR)
    assert (contact.dropped, contact.why) == (set(), "source_closed")
    shop.waits(10 * MINUTE)
    assert (contact.dropped, contact.operator) == ({"en"}, ANNA)


def test_own_request_of_an_operator_holds_nobody_up() -> None:
    shop = Shop(1)
    shop.sets(ANNA, lead="anna herself")
    own, other = shop.opens("anna herself"), shop.opens("ivan")
    assert (own.why, other.operator) == ("own_request", ANNA)


# --- offers ----------------------------------------------------------------------------------------------------------


def test_offer_goes_on_to_one_who_pays_and_the_first_neither_pays_nor_earns() -> None:
    shop = Shop(2, 1, 1, offer_seconds=30)
    contact = shop.opens()
    assert (contact.state, contact.operator) == (State.OFFERED, ANNA)
    assert shop.model.world.load(ANNA) == 100
    shop.waits(29)
    assert contact.operator == ANNA
    assert kinds(shop.waits(1)) == ["missed", "offered"]
    assert contact.operator == BORIS
    assert shop.credits == {ANNA: 0, BORIS: -UNIT // 2, VERA: UNIT // 2}
    assert shop.model.world.load(ANNA) == 0
    shop.does(Decline(contact.id))
    assert shop.credits == {ANNA: 0, BORIS: 0, VERA: 0}  # of one there is nothing to share
    shop.does(Take(contact.id))
    assert (contact.state, contact.operator, contact.opened) == (State.HELD, VERA, NOON)


def test_earlier_ones_are_asked_again_last_and_never_after_a_final_refusal() -> None:
    shop = Shop(1, 1, offer_seconds=30, offer_rounds=9)
    contact = shop.opens()
    shop.does(Decline(contact.id, may_ask_again=False))
    assert contact.operator == BORIS
    shop.does(Decline(contact.id))
    assert contact.operator == BORIS
    shop.sets(BORIS, is_online=False)
    assert (contact.state, contact.why) == (State.QUEUED, "offline+refused")


def test_rounds_end_at_whoever_is_on_duty() -> None:
    shop = Shop(1, 1, offer_seconds=30, offer_rounds=2, duty=VERA, limit=1)
    shop.model.hire(limit=1)
    contact = shop.opens()
    shop.waits(60)
    assert (contact.state, contact.operator) == (State.HELD, VERA)
    assert shop.model.world.decisions[-1].rule == "duty"
    assert set(shop.credits.values()) == {0}  # who is on duty does not work at this source


def test_rounds_end_at_admins_and_the_contact_waits_quietly_for_a_newcomer() -> None:
    shop = Shop(1, 1, offer_seconds=30, offer_rounds=2)
    contact = shop.opens()
    assert kinds(shop.waits(60)) == ["missed", "offered", "missed", "escalated", "reminded"]
    assert shop.waits(DAY) == []
    shop.does(Employ(SOURCE, shop.model.hire(), 1))
    assert (contact.state, contact.operator) == (State.OFFERED, VERA)


def test_single_operator_keeps_the_offer_is_reminded_and_stays_online() -> None:
    shop = Shop(1, offer_seconds=30, offer_rounds=5, miss_limit=1)
    contact = shop.opens()
    assert kinds(shop.waits(60)) == ["missed", "reminded", "missed", "reminded"]
    assert (contact.operator, shop.model.world.operators[ANNA].is_online) == (ANNA, True)


def test_misses_in_a_row_set_an_operator_offline_and_their_offers_go_on() -> None:
    shop = Shop(9, 1, offer_seconds=30, miss_limit=2)
    first, second, third = shop.opens("a"), shop.opens("b"), shop.opens("c")
    assert [first.operator, second.operator, third.operator] == [ANNA] * 3
    events = shop.waits(30)
    assert kinds(events).count("missed") == 2
    assert Event("missed_too_often", operator=ANNA) in events
    assert Event("queued", third.id, ANNA, "offline") in events
    assert {one.operator for one in (first, second, third)} == {BORIS}
    assert third.asked == {}


def test_answer_to_an_offer_ends_the_row_of_misses() -> None:
    shop = Shop(9, 1, offer_seconds=30, miss_limit=2)
    for answer in (None, Take, None):
        contact = shop.opens()
        assert contact.operator == ANNA
        if answer:
            shop.does(Take(contact.id))
        shop.waits(30)
        shop.does(Close(contact.id))
    assert shop.model.world.operators[ANNA].is_online


@pytest.mark.parametrize(("evening", "hours"), [("2026-03-28", 7), ("2026-10-24", 9), ("2026-11-25", 8)])
def test_offer_counts_working_time_over_a_night_in_which_clocks_change(evening: str, hours: int) -> None:
    """Ten seconds before the end of the night shift, and twenty more at the start of the next one."""
    start = at(f"{evening}T22:00") + hours * HOUR - 10
    shop = Shop(9, 1, now=start, offer_seconds=30)
    shop.sets(ANNA, hours=Hours(BERLIN, (NIGHT,) * 7))
    contact = shop.opens()
    shop.sets(BORIS, limit=0)
    tomorrow = shop.model.world.operators[ANNA].shifts.next_change(start + 10, start + DAY)
    assert tomorrow is not None
    shop.waits(tomorrow + 19 - start)
    shop.sets(BORIS, limit=5)
    assert contact.operator == ANNA
    shop.waits(1)
    assert contact.operator == BORIS


def test_offer_does_not_wait_for_the_morning_while_somebody_else_is_free() -> None:
    start = at("2026-11-25T22:00") + 8 * HOUR - 10
    shop = Shop(9, 1, now=start, offer_seconds=30)
    shop.sets(ANNA, hours=Hours(BERLIN, (NIGHT,) * 7))
    contact = shop.opens()
    shop.waits(9)
    assert contact.operator == ANNA
    shop.waits(1)
    assert contact.operator == BORIS
    assert contact.asked == {}


# --- absence ---------------------------------------------------------------------------------------------------------


def test_unanswered_contact_is_handed_over_and_the_answered_one_stays() -> None:
    shop = Shop(9, 1, handover="hand_over", away_minutes=30)
    unanswered, answered = shop.opens("a"), shop.opens("b")
    shop.does(Reply(answered.id))
    shop.sets(ANNA, is_online=False)
    assert shop.waits(30 * MINUTE - 1) == []
    assert kinds(shop.waits(1)) == ["client_told", "queued", "assigned"]
    assert (unanswered.operator, answered.operator) == (BORIS, ANNA)
    assert kinds(shop.does(Write(answered.id))) == ["client_told", "queued", "assigned"]
    assert answered.operator == BORIS


def test_end_of_a_shift_counts_as_absence() -> None:
    shop = Shop(9, 1, handover="hand_over", away_minutes=0)
    shop.sets(ANNA, hours=NINE_TO_FIVE)
    contact = shop.opens()
    shop.waits(5 * HOUR - 1)
    assert contact.operator == ANNA
    shop.waits(1)
    assert contact.operator == BORIS


def test_contact_given_before_a_shift_is_not_handed_over() -> None:
    shop = Shop(9, 1, now=at("2026-11-25T08:44"), handover="hand_over", away_minutes=0)
    shop.sets(ANNA, hours=Hours(BERLIN, NINE_TO_FIVE.week, start_before=15))
    shop.sets(BORIS, is_online=False)
    contact = shop.opens()
    assert kinds(shop.waits(MINUTE)) == ["assigned"]
    assert shop.waits(HOUR) == []
    assert contact.operator == ANNA


@pytest.mark.parametrize(("mode", "told"), [("keep", []), ("hold", ["client_told"])])
def test_contact_stays_and_the_client_is_told_once(mode: str, told: list[str]) -> None:
    shop = Shop(9, 1, handover=mode)
    contact = shop.opens()
    shop.sets(ANNA, is_online=False)
    assert kinds(shop.waits(DAY)) == told
    assert shop.does(Write(contact.id)) == []
    assert contact.operator == ANNA


def test_snooze_wakes_once_at_its_operator_or_by_the_rule() -> None:
    shop = Shop(9, 1)
    here, away = shop.opens("a"), shop.opens("b")
    shop.does(Snooze(here.id, NOON + HOUR))
    shop.does(Snooze(away.id, NOON + 2 * HOUR))
    assert shop.waits(HOUR) == [Event("woke", here.id, ANNA)]
    shop.sets(ANNA, is_online=False)
    assert kinds(shop.waits(DAY)) == ["queued", "assigned"]
    assert (here.operator, away.operator) == (ANNA, BORIS)


def test_word_of_the_client_wakes_a_contact() -> None:
    shop = Shop(1)
    contact = shop.opens()
    shop.does(Snooze(contact.id, NOON + HOUR))
    assert kinds(shop.does(Write(contact.id))) == ["woke"]
    assert shop.waits(DAY) == []


def test_nobody_on_shift_and_the_queue_opens_with_the_margin() -> None:
    shop = Shop(1, now=at("2026-11-28T12:00"))
    office = Hours(BERLIN, (Day(((540, 1_020),)),) * 5 + (FREE,) * 2, start_before=15, stop_before=30)
    shop.sets(ANNA, hours=office)
    contact = shop.opens()
    assert contact.why == "off_shift"
    shop.waits(at("2026-11-30T08:44:59") - shop.model.world.now)
    assert contact.state == State.QUEUED
    shop.waits(1)
    assert contact.operator == ANNA
    shop.waits(at("2026-11-30T16:30") - shop.model.world.now)
    assert shop.opens("late").why == "off_shift"


# --- other ways ------------------------------------------------------------------------------------------------------


def test_transfer_to_another_source_begins_a_new_wait_there() -> None:
    shop = Shop(1)
    other = shop.model.connect()
    shop.does(Employ(other, shop.model.hire(), 1))
    contact = shop.opens()
    shop.does(Move(contact.id, other))
    assert (contact.source, contact.operator, contact.opened) == (other, BORIS, NOON)


def test_reopened_contact_is_its_former_operators_beyond_the_limit() -> None:
    shop = Shop(1, limit=1)
    contact = shop.opens()
    shop.does(Close(contact.id))
    shop.opens("next")
    credits = dict(shop.credits)
    shop.does(Reopen(contact.id))
    assert (contact.operator, shop.model.world.load(ANNA), shop.credits) == (ANNA, 200, credits)


# --- service level ---------------------------------------------------------------------------------------------------


def test_clocks_pause_and_reopening_restarts_no_first_reply() -> None:
    shop = Shop(1, targets=Targets(first_reply=10, next_reply=10, resolution=60))
    contact = shop.opens()
    assert kinds(shop.waits(8 * MINUTE)) == ["first_reply_70"]
    shop.does(Reply(contact.id))
    assert shop.waits(DAY) == []  # it waits for its client
    shop.does(Write(contact.id))
    shop.waits(2 * MINUTE)
    shop.does(Snooze(contact.id, shop.model.world.now + HOUR))
    shop.waits(HOUR)
    shop.waits(MINUTE)
    shop.does(Reply(contact.id))
    shop.does(Close(contact.id))
    shop.waits(30 * DAY)
    shop.does(Reopen(contact.id))
    shop.does(Write(contact.id))
    shop.waits(4 * MINUTE)
    world = shop.model.world
    clocks = read(contact.history, world.sources[SOURCE].shifts, world.now)
    assert [(one.name, one.seconds // MINUTE) for one in clocks] == [
        ("first_reply", 8),
        ("resolution", 11),
        ("next_reply", 3),
        ("resolution", 4),
        ("next_reply", 4),
    ]


def test_reminders_come_in_working_time_and_once() -> None:
    shop = Shop(1, targets=Targets(first_reply=10))
    shop.configures(hours=NINE_TO_FIVE)
    shop.waits(5 * HOUR - 8 * MINUTE)
    contact = shop.opens()
    assert kinds(shop.waits(8 * MINUTE)) == ["first_reply_70"]
    assert shop.waits(16 * HOUR) == []
    assert shop.waits(2 * MINUTE) == [Event("first_reply_100", contact.id, ANNA)]
    assert shop.waits(DAY) == []
