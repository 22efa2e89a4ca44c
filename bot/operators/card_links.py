"""Links to cards, `?start=c_15`: they show the card of a request, as `#15` does, to the operator whose it is."""

from aiogram import F, Router
from aiogram.filters import CommandObject, CommandStart
from aiogram.types import Message

from bot.handling.act import Act
from bot.handling.filters import IsCommand, IsOperator
from bot.screens.links import CARD_PAYLOAD
from crm_core.access.actors import Actor
from crm_core.contacts import cards

router = Router(name="operators.card_links")
router.message.filter(IsCommand(), IsOperator())

# Any other payload, and that of anybody else, is an ordinary /start.
_names_a_card = F.args.regexp(rf"{CARD_PAYLOAD}[1-9][0-9]{{0,17}}\Z")


@router.message(CommandStart(deep_link=True, magic=_names_a_card, ignore_case=True, ignore_mention=True))
async def on_card_link(message: Message, command: CommandObject, actor: Actor, act: Act) -> None:
    """Sends the card again at the end of the chat."""
    number = int((command.args or "").removeprefix(CARD_PAYLOAD))
    await act(cards.show_linked, contact_id=number, bot_id=act.bot_id, actor=actor)
