"""Words of ours that nobody asked for: to clients about their contact, to staff about what happened. A text a code."""

from typing import Any

from bot.texts import Translator
from bot.texts.phrases import kind_name, moment, why_nobody, why_not_kept
from crm_core.delivery.claims import CardData


def client_notice(code: str, contact: CardData | None, payload: dict[str, Any], _: Translator) -> str | None:
    """What a client is told. `contact` is the newest state, so that a notice never says what is no longer so.

    Returns None where there is nothing to say any more.
    """
    if contact is None:
        return _slowed(_)
    number = contact.id
    match code:
        case "registered" if contact.operator:
            return _("Your request is #{id}. {operator} will answer you here.").format(
                id=number, operator=contact.operator
            )
        case "registered" if contact.place == 1:
            return _("Your request is #{id}. Everybody is busy at the moment; you are next in the queue.").format(
                id=number
            )
        case "registered":
            text = _("Your request is #{id}. Everybody is busy at the moment; you are number {place} in the queue.")
            return text.format(id=number, place=contact.place)
        case "taken" if contact.operator is None:
            return None  # he was taken off again meanwhile; whoever takes it next is announced
        case "taken":
            return _("{operator} is with you now, request #{id}.").format(operator=contact.operator, id=number)
        case "closed":
            return _(
                "Request #{id} is closed. Thank you! Write again at any time, and a new one will be opened."
            ).format(id=number)
        case _other:
            return _slowed(_)


def _slowed(_: Translator) -> str:
    return _("You are writing very fast. Nothing is lost: your messages are passed on one by one.")


def staff_notice(payload: dict[str, Any], _: Translator) -> str:
    """What a member of staff is told. `payload` has the code and its values."""
    number = payload.get("contact")
    match payload["code"]:
        case "contact_waits":
            text = _("⏳ #{id} waits at {source}: nobody is eligible ({why}). /queue")
            return text.format(id=number, source=payload["source"], why=why_nobody(payload["why"], _))
        case "limit_reached":
            text = _("🔺 {operator} has reached the limit: {load} of {limit} open contacts.")
            return text.format(operator=payload["operator"], load=payload["load"], limit=payload["limit"])
        case "operator_unreachable":
            text = _("🚫 {operator} can't be reached through @{bot}: the bot is blocked or was never started there.")
            lines = [text.format(operator=payload["operator"], bot=payload["bot"])]
            if payload["returned"]:
                back = _.plural(
                    "{n} contact went back to the queue.", "{n} contacts went back to the queue.", payload["returned"]
                )
                lines.append(back.format(n=payload["returned"]))
            return " ".join(lines)
        case "bot_refused":
            return _("🔑 Telegram refuses the token of @{bot}. Put a valid one into BOT_TOKENS and restart.").format(
                bot=payload["bot"]
            )
        case "bot_conflict":
            text = _("👥 Another program reads the messages of @{bot}. Stop it, or make a new token with @BotFather.")
            return text.format(bot=payload["bot"])
        case "update_dead":
            text = _(
                "💥 An update could not be processed and was set aside (inbox {inbox}, {error}). "
                "Nothing else is delayed."
            )
            return text.format(inbox=payload["inbox"], error=payload["error"])
        case "updates_lost":
            text = _(
                "📭 @{bot} received nothing for {hours} hours, and Telegram keeps messages for 24. "
                "What clients wrote earlier than that may be lost."
            )
            return text.format(bot=payload["bot"], hours=payload["hours"])
        case "stood_still":
            text = _(
                "🐢 The bot could do nothing for {seconds} seconds: its machine was busy or asleep. Nothing is lost."
            )
            return text.format(seconds=payload["seconds"])
        case "update_ids_restarted":
            return _("ℹ️ Telegram has restarted the numbers of its updates. Nothing is lost.")
        case "restored":
            return _restored(payload, _)
        case "restored_unsure":
            text = _(
                "❔ #{id}: the data was restored from a backup, and nobody knows whether this message reached "
                "the client. Please ask."
            )
            return text.format(id=number)
        case "backup_failed":
            text = _("💾 The nightly backup could not be made: {why}. It is tried again every hour.")
            return text.format(why=why_not_kept(payload["why"], _))
        case "backup_damaged":
            return _(
                "🆘 The nightly check found the database damaged. Earlier backups are kept. "
                "Stop the bot and restore the last one: mini-crm restore."
            )
        case "card_dead":
            return _("💥 The card of #{id} can't be delivered. Give it to somebody: /assign #{id} …").format(id=number)
        case "client_unreachable":
            return _(
                "🚫 #{id}: the client has blocked the bot. Nothing can be delivered until he writes again."
            ).format(id=number)
        case "delivery_failed" if payload.get("why") == "original_gone":
            text = _("🗑 #{id}: a message ({kind}) was deleted by its author before it could be passed on.")
            return text.format(id=number, kind=kind_name(payload["kind"], _))
        case "delivery_failed":
            text = _("⚠️ #{id}: this message ({kind}) could not be delivered.")
            return text.format(id=number, kind=kind_name(payload["kind"], _))
        case "delivery_uncertain":
            return _("❔ #{id}: Telegram never said whether this message arrived. Please ask.").format(id=number)
        case "maybe_doubled":
            return _("↻ #{id}: this message may have arrived twice; Telegram's first answer was lost.").format(
                id=number
            )
        case "not_copyable":
            text = _("⚠️ #{id}: the client sent something that Telegram does not let a bot copy: {kind}.")
            return text.format(id=number, kind=kind_name(payload["kind"], _))
        case unknown:
            return str(unknown)


def _restored(payload: dict[str, Any], _: Translator) -> str:
    text = _(
        "♻️ The data was restored from a backup: it is as of {since}. Nothing of what happened from then until {until} "
        "({zone}) is in it. Please look through the chats of that time: requests may be missing, and closed ones "
        "open again. Clients who wrote then are answered only if they write once more."
    )
    since, until = (moment(payload[name], payload["zone"], _) for name in ("since", "until"))
    lines = [text.format(since=since, until=until, zone=payload["zone"])]
    if payload["doubtful"]:
        doubtful = _.plural(
            "{n} message to a client may or may not have arrived; its author is told.",
            "{n} messages to clients may or may not have arrived; their authors are told.",
            payload["doubtful"],
        )
        lines.append(doubtful.format(n=payload["doubtful"]))
    return " ".join(lines)
