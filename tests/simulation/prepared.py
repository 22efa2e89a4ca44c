"""The installation with which every history begins: two bots, three operators who have started both, an admin."""

import random
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from bot.settings import Settings, load_settings
from crm_core.access.actors import SYSTEM
from crm_core.delivery import bots
from crm_core.routing import absence, sources, weight_settings
from crm_core.storage.database import PENDING_ON_COMMIT
from crm_core.storage.migrate import migrate
from crm_core.team import accounts, invitations, operators
from tests.simulation.plan import BOTS, OPERATORS

BEGINS = datetime(2026, 1, 5, 12, tzinfo=UTC)
TOKENS = tuple(f"{700001 + number}:" + "simulated" * 4 for number in range(BOTS))
BOT_IDS = tuple(int(token.partition(":")[0]) for token in TOKENS)
OPERATOR_ACCOUNTS = tuple(5_000_001 + number for number in range(OPERATORS))
ADMIN = 5_000_100
PLACES, WEIGHTS = (1, 1, 2), (1, 2, 1)


@cache
def settings(bots: int) -> Settings:
    """Those of an installation with so many of the bots."""
    return load_settings(
        bot_tokens=list(TOKENS[:bots]),
        admin_ids=[ADMIN],
        default_language="en",
        log_level="ERROR",
        telegram_api_url="http://telegram",
    )


@cache
def template() -> bytes:
    """The file, as it is copied for each history."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "template.db"
        migrate(f"sqlite:///{path}")
        engine = create_engine(f"sqlite:///{path}")
        with Session(engine, info={PENDING_ON_COMMIT: []}) as s:
            _arrange(s)
            s.commit()
        engine.dispose()
        return path.read_bytes()


def _arrange(s: Session) -> None:
    rng = random.Random(0).random
    for position, bot_id in enumerate(BOT_IDS):
        bots.start(s, bot_id=bot_id, username=f"bot_{position}", name=f"Bot {position}", position=position, now=BEGINS)
    accounts.ensure_admins(s, telegram_ids=[ADMIN], now=BEGINS)
    for number, account_id in enumerate(OPERATOR_ACCOUNTS):
        name = f"Operator {number}"
        operator_id = operators.add(s, name=name, max_leads=PLACES[number], actor=SYSTEM, now=BEGINS)
        invitations.invite(s, code=name, role="operator", operator_id=operator_id, actor=SYSTEM, now=BEGINS)
        account = accounts.Account(account_id, name, None, "en")
        invitations.join(s, code=name, account=account, bot_id=BOT_IDS[0], now=BEGINS, rng=rng)
        for bot_id in BOT_IDS[1:]:
            accounts.mark_reachable(s, telegram_id=account_id, bot_id=bot_id, now=BEGINS, rng=rng)
        for source in sources.listing(s):
            weight_settings.set_weight(
                s,
                source_id=source.id,
                operator_id=operator_id,
                weight=WEIGHTS[number],
                actor=SYSTEM,
                now=BEGINS,
                rng=rng,
            )
    for source in sources.listing(s):  # an hour of absence would be longer than most histories
        values = {"handover": "hand_over", "away_minutes": 0}
        absence.set_handover(s, source_id=source.id, values=values, actor=SYSTEM, now=BEGINS)
    s.execute(text("DELETE FROM outbox"))  # menus and welcomes of this morning have arrived
