"""How far an installation is set up: what an admin has still to do before requests reach somebody."""

from dataclasses import dataclass

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from crm_core.storage.tables import Bot, Contact, Operator, Source, Staff, Weight


@dataclass(frozen=True, slots=True)
class Progress:
    """The three steps, and who asks.

    Attributes:
        bot: the username of the bot that is asked.
        has_operator, has_weight, has_contact: whether each step is done.
        is_operator: whether the one who asks is an operator, too.
    """

    bot: str
    has_operator: bool
    has_weight: bool
    has_contact: bool
    is_operator: bool

    @property
    def is_ready(self) -> bool:
        """Whether requests can reach somebody."""
        return self.has_operator and self.has_weight


def progress(s: Session, *, bot_id: int, telegram_id: int) -> Progress:
    """How far it is, as an admin's account sees it at a bot."""
    there = Operator.removed_at.is_(None)
    works = exists().where(Weight.operator_id == Operator.id, Source.id == Weight.source_id, Source.is_active, there)
    row = s.execute(
        select(
            select(Bot.username).where(Bot.id == bot_id).scalar_subquery(),
            exists().where(there),
            works,
            exists().where(Contact.id.is_not(None)),
            exists().where(Staff.telegram_id == telegram_id, Staff.operator_id.is_not(None)),
        )
    ).one()
    bot, *done = row
    return Progress(bot, *map(bool, done))
