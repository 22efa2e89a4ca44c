"""A chat remembers which row goes next, and looks at all its lanes anew whenever that could have changed."""

from copy import deepcopy
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.delivery.chat_lanes import ChatLanes
from crm_core.messaging.outbox import ANSWER, CARD, COPY_EDIT, OVERVIEW, TO_OPERATOR, PendingRow
from tests.support.telegram_kit import FrozenClock

BOT, ANNA = 1, 7
SECONDS = st.sampled_from([0, 1, 5, 700])


@st.composite
def rows(draw: st.DrawFn, *, now: FrozenClock, number: int) -> PendingRow:
    pause = draw(st.one_of(st.none(), SECONDS))
    is_held = pause is not None and draw(st.booleans())
    return PendingRow(
        draw(st.sampled_from([number, number + 1_000])),
        BOT,
        ANNA,
        draw(st.sampled_from([ANSWER, CARD, COPY_EDIT, OVERVIEW, TO_OPERATOR])),
        draw(st.sampled_from([11, 12, 13])),
        None if pause is None else now() + timedelta(seconds=pause),
        waits_for_telegram=pause is not None and not is_held and draw(st.booleans()),
        album="album" if is_held else None,
        is_held=is_held,
    )


@pytest.mark.fault("F113")
@given(st.data())
def test_remembered_choice_is_what_a_look_at_all_lanes_finds(data: st.DataObject) -> None:
    clock, lanes, is_outage = FrozenClock(), ChatLanes(), False
    there: list[PendingRow] = []
    for number in range(1, data.draw(st.integers(1, 25))):
        match data.draw(st.sampled_from(["add", "add", "take", "give up", "time", "outage", "ask"])):
            case "add":
                there.append(data.draw(rows(now=clock, number=number)))
                lanes.add(there[-1])
            case "take":
                chosen, _ = lanes.choose(clock(), is_outage=is_outage)
                if chosen is not None:
                    taken = {row.id for row in lanes.take(chosen)}
                    there = [row for row in there if row.id not in taken]
            case "give up" if there:
                given_up = data.draw(st.sampled_from(there))
                lanes.discard({given_up.id})
                there.remove(given_up)
            case "time":
                clock.forward(data.draw(SECONDS))
            case "outage":
                is_outage = not is_outage
                if not is_outage:
                    lanes.end_outage()
        afresh = deepcopy(lanes)
        afresh._chosen = None
        expected = afresh.choose(clock(), is_outage=is_outage)
        assert lanes.choose(clock(), is_outage=is_outage) == expected
