"""Pauses between tries of what Telegram refuses."""

import pytest

from bot.telegram.pauses import Pauses


@pytest.mark.fault("F175")
def test_pauses_double_to_a_minute_and_begin_anew_after_success() -> None:
    pauses = Pauses()
    assert [pauses.next() for _ in range(7)] == [2, 4, 8, 16, 32, 60, 60]
    pauses.reset()
    assert pauses.next() == 2
