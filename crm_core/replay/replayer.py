"""Plays a period again: arithmetic alone, without database, clock or chance of its own."""

from crm_core.replay.as_it_was import AsItWas, Outcome
from crm_core.replay.carried import Carried
from crm_core.replay.changes import Changes
from crm_core.replay.history import History
from crm_core.replay.settings import Key, set_by
from crm_core.replay.with_offers import WithOffers


def play(history: History, changes: Changes, *, carried: bool | None = None) -> Outcome:
    """Plays a period under other settings; under none, exactly as it was.

    Args:
        carried: whether the team is carried along instead of being as each choice had it; None where a setting differs.
            Where requests are offered, or were, they are offered and answered anew then.
    """
    is_carried = changes.differ_from(history) if carried is None else carried
    if not is_carried:
        return AsItWas(history, changes).run()
    return (WithOffers if has_offers(history, changes) else Carried)(history, changes).run()


def has_offers(history: History, changes: Changes) -> bool:
    """Whether a source offers its contacts at any moment, as it was or as it is to be."""
    seconds = [one.offer_seconds for one in history.sources.values()]
    seconds += [value for step in history.steps for key, value in set_by(step) if key.name == "offer_seconds"]
    return any(seconds) or any(changes.values.get(Key("offer_seconds", one)) for one in history.sources)
