"""Notices to staff about what happened: a text for each code of `STAFF_NOTICES`."""

from collections.abc import Callable
from typing import Any

from bot.texts import Translator
from bot.texts.phrases import kind_name, moment, why_nobody, why_not_kept

StaffNotice = Callable[[dict[str, Any], Translator], str]


def staff_notice(payload: dict[str, Any], _: Translator) -> str:
    """The text of a notice; an unknown code, such as one of a later version, is shown as it is.

    Args:
        payload: of the outbox row: the code, and the values of its text.
    """
    code = payload["code"]
    notice = STAFF_NOTICES.get(code)
    return str(code) if notice is None else notice(payload, _)


def _contact_waits(p: dict[str, Any], _: Translator) -> str:
    text = _("⏳ #{id} waits at {source}: nobody is eligible ({why}). /queue")
    return text.format(id=p["contact"], source=p["source"], why=why_nobody(p["why"], _))


def _operator_unreachable(p: dict[str, Any], _: Translator) -> str:
    text = _("🚫 {operator} can't be reached through @{bot}: the bot is blocked or was never started there.")
    lines = [text.format(operator=p["operator"], bot=p["bot"])]
    if p["returned"]:
        back = _.plural("{n} contact went back to the queue.", "{n} contacts went back to the queue.", p["returned"])
        lines.append(back.format(n=p["returned"]))
    return " ".join(lines)


def _restored(p: dict[str, Any], _: Translator) -> str:
    text = _(
        "♻️ The data was restored from a backup: it is as of {since}. Nothing of what happened from then until {until} "
        "({zone}) is in it. Please look through the chats of that time: requests may be missing, and closed ones "
        "open again. Clients who wrote then are answered only if they write once more."
    )
    since, until = (moment(p[name], p["zone"], _) for name in ("since", "until"))
    lines = [text.format(since=since, until=until, zone=p["zone"])]
    if p["doubtful"]:
        doubtful = _.plural(
            "{n} message to a client may or may not have arrived; its author is told.",
            "{n} messages to clients may or may not have arrived; their authors are told.",
            p["doubtful"],
        )
        lines.append(doubtful.format(n=p["doubtful"]))
    return " ".join(lines)


def _delivery_failed(p: dict[str, Any], _: Translator) -> str:
    if p.get("why") == "original_gone":
        text = _("🗑 #{id}: a message ({kind}) was deleted by its author before it could be passed on.")
    else:
        text = _("⚠️ #{id}: this message ({kind}) could not be delivered.")
    return text.format(id=p["contact"], kind=kind_name(p["kind"], _))


# The same shape as `bot.texts.refusals.REFUSALS`; `p` is the payload.
STAFF_NOTICES: dict[str, StaffNotice] = {
    # requests and operators
    "contact_waits": _contact_waits,
    "limit_reached": lambda p, _: _("🔺 {operator} has reached the limit: {load} of {limit} open contacts.").format(
        **p
    ),
    "operator_unreachable": _operator_unreachable,
    "client_unreachable": lambda p, _: _(
        "🚫 #{id}: the client has blocked the bot. Nothing can be delivered until he writes again."
    ).format(id=p["contact"]),
    # messages
    "card_dead": lambda p, _: _("💥 The card of #{id} can't be delivered. Give it to somebody: /assign #{id} …").format(
        id=p["contact"]
    ),
    "delivery_failed": _delivery_failed,
    "delivery_uncertain": lambda p, _: _(
        "❔ #{id}: Telegram never said whether this message arrived. Please ask."
    ).format(id=p["contact"]),
    "maybe_doubled": lambda p, _: _(
        "↻ #{id}: this message may have arrived twice; Telegram's first answer was lost."
    ).format(id=p["contact"]),
    "not_copyable": lambda p, _: _(
        "⚠️ #{id}: the client sent something that Telegram does not let a bot copy: {kind}."
    ).format(id=p["contact"], kind=kind_name(p["kind"], _)),
    # bots and updates
    "bot_refused": lambda p, _: _(
        "🔑 Telegram refuses the token of @{bot}. Put a valid one into BOT_TOKENS and restart."
    ).format(**p),
    "bot_conflict": lambda p, _: _(
        "👥 Another program reads the messages of @{bot}. Stop it, or make a new token with @BotFather."
    ).format(**p),
    "update_dead": lambda p, _: _(
        "💥 An update could not be processed and was set aside (inbox {inbox}, {error}). Nothing else is delayed."
    ).format(**p),
    "updates_lost": lambda p, _: _(
        "📭 @{bot} received nothing for {hours} hours, and Telegram keeps messages for 24. "
        "What clients wrote earlier than that may be lost."
    ).format(**p),
    "update_ids_restarted": lambda p, _: _("ℹ️ Telegram has restarted the numbers of its updates. Nothing is lost."),
    # the process and its data
    "stood_still": lambda p, _: _(
        "🐢 The bot could do nothing for {seconds} seconds: its machine was busy or asleep. Nothing is lost."
    ).format(**p),
    "restored": _restored,
    "restored_unsure": lambda p, _: _(
        "❔ #{id}: the data was restored from a backup, and nobody knows whether this message reached "
        "the client. Please ask."
    ).format(id=p["contact"]),
    "backup_failed": lambda p, _: _(
        "💾 The nightly backup could not be made: {why}. It is tried again every hour."
    ).format(why=why_not_kept(p["why"], _)),
    "backup_damaged": lambda p, _: _(
        "🆘 The nightly check found the database damaged. Earlier backups are kept. "
        "Stop the bot and restore the last one: mini-crm restore."
    ),
}
