"""What a search says on a terminal."""

from collections.abc import Sequence

from bot.sandbox.world.transcript import CALLBACK_ANSWER, Entry
from tests.simulation.history import History
from tests.simulation.plan import Step
from tests.simulation.search import Found

_ACCIDENTS = (
    "crash",
    "power_cut",
    "stop",
    "fault",
    "flood",
    "outage",
    "long_outage",
    "trouble",
    "late",
    "odd",
    "disk",
    "clock",
)


def report_found(found: Found, seconds: float) -> str:
    """How many histories, how fast, what happened in them, and which broke which rule."""
    accidents = ", ".join(f"{found.happened[name]:,} × {name.replace('_', ' ')}" for name in _ACCIDENTS)
    broken = "".join(f"\n  seed {seed}: {rule}" for seed, rule in sorted(found.failures.items()))
    return (
        f"{found.histories:,} histories in {seconds:.0f} s: {found.histories / seconds:.0f} a second, "
        f"{found.moves:,} moves, {found.processes:,} processes\n"
        f"accidents: {accidents}\n"
        f"rules broken: {len(found.failures)}{broken}"
    )


def report_failure(seed: int, plan: Sequence[Step], history: History) -> str:
    """The seed, the shortest history, and what people saw."""
    violation = history.violation
    lines = [f"\nseed {seed}: {violation}", "\nthe shortest plan:", *(f"  {one}" for one in plan)]
    lines += ["\nits history:", *(f"  {line}" for line in history.trace)]
    lines += ["\nwhat people saw:", *(f"  {_line(one)}" for one in history.world.transcript.entries)]
    return "\n".join([*lines, f"\nalone, in full: make simulate SEED={seed}"])


def _line(entry: Entry) -> str:
    said = entry.message.get("text") or entry.message.get("caption") or entry.kind
    whose = "bot" if entry.request_id is not None else "they"
    event = "" if entry.event in ("new", CALLBACK_ANSWER) else f" ({entry.event})"
    return f"{entry.bot_id} · {entry.chat_id} · {whose}{event}: {said.splitlines() if isinstance(said, str) else said}"
