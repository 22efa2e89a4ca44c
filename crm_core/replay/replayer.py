"""Plays a period again: arithmetic alone, without database, clock or chance of its own."""

from crm_core.replay.as_it_was import AsItWas, Outcome
from crm_core.replay.carried import Carried
from crm_core.replay.changes import Changes
from crm_core.replay.history import History
from crm_core.replay.with_offers import WithOffers


def play(history: History, changes: Changes, *, carried: bool | None = None) -> Outcome:
    """Plays a period under other settings; under none, exactly as it was.

    Args:
        carried: whether the team is carried along instead of being as each choice had it; None where a setting differs.
            Where offers are to be otherwise, they are made and answered anew.
    """
    if changes.of_offers.differ_from(history):
        return WithOffers(history, changes).run()
    is_carried = changes.differ_from(history) if carried is None else carried
    return (Carried if is_carried else AsItWas)(history, changes).run()
