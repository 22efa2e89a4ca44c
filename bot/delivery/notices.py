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
            return _("Your request is #{id}. All our operators are busy right now; you are next in the queue.").format(
                id=number
            )
        case "registered":
            text = _(
                "Your request is #{id}. All our operators are busy right now; you are number {place} in the queue."
            )
            return text.format(id=number, place=contact.place)
        case "taken" if contact.operator is None:
            return None  # he was taken off again meanwhile; whoever takes it next is announced
        case "taken":
            return _("{operator} is now taking care of your request #{id}.").format(
                operator=contact.operator, id=number
            )
        case "closed":
            return _("Request #{id} is closed. Thank you! If you have another question, just write here.").format(
                id=number
            )
        case _other:
            return _slowed(_)


def _slowed(_: Translator) -> str:
    return _("You are writing very fast. Nothing is lost: your messages will be forwarded one by one.")


def staff_notice(payload: dict[str, Any], _: Translator) -> str:
    """What a member of staff is told. `payload` has the code and its values."""
    number = payload.get("contact")
    match payload["code"]:
        case "contact_waits":
            text = _("⏳ #{id} is waiting in {source}: no operator is available ({why}). /queue")
            return text.format(id=number, source=payload["source"], why=why_nobody(payload["why"], _))
        case "limit_reached":
            text = _("🔺 {operator} has reached the limit: {load} of {limit} open requests.")
            return text.format(operator=payload["operator"], load=payload["load"], limit=payload["limit"])
        case "operator_unreachable":
            text = _("🚫 {operator} can't be reached through @{bot}: the bot is blocked or was never started there.")
            lines = [text.format(operator=payload["operator"], bot=payload["bot"])]
            if payload["returned"]:
                back = _.plural(
                    "{n} request went back to the queue.", "{n} requests went back to the queue.", payload["returned"]
                )
                lines.append(back.format(n=payload["returned"]))
            return " ".join(lines)
        case "bot_refused":
            return _("🔑 Telegram rejects the token of @{bot}. Put a valid one into BOT_TOKENS and restart.").format(
                bot=payload["bot"]
            )
        case "bot_conflict":
            text = _(
                "👥 Another program is reading the messages of @{bot}. Stop it, or get a new token from @BotFather."
            )
            return text.format(bot=payload["bot"])
        case "update_dead":
            text = _(
                "💥 An update could not be processed and was set aside (inbox {inbox}, {error}). "
                "Nothing else is delayed."
            )
            return text.format(inbox=payload["inbox"], error=payload["error"])
        case "updates_lost":
            text = _(
                "📭 @{bot} received nothing for {hours} hours, and Telegram keeps messages for only 24. Messages that "
                "clients sent earlier may be lost."
            )
            return text.format(bot=payload["bot"], hours=payload["hours"])
        case "stood_still":
            text = _("🐢 The bot did not run for {seconds} seconds: its server was busy or asleep. Nothing is lost.")
            return text.format(seconds=payload["seconds"])
        case "update_ids_restarted":
            return _("ℹ️ Telegram has restarted the numbering of its updates. Nothing is lost.")
        case "restored":
            return _restored(payload, _)
        case "restored_unsure":
            text = _(
                "❔ #{id}: the data was restored from a backup, so it is unknown whether this message reached the "
                "client. Please ask them."
            )
            return text.format(id=number)
        case "backup_failed":
            text = _("💾 The nightly backup failed: {why}. It is retried every hour.")
            return text.format(why=why_not_kept(payload["why"], _))
        case "backup_damaged":
            return _(
                "🆘 The nightly check found that the database is damaged. Earlier backups have been kept. Stop the "
                "bot and restore the latest one: mini-crm restore."
            )
        case "card_dead":
            return _("💥 The card of #{id} can't be delivered. Assign the request manually: /assign #{id} …").format(
                id=number
            )
        case "client_unreachable":
            return _(
                "🚫 #{id}: the client has blocked the bot. Nothing can be delivered until they write again."
            ).format(id=number)
        case "delivery_failed" if payload.get("why") == "original_gone":
            text = _("🗑 #{id}: a message ({kind}) was deleted by its author before it could be forwarded.")
            return text.format(id=number, kind=kind_name(payload["kind"], _))
        case "delivery_failed":
            text = _("⚠️ #{id}: this message ({kind}) could not be delivered.")
            return text.format(id=number, kind=kind_name(payload["kind"], _))
        case "delivery_uncertain":
            return _("❔ #{id}: Telegram did not confirm whether this message arrived. Please ask the client.").format(
                id=number
            )
        case "maybe_doubled":
            return _("↻ #{id}: this message may have arrived twice; Telegram's first response was lost.").format(
                id=number
            )
        case "not_copyable":
            text = _("⚠️ #{id}: the client sent something that Telegram doesn't let bots copy: {kind}.")
            return text.format(id=number, kind=kind_name(payload["kind"], _))
        case unknown:
            return str(unknown)


def _restored(payload: dict[str, Any], _: Translator) -> str:
    text = _(
        "♻️ The data was restored from a backup: it is as of {since}. Nothing that happened from then until "
        "{until} ({zone}) is in it. Please look through the chats of that time: requests may be missing, and "
        "closed ones may be open again. Clients who wrote then will be answered only if they write again."
    )
    since, until = (moment(payload[name], payload["zone"], _) for name in ("since", "until"))
    lines = [text.format(since=since, until=until, zone=payload["zone"])]
    if payload["doubtful"]:
        doubtful = _.plural(
            "{n} message to a client may or may not have arrived; its author will be told.",
            "{n} messages to clients may or may not have arrived; their authors will be told.",
            payload["doubtful"],
        )
        lines.append(doubtful.format(n=payload["doubtful"]))
    return " ".join(lines)
