"""An installation in the database only: a bot with its source, operators who can be reached, clients who write."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM
from crm_core.contacts.leads import LeadFacts, telegram_external_id
from crm_core.conversation import client_messages
from crm_core.conversation.client_messages import ReceivedMessage
from crm_core.delivery import bots
from crm_core.messaging.messages import MessageContent
from crm_core.routing import sources, weight_settings
from crm_core.team import invitations, operators
from crm_core.team.accounts import Account

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
BOT = 700001


@dataclass(frozen=True)
class Office:
    """What was arranged: the bot's own source, and operators with the accounts that they are."""

    source_id: int
    operator_ids: list[int] = field(default_factory=list)

    def account(self, operator_id: int) -> int:
        """The Telegram id of an operator."""
        return 10_000 + operator_id


def open_office(s: Session, *, weights: list[int], limit: int) -> Office:
    """A bot, and an operator for each weight, every one reachable and online."""
    bots.start(s, bot_id=BOT, username="shop_bot", name="Shop", position=0, now=NOW)
    office = Office(sources.find(s, name="shop_bot").id)
    for number, weight in enumerate(weights):
        office.operator_ids.append(hire(s, office, f"Operator {number}", weight=weight, limit=limit))
    return office


def hire(s: Session, office: Office, name: str, *, weight: int, limit: int) -> int:
    """An operator who has opened their invitation. Returns the operator's id."""
    operator_id = operators.add(s, name=name, max_leads=limit, actor=SYSTEM, now=NOW)
    account = Account(office.account(operator_id), name)
    invitations.invite(s, code=name, role="operator", operator_id=operator_id, actor=SYSTEM, now=NOW)
    invitations.join(s, code=name, account=account, bot_id=BOT, now=NOW, rng=random.random)
    if weight:
        set_weight(s, office, operator_id, weight)
    return operator_id


def set_weight(s: Session, office: Office, operator_id: int, weight: int) -> None:
    """An operator's weight at the office's source."""
    weight_settings.set_weight(
        s,
        source_id=office.source_id,
        operator_id=operator_id,
        weight=weight,
        actor=SYSTEM,
        now=NOW,
        rng=random.random,
    )


def saying(
    client: int, number: int = 1, *, rng: Callable[[], float] = random.random, now: datetime = NOW
) -> dict[str, Any]:
    """The arguments of `client_messages.receive` for message `number` of a client."""
    return {
        "bot_id": BOT,
        "chat_id": client,
        "person": LeadFacts(external_id=telegram_external_id(client), full_name=f"Client {client}", language="en"),
        "content": MessageContent("text", text=f"message {number}", bot_id=BOT, chat_id=client, message_id=number),
        "now": now,
        "rng": rng,
    }


def say(s: Session, client: int, number: int = 1, *, rng: Callable[[], float] = random.random) -> ReceivedMessage:
    """A client writes."""
    return client_messages.receive(s, **saying(client, number, rng=rng))
