"""Random sequences of actions: after each step the invariants hold, and no contact waits while somebody is eligible.

Each run happens inside one outer transaction that is rolled back at the end, with a savepoint for each step, so that a
run needs no database of its own.
"""

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import Connection, Engine, NullPool, create_engine, make_url
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, Actor, telegram
from crm_core.contacts import lifecycle, reopening, transfer
from crm_core.contacts.leads import LeadFacts
from crm_core.conversation import client_messages, client_starts, operator_messages, sending_to_client
from crm_core.errors import CrmError
from crm_core.messaging.messages import MessageContent
from crm_core.routing import new_sources, source_settings, weight_settings
from crm_core.storage.database import PENDING_ON_COMMIT
from crm_core.storage.sqlite import sqlite_engine
from crm_core.team import accounts, departure, operators
from tests.domain.arranging import BOT, NOW, Office, hire, open_office, saying
from tests.domain.invariants import check_all

CLIENTS = st.integers(1, 5)
SLOTS = st.integers(0, 3)  # the first to the fourth operator; a removed one is replaced
NUMBERS = st.integers(0, 7)  # the n-th of the contacts that there are
LIMITS = st.sampled_from([0, 1, 2, 3, 4, 4])
WEIGHTS = st.sampled_from([0, 1, 2, 3, 3])
SELDOM = st.sampled_from([True, False, False, False])  # for steps that would empty the office if they came often


