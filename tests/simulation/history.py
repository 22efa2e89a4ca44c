"""One history: a plan, the moves between its steps, and the checks, all of one seed."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from bot.sandbox.server.server import Server
from bot.sandbox.world.chats import Group, StoredMessage
from bot.sandbox.world.state import World
from tests.simulation.actions import Actions
from tests.simulation.loop import PROCESS, TELEGRAM, Loop
from tests.simulation.outcome import check_outcome, held_by_the_absent, overdue_offers
from tests.simulation.plan import CLIENTS, QUIET, Step, bots_of
from tests.simulation.prepared import ADMIN, BEGINS, BOT_IDS, OPERATOR_ACCOUNTS, TOKENS, settings, template
from tests.simulation.safety import Safety, Violation
from tests.simulation.simulated_app import PATIENT, RETRY_DELAYS, SimulatedApp
from tests.simulation.storage import File, SimulatedDatabase
from tests.simulation.telegram import Wire

RESTLESS = 6_000  # moves after the last accident; whatever is not at rest by then never will be
POWER_CUT = 20.0  # seconds until a machine that lost its power is up again
FILE = File()


class History:
    """Runs one plan. Everything that is by chance comes from the seed."""

    def __init__(self, seed: int, plan: Sequence[Step], folder: Path) -> None:
        self.seed, self.plan = seed, plan
        self.rolls = Random(seed ^ 0x5EED)
        self.skew = timedelta()
        self.trace: list[str] = []
        self.violation: Violation | None = None
        self.may_linger = False
        self.moves = self.processes = 0
        self.forgotten: list[tuple[float, float]] = []
        """From the last flush to the end of it, for each power cut: what people saw then, the process knows no more."""
        self.loop = Loop()  # type: ignore[abstract]
        self.file = FILE
        self.file.begin(folder, template())
        self.world = World(self.telegram_clock, seed)
        self.world.strict = False
        self.world.limits.enabled = True
        self.wire = Wire(self.loop, Server(self.world))
        self.clients: list[int] = []
        self.choices: dict[str, int] = {}  # the contact that an operator chose for their words when the bot asked
        self.forums: list[Group] = []
        self.deleted_topics: set[tuple[int, int]] = set()
        self.deleted_by_readers: set[int] = set()
        """Places in the transcript where somebody deletes what they have read."""
        self.slips: set[tuple[int, int]] = set()  # words in forums that looked like commands: chat and message
        self.reactions_in_forums: dict[int, set[str]] = {}  # by account
        self._settings = settings(bots_of(seed))
        self._retry_delays = PATIENT if any(step.what == "long_outage" for step in plan) else RETRY_DELAYS
        self._meet()
        self.safety = Safety(self)
        self.people = Actions(self)
        self.app: SimulatedApp
        self.db: SimulatedDatabase

    def _meet(self) -> None:
        for number, token in enumerate(TOKENS):
            self.world.add_bot(token, f"bot_{number}", f"Bot {number}")
        for number, account in enumerate((*OPERATOR_ACCOUNTS, ADMIN)):
            self.world.add_person({"id": account, "first_name": f"Operator {number}", "language_code": "en"})
            for bot_id in BOT_IDS:
                self.world.dialogue(bot_id, account).started = True
        for number in range(CLIENTS):
            record = self.world.add_person({"first_name": f"Client {number}", "language_code": "en"})
            self.clients.append(record.id)

    # --- what the moves are asked with -----------------------------------------------------------------------------

    def telegram_clock(self) -> datetime:
        """Telegram's moment."""
        return BEGINS + timedelta(seconds=self.loop.now)

    def clock(self) -> datetime:
        """The process's moment: somebody may have set its clock."""
        return self.telegram_clock() + self.skew

    def ask(self, query: str, *values: Any) -> list[Any]:
        """A look at what is committed."""
        return self.file.ask(query, values)

    def is_forgotten(self, at: float) -> bool:
        """Whether a power cut has taken away what the process knew of a moment."""
        return any(since <= at <= until for since, until in self.forgotten)

    def client_shown(self, message: StoredMessage) -> int | None:
        """Whose words a message before an operator's eyes stands for."""
        if message.copied_from is not None and message.copied_from[0] in self.clients:
            return message.copied_from[0]
        return next((one for one in self.clients if f"of {one}" in message.json.get("text", "")), None)

    # --- running ---------------------------------------------------------------------------------------------------

    def run(self) -> Violation | None:
        """Plays the plan, then lets everything come to rest. Returns what was wrong, None if nothing was."""
        self.violation = self._run()
        return self.violation

    def _run(self) -> Violation | None:
        try:
            with self.loop.running():
                self._begin_life()
                for step in self.plan:
                    self._move(step.after)
                    self._take_step(step)
                self._come_to_rest()
                check_outcome(self)
        except Violation as violation:
            return violation
        finally:
            self.db.end(power_cut=False)
            self.wire.drop()
            self.loop.forget_process()
            self.file.end()
        return None

    def _note(self, line: str) -> None:
        self.trace.append(f"{self.moves:4} {self.loop.now:9.2f} s  {line}")

    def _begin_life(self) -> None:
        self.processes += 1
        self._note(f"process {self.processes}")
        self.db = SimulatedDatabase(self.file, self.loop)
        self.app = SimulatedApp(
            self._settings,
            loop=self.loop,
            wire=self.wire,
            db=self.db,
            clock=self.clock,
            rng=self.rolls.random,
            retry_delays=self._retry_delays,
        )
        self.safety.begin_life(self.db)
        with self.loop.owned_by(PROCESS):
            self.loop.create_task(self._start(self.app))

    async def _start(self, app: SimulatedApp) -> None:
        while True:
            try:
                await app._start()
            except Exception as error:
                self._note(f"did not start: {type(error).__name__}")
                await asyncio.sleep(1)
            else:
                return

    def kill(self, callbacks: int, *, power_cut: bool) -> None:
        """Ends the process after some callbacks more, without a word, and begins the next process."""
        for _ in range(callbacks):
            if not self._callback():
                break
        # What lingers on its way, and is answered to nobody, arrives at a moment that the next process cannot know.
        self.safety.may_be_early |= self.may_linger
        with self.loop.owned_by(TELEGRAM):
            self.wire.drop()
        self.db.end(power_cut=power_cut)
        self.loop.forget_process()
        self.safety.end_life(power_cut=power_cut)
        if power_cut:
            for move in list(self.loop.moves):  # what was on its way arrives, long before the machine is up again
                self.loop.perform(move)
            self.loop.advance(self.loop.now + POWER_CUT)
            # What Telegram is slow to take arrives while the machine is down; moments of messages are rounded.
            self.forgotten.append((self.db.flushed_at, self.loop.now + 0.001))
        self._begin_life()

    def stop(self) -> None:
        """Ends the process in order."""
        with self.loop.owned_by(PROCESS):
            stopping = self.loop.create_task(self.app.__aexit__(None, None, None))
        began = self.moves
        while not stopping.done() and self.moves - began < 200:
            self._step()
        self.kill(0, power_cut=False)  # it may hang where the database is away; whoever runs it loses patience

    def pass_time(self, seconds: float) -> None:
        """Lets time pass, with everything that it brings."""
        until = self.loop.now + seconds
        while self.loop.now < until:
            self._step(until)

    def _take_step(self, step: Step) -> None:
        self._note(f"── {step}")
        with self.loop.owned_by(TELEGRAM):
            getattr(self.people, step.what)(**step.arguments)

    def _move(self, number: int) -> None:
        for _ in range(400 if number == QUIET else number):
            if number == QUIET and self._is_quiet():
                return
            self._step()

    def _come_to_rest(self) -> None:
        self._note("── no accidents any more")
        self.world.faults.remove()
        self.file.accidents.disarm()
        self.wire.is_down = False
        until = self.moves + RESTLESS
        self._rest(until)
        self.app.tick(at_most=99)
        self._rest(until)
        if overdue_offers(self) or held_by_the_absent(
            self
        ):  # time leaps where nothing is to be done: what it passed over has its second now
            self.pass_time(1.5)
            self.app.tick(at_most=99)
            self._rest(until)

    def _rest(self, until: int) -> None:
        while not self._is_quiet():
            if self.moves > until:
                raise Violation("never at rest", self._unfinished())
            self._step()

    def _unfinished(self) -> str:
        bots = [(one.state, one.sender) for one in self.app.supervisor.sessions]
        return f"queues {self.app.worker._queues}, bots {bots}"

    def _is_quiet(self) -> bool:
        """Whether nothing is left to do but to wait for news."""
        while self._callback():
            pass
        return (
            not self.loop.moves
            and self.app.is_idle
            and all(
                self.world.bots[token].poll is not None and not self.world.bots[token].queue.items
                for token in self._settings.bot_tokens
            )
        )

    def _callback(self) -> bool:
        if not self.loop.step():
            return False
        self.safety.after_step()
        return True

    def _step(self, until: float | None = None) -> None:
        """Everything that is ready, then one move, chosen by chance: or else time passes."""
        while self._callback():
            pass
        self.moves += 1
        if self.rolls.random() < 0.05:
            self.app.tick()
        moves = self.loop.moves
        # A request that lay in the network for long would make a burst of what was well spaced when it left.
        is_hurried = any(move.owner == TELEGRAM for move in moves)
        if moves and (is_hurried or self.rolls.random() < 0.95):
            move = moves[self.rolls.randrange(len(moves))] if len(moves) > 1 else moves[0]
            self._note(f"{move.label}")
            self.loop.advance(self.loop.now + self.rolls.random() * 0.02)
            self.loop.perform(move)
            self.safety.after_step()
            return
        moment = self.loop.next_moment()
        if moment is None:
            moment = self.loop.now + 1.0
        if until is not None:
            moment = min(moment, until)
        if moment > self.loop.now + 0.5:
            self._note(f"{moment - self.loop.now:.1f} s pass")
        self.loop.advance(moment)
        self.app.tick()