class Helpdesk(RuleBasedStateMachine):
    """A bot with a source and a link, four operators, five clients, an admin and an API client."""

    connection: Connection
    now = NOW

    def __init__(self) -> None:
        super().__init__()
        self.outer = self.connection.begin()
        self.s = Session(self.connection, autoflush=False, join_transaction_mode="create_savepoint")
        self.s.info[PENDING_ON_COMMIT] = []
        self.rng = random.Random(0)
        self.said = 1_000
        self.closed_once: set[int] = set()
        self.allowed_over: int | None = None

    def teardown(self) -> None:
        self.s.close()
        self.outer.rollback()

    @initialize(weights=st.lists(WEIGHTS, min_size=4, max_size=4), limit=LIMITS)
    def open(self, weights: list[int], limit: int) -> None:
        self.office: Office = open_office(self.s, weights=weights, limit=limit)
        self.link = new_sources.add_link(self.s, bot_id=BOT, slug="vk", name="VK ads", actor=SYSTEM, now=NOW)
        self._look()

    # --- what people do ----------------------------------------------------------------------------------------------

    @rule(client=CLIENTS, by_link=st.booleans())
    def start(self, client: int, by_link: bool) -> None:
        known = {name: saying(client, now=self.now)[name] for name in ("bot_id", "chat_id", "person", "now")}
        self._do(client_starts.start_chat, **known, slug="vk" if by_link else None)

    @rule(clients=st.lists(CLIENTS, min_size=1, max_size=8))
    def say(self, clients: list[int]) -> None:
        for client in clients:
            self.said += 1
            self._do(client_messages.receive, **saying(client, self.said, rng=self.rng.random, now=self.now))

    @rule(client=CLIENTS, answered=st.integers(1_000, 1_050))
    def say_in_reply(self, client: int, answered: int) -> None:
        self.said += 1
        inputs = saying(client, self.said, rng=self.rng.random, now=self.now)
        content = MessageContent(
            "text", text="a reply", bot_id=BOT, chat_id=client, message_id=self.said, reply_to=answered
        )
        self._do(client_messages.receive, **{**inputs, "content": content})

    @rule(number=st.integers(1, 3))
    def register(self, number: int) -> None:
        lead = LeadFacts(external_id=f"crm-{number}")
        self._do(
            lifecycle.register, source_id=self.link, lead=lead, content=MessageContent("text", text="from the site")
        )

    @rule(number=NUMBERS, slot=st.none() | SLOTS)
    def take(self, number: int, slot: int | None) -> None:
        self._on_contact(number, lifecycle.take, version=None, actor=self._somebody(number, slot))

    @rule(number=NUMBERS, slot=st.none() | SLOTS)
    def close(self, number: int, slot: int | None) -> None:
        self._on_contact(number, lifecycle.close, version=None, actor=self._somebody(number, slot))

    @rule(number=NUMBERS, slot=st.none() | SLOTS)
    def reopen(self, number: int, slot: int | None) -> None:
        actor = self._somebody(number, slot)
        found = self._rows(f"SELECT operator_id FROM staff WHERE telegram_id = {actor.telegram_id}")  # noqa: S608
        self.allowed_over = found[0].operator_id if found else None
        self._on_contact(number, reopening.reopen, version=None, actor=actor)
        self.closed_once = set()  # what is open again is noted below

    @rule(slot=SLOTS)
    def answer(self, slot: int) -> None:
        actor = self._actor(slot)
        self._do(operator_messages.route, actor=actor, content=self._content(actor))

    @rule(number=NUMBERS, slot=st.none() | SLOTS)
    def answer_to(self, number: int, slot: int | None) -> None:
        actor = self._somebody(number, slot)
        self._on_contact(number, sending_to_client.send_to_client, content=self._content(actor), actor=actor)

    @rule(slot=SLOTS, number=NUMBERS, confirmed=st.booleans())
    def give(self, slot: int, number: int, confirmed: bool) -> None:
        self.allowed_over = self._operator(slot)
        self._on_contact(
            number, transfer.assign_by_hand, operator_id=self._operator(slot), actor=SYSTEM, confirmed=confirmed
        )

    @rule(slot=SLOTS, limit=LIMITS)
    def limit(self, slot: int, limit: int) -> None:
        self._do(operators.set_limit, operator_id=self._operator(slot), max_leads=limit, actor=SYSTEM)

    @rule(slot=SLOTS, is_online=st.booleans())
    def presence(self, slot: int, is_online: bool) -> None:
        self._do(operators.set_online, is_online=is_online, actor=self._actor(slot))

    @rule(slot=SLOTS, is_active=st.booleans())
    def activity(self, slot: int, is_active: bool) -> None:
        self._do(operators.set_active, operator_id=self._operator(slot), is_active=is_active, actor=SYSTEM)

    @rule(slot=SLOTS, weight=WEIGHTS, at_link=st.booleans())
    def weight(self, slot: int, weight: int, at_link: bool) -> None:
        source_id = self.link if at_link else self.office.source_id
        self._do(
            weight_settings.set_weight,
            source_id=source_id,
            operator_id=self._operator(slot),
            weight=weight,
            actor=SYSTEM,
        )

    @rule(at_link=st.booleans(), is_exact=st.booleans())
    def strategy(self, at_link: bool, is_exact: bool) -> None:
        source_id = self.link if at_link else self.office.source_id
        strategy = "exact" if is_exact else "random"
        self._do(source_settings.set_strategy, source_id=source_id, strategy=strategy, actor=SYSTEM)

    @rule(at_link=st.booleans(), is_active=st.booleans())
    def switch_source(self, at_link: bool, is_active: bool) -> None:
        source_id = self.link if at_link else self.office.source_id
        self._do(source_settings.set_active, source_id=source_id, is_active=is_active, actor=SYSTEM)

    @rule(slot=SLOTS, really=SELDOM)
    def block_the_bot(self, slot: int, really: bool) -> None:
        if really:
            self._do(departure.mark_unreachable, telegram_id=self.office.account(self._operator(slot)), bot_id=BOT)

    @rule(slot=SLOTS)
    def unblock_the_bot(self, slot: int) -> None:
        self._do(accounts.mark_reachable, telegram_id=self.office.account(self._operator(slot)), bot_id=BOT)

    @rule(slot=SLOTS, weight=WEIGHTS, limit=LIMITS, really=SELDOM)
    def remove_and_hire(self, slot: int, weight: int, limit: int, really: bool) -> None:
        if not really:
            return
        self._do(departure.remove, operator_id=self._operator(slot), actor=SYSTEM)
        self._look()
        self.said += 1
        hired = hire(self.s, self.office, f"Operator {self.said}", weight=weight, limit=limit)
        self.office.operator_ids[slot] = hired

    # --- what must hold ----------------------------------------------------------------------------------------------

    @invariant()
    def invariants_hold(self) -> None:
        if hasattr(self, "office"):
            check_all(self.s)
            self._check_limits()
            self._check_order()
            self._check_closed_stays_closed()
            self._look()

    def _check_limits(self) -> None:
        """Nobody got a contact beyond their limit, unless by an admin's hand, or by opening it again themselves."""
        for operator_id, load, most in self._rows("SELECT id, current_leads, max_leads FROM operators"):
            grown = load > self.loads.get(operator_id, 0)
            assert not grown or load <= most or operator_id == self.allowed_over, f"{operator_id}: {load} of {most}"

    def _check_order(self) -> None:
        """Of those who waited at a source, the oldest went first (but for the one that was given by hand)."""
        waiting = {row.id: row.source_id for row in self._waiting()}
        gone = {one for one in self.waited if one not in waiting and one != self.by_hand}
        for contact_id in gone:
            source_id = self.waited[contact_id]
            older = [one for one, of in waiting.items() if of == source_id and one < contact_id and one in self.waited]
            assert older == [], f"{contact_id} was served before {older}"

    def _check_closed_stays_closed(self) -> None:
        closed = {row.id for row in self._rows("SELECT id FROM contacts WHERE status = 'closed'")}
        assert closed >= self.closed_once
        self.closed_once = closed

    # --- how ---------------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Notes the state before the next step."""
        self.loads = {row.id: row.current_leads for row in self._rows("SELECT id, current_leads FROM operators")}
        self.waited = {row.id: row.source_id for row in self._waiting()}
        self.allowed_over, self.by_hand = None, None

    def _do(self, action: Callable[..., Any], **inputs: Any) -> None:
        """One action, rolled back if it is refused; a refusal is a valid outcome."""
        wanted = action.__code__.co_varnames[: action.__code__.co_argcount + action.__code__.co_kwonlyargcount]
        given = {"now": self.now, "rng": self.rng.random}
        inputs = {**{name: value for name, value in given.items() if name in wanted}, **inputs}
        step = self.s.begin_nested()
        try:
            action(self.s, **inputs)
        except CrmError:
            step.rollback()
        else:
            step.commit()

    def _on_contact(self, number: int, action: Callable[..., Any], **inputs: Any) -> None:
        known = self._rows("SELECT id FROM contacts ORDER BY id DESC LIMIT 8")
        if known:
            self.by_hand = known[number % len(known)].id if action is transfer.assign_by_hand else None
            self._do(action, contact_id=known[number % len(known)].id, **inputs)

    def _somebody(self, number: int, slot: int | None) -> Actor:
        """An operator, or whoever holds the contact."""
        known = self._rows("SELECT operator_id FROM contacts ORDER BY id DESC LIMIT 8")
        holder = known[number % len(known)].operator_id if known and slot is None else None
        return self._actor(slot or 0) if holder is None else telegram(self.office.account(holder))

    def _content(self, actor: Actor) -> MessageContent:
        self.said += 1
        return MessageContent("text", text="an answer", bot_id=BOT, chat_id=actor.telegram_id, message_id=self.said)

    def _operator(self, slot: int) -> int:
        return self.office.operator_ids[slot]

    def _actor(self, slot: int) -> Actor:
        return telegram(self.office.account(self._operator(slot)))

    def _waiting(self) -> list[Any]:
        return self._rows("SELECT id, source_id FROM contacts WHERE operator_id IS NULL AND status = 'new'")

    def _rows(self, query: str) -> list[Any]:
        return list(self.s.connection().exec_driver_sql(query))


@contextmanager
def running(engine: Engine, kind: type[Helpdesk] = Helpdesk) -> Iterator[type[Helpdesk]]:
    """The machine, on a database."""
    with engine.connect() as opened:
        yield type("Here", (kind,), {"connection": opened})
    engine.dispose()


@pytest.mark.slow
@pytest.mark.fault("F51", "F55", "F57", "F58")
def test_any_action_sequence_keeps_invariants_on_sqlite(migrated_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "crm.db"
    shutil.copy(migrated_file, path)
    with running(sqlite_engine(make_url(f"sqlite:///{path}"))) as machine:
        run_state_machine_as_test(machine, settings=settings(max_examples=30, stateful_step_count=40, deadline=None))


@pytest.mark.fault("F51", "F55", "F57", "F58")
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_any_action_sequence_keeps_invariants_on_postgres(database_url: str) -> None:
    engine = create_engine(make_url(database_url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    with running(engine) as machine:
        run_state_machine_as_test(machine, settings=settings(max_examples=10, stateful_step_count=30, deadline=None))
