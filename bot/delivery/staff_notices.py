"""Notices to staff about what happened: a text for each code of `STAFF_NOTICES`."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from aiogram.types import InlineKeyboardMarkup

from bot.delivery import operator_questions
from bot.delivery.origins import album_line
from bot.screens.admin_buttons import ShowQueue
from bot.screens.contact_label import client_name, contact_label, one_line
from bot.screens.keyboards import button, keyboard
from bot.screens.leaving import leaving_buttons, leaving_text
from bot.screens.operator_buttons import ListOperators, WeightsOf
from bot.texts import Translator
from bot.texts.hours import hours_lines
from bot.texts.phrases import age, kind_name, moment, why_nobody, why_not_kept
from bot.texts.service import known_measure
from crm_core.hours.stored import readable

StaffNotice = Callable[[dict[str, Any], Translator], str]


def staff_notice(payload: dict[str, Any], _: Translator) -> str:
    """The text of a notice; an unknown code, such as one of a later version, is shown as it is.

    Args:
        payload: of the outbox row: the code, and the values of its text; `now` is when it is sent.
    """
    code = payload["code"]
    notice = STAFF_NOTICES.get(code)
    return str(code) if notice is None else notice(payload, _)


def staff_buttons(payload: dict[str, Any], _: Translator) -> InlineKeyboardMarkup | None:
    """The buttons under a notice, None for most."""
    if payload["code"] == "operator_joined" and not payload["has_weight"]:
        return keyboard([button(_("⚖️ Weights"), WeightsOf(operator_id=payload["operator_id"]))])
    if payload["code"] in ("contact_waits", "contacts_wait"):
        return keyboard([button(_("⏳ Waiting requests"), ShowQueue())])
    if payload["code"] == "nobody_on_duty":
        return keyboard([button(_("👥 Operators"), ListOperators())])
    if payload["code"] == "shift_over":
        return leaving_buttons(payload.get("held", ()), _)
    return operator_questions.buttons(payload, _)


def _contact_waits(p: dict[str, Any], _: Translator) -> str:
    text = _("⏳ #{id} is waiting in {source}: no operator is available ({why}). /queue")
    return text.format(id=p["contact"], source=p["source"], why=why_nobody(p["why"], _))


def _contacts_wait(p: dict[str, Any], _: Translator) -> str:
    text = _("⏳ Waiting in {source}: {n}, the longest is #{id}. No operator is available ({why}). /queue")
    return text.format(n=p["count"], id=p["contact"], source=p["source"], why=why_nobody(p["why"], _))


def _operator_unreachable(p: dict[str, Any], _: Translator) -> str:
    text = _("🚫 {operator} can't be reached through @{bot}: the bot is blocked or was never started there.")
    lines = [text.format(operator=p["operator"], bot=p["bot"])]
    if p["returned"]:
        back = _.plural("{n} request went back to the queue.", "{n} requests went back to the queue.", p["returned"])
        lines.append(back.format(n=p["returned"]))
    return " ".join(lines)


def _restored(p: dict[str, Any], _: Translator) -> str:
    text = _(
        "♻️ The data was restored from a backup: it is as of {since}. Nothing that happened from then until "
        "{until} ({zone}) is in it. Please look through the chats of that time: requests may be missing, and "
        "closed ones may be open again. Clients who wrote then will be answered only if they write again."
    )
    since, until = (moment(p[name], p["zone"], _) for name in ("since", "until"))
    lines = [text.format(since=since, until=until, zone=p["zone"])]
    if p["doubtful"]:
        doubtful = _.plural(
            "{n} message to a client may or may not have arrived; its author will be told.",
            "{n} messages to clients may or may not have arrived; their authors will be told.",
            p["doubtful"],
        )
        lines.append(doubtful.format(n=p["doubtful"]))
    return " ".join(lines)


def _delivery_failed(p: dict[str, Any], _: Translator) -> str:
    if p.get("why") == "voice_forbidden":
        text = _("🔇 #{id}: your Telegram settings let nobody send you this ({kind}), so it did not arrive.")
        if p["is_own"]:
            text = _("🔇 #{id}: the client's Telegram settings let nobody send them this ({kind}). Please write it.")
    elif p.get("why") == "original_gone":
        text = _("🗑 #{id}: a message ({kind}) was deleted by its author before it could be forwarded.")
    else:
        text = _("⚠️ #{id}: this message ({kind}) could not be delivered.")
    return text.format(id=p["contact"], kind=kind_name(p["kind"], _))


def _operator_removed(p: dict[str, Any], _: Translator) -> str:
    held = p.get("contacts") or []
    if not held:
        return _("You are no longer an operator here.")
    text = _("You are no longer an operator here. {requests} went back to the queue.")
    shown = ", ".join(f"#{one}" for one in held[:NAMED])
    return text.format(requests=shown + (" …" if len(held) > NAMED else ""))


def _hours_set(p: dict[str, Any], _: Translator) -> str:
    if p["calendar"] is None:
        return _("🕘 New requests come whenever you are online.")
    calendar = readable(p["calendar"])
    lines = "\n".join(hours_lines(calendar, _)) if calendar is not None else ""
    return _("🕘 An admin has set your working hours. New requests come then:") + "\n" + lines


def _shift_over(p: dict[str, Any], _: Translator) -> str:
    """What the operator holds is read when it is sent."""
    title = _("🌙 Your working time is over for now.")
    return "\n\n".join([title, leaving_text(p["held"], _)] if p.get("held") else [title])


def _source_given(p: dict[str, Any], _: Translator) -> str:
    lines = [_("You now get requests from {source}.").format(source=p["source"])]
    if p.get("start"):
        lines.append(_("Please press Start in @{bot}, or they can't reach you.").format(bot=p["start"]))
    return " ".join(lines)


def _operator_joined(p: dict[str, Any], _: Translator) -> str:
    who = p["operator"] + (f" (@{p['username']})" if p.get("username") else "")
    if p["has_weight"]:
        return _("🎉 {who} is an operator now.").format(who=who)
    return _("🎉 {who} is an operator now. No weight is set yet, so no requests come to them.").format(who=who)


def _nobody_on_duty(p: dict[str, Any], _: Translator) -> str:
    if not p["sources"]:
        return _("🌙 Nobody is on duty any more. New requests wait.")
    names = ", ".join(p["sources"][:NAMED]) + (" …" if len(p["sources"]) > NAMED else "")
    return _("🌙 Nobody is on duty any more for {sources}. New requests from there wait.").format(sources=names)


def _client_waits(p: dict[str, Any], _: Translator) -> str:
    waited = age(timedelta(seconds=p["now"] - p["since"]), _)
    request = contact_label(p["contact"], p["name"], _, longest=40)
    return _("⏰ {request} has been waiting for {time}").format(request=request, time=waited)


def _forum_off(p: dict[str, Any], _: Translator) -> str:
    why = {
        "not_in_group": _("the bot is not in the group any more"),
        "chat_not_found": _("the bot is not in the group any more"),
        "no_rights": _("the bot may not do there what it needs to"),
        "topic_closed": _("the bot may not do there what it needs to"),
        "not_forum": _("the group has no topics any more"),
    }
    text = _(
        "🗂 The forum of {source} is switched off: {why}. Requests go on as before; /forum in the group binds it anew."
    )
    return text.format(source=p["source"], why=why.get(p["why"], _("Telegram refuses what the bot does there")))


def _clients_unanswered(p: dict[str, Any], _: Translator) -> str:
    lines = [_("⏰ Unanswered for {minutes} min or longer:").format(minutes=p["minutes"])]
    for one in p["requests"][:NAMED]:
        waited = age(timedelta(seconds=p["now"] - one["since"]), _)
        lines.append(f"{contact_label(one['contact'], one['name'], _)} · {one['operator']} · {waited}")
    if len(p["requests"]) > NAMED:
        lines.append(_("… and {n} more").format(n=len(p["requests"]) - NAMED))
    hint = _("/history #{id} shows what was said, /assign #{id} assigns it to somebody else.")
    return "\n".join([*lines, "", hint.format(id=p["requests"][0]["contact"])])


def _service_due(p: dict[str, Any], _: Translator) -> str:
    request = contact_label(p["contact"], p["name"], _, longest=40)
    measure = known_measure(p["measure"], _)
    left = None if p["due"] is None else timedelta(seconds=p["due"] - p["now"])
    if left is None or left < timedelta(minutes=1):
        return _("🎯 {request}: {measure} is due now").format(request=request, measure=measure)
    return _("🎯 {request}: {measure} is due in {time}").format(request=request, measure=measure, time=age(left, _))


def _contact_woke(p: dict[str, Any], _: Translator) -> str:
    text = _("⏰ {request} is back.")
    if p["by"] == "client":
        text = _("⏰ {request} is back: the client has written.")
    return text.format(request=contact_label(p["contact"], p["name"], _))


def _service_over(p: dict[str, Any], _: Translator) -> str:
    lines = [_("🎯 Over their target:")]
    for one in p["late"][:NAMED]:
        holder = one["operator"] or _("in the queue")
        label = contact_label(one["contact"], one["name"], _)
        lines.append(f"{label} · {one['source']} · {known_measure(one['measure'], _)} · {holder}")
    if len(p["late"]) > NAMED:
        lines.append(_("… and {n} more").format(n=len(p["late"]) - NAMED))
    return "\n".join(lines)


NAMED = 10  # requests or sources that a notice names


# The same shape as `bot.texts.refusals.REFUSALS`; `p` is the payload.
STAFF_NOTICES: dict[str, StaffNotice] = {
    # requests and operators
    "contact_waits": _contact_waits,
    "contacts_wait": _contacts_wait,
    "nobody_waits": lambda p, _: _("✅ Nobody is waiting in {source} any more.").format(source=p["source"]),
    "operator_unreachable": _operator_unreachable,
    "operator_removed": _operator_removed,
    "admin_removed": lambda p, _: _("You are no longer an admin here."),
    "switched_off": lambda p, _: _(
        "⛔️ An admin has switched you off: nothing new will come. Please finish what is open."
    ),
    "switched_on": lambda p, _: _("✅ An admin has switched you on again: new requests can come."),
    "hours_set": _hours_set,
    "shift_over": _shift_over,
    "still_offered": lambda p, _: _(
        "⏰ #{id} still waits for you: nobody else can take it now. Take it or decline it on its card."
    ).format(id=p["contact"]),
    "contact_woke": _contact_woke,
    "missed_too_often": lambda p, _: _(
        "🌙 You are offline now, since you missed offers ({n} in a row): no new requests will come. "
        "To come back: /online."
    ).format(n=p["missed"]),
    "nobody_takes": lambda p, _: _(
        "⚠️ #{id} in {source}: nobody has taken it (offers: {n}). To assign it: /assign #{id} …"
    ).format(id=p["contact"], source=p["source"], n=p["offers"]),
    "source_given": _source_given,
    "source_taken": lambda p, _: _("You no longer get requests from {source}.").format(source=p["source"]),
    "operator_joined": _operator_joined,
    "nobody_on_duty": _nobody_on_duty,
    "client_unreachable": lambda p, _: _(
        "🚫 #{id}: the client has blocked the bot or left Telegram. Nothing can be delivered unless they unblock it."
    ).format(id=p["contact"]),
    "client_waits": _client_waits,
    "clients_unanswered": _clients_unanswered,
    "forum_off": _forum_off,
    "service_due": _service_due,
    "service_over": _service_over,
    "phone_shared": lambda p, _: _("📞 {client} shared a phone: {value}").format(
        client=client_name(p["client"], _), value=one_line(str(p["value"]))
    ),
    "email_shared": lambda p, _: _("✉️ {client} gave an e-mail: {value}").format(
        client=client_name(p["client"], _), value=one_line(str(p["value"]))
    ),
    # messages
    "card_dead": lambda p, _: _(
        "💥 The card of #{id} can't be delivered. Assign the request manually: /assign #{id} …"
    ).format(id=p["contact"]),
    "delivery_failed": _delivery_failed,
    "delivery_uncertain": lambda p, _: _(
        "❔ #{id}: Telegram did not confirm whether this message arrived. Please ask the client."
    ).format(id=p["contact"]),
    "edit_failed": lambda p, _: _(
        "✏️ #{id}: this message was edited, but Telegram does not change its copy. The copy still shows the old words."
    ).format(id=p["contact"]),
    "edited_after_closing": lambda p, _: _("✏️ #{id}: the client edited this after it was closed").format(
        id=p["contact"]
    ),
    "maybe_doubled": lambda p, _: _(
        "↻ #{id}: this message may have arrived twice; Telegram's first response was lost."
    ).format(id=p["contact"]),
    "not_taken_back": lambda p, _: _(
        "⚠️ #{id}: this message could not be taken back. The client may still see it."
    ).format(id=p["contact"]),
    "to_whom": operator_questions.to_whom,
    "closed_not_sent": operator_questions.closed_not_sent,
    "went_to": operator_questions.went_to,
    "album": album_line,
    "not_sent": operator_questions.not_sent,
    "not_copyable": lambda p, _: _(
        "⚠️ #{id}: the client sent something that Telegram doesn't let bots copy: {kind}."
    ).format(id=p["contact"], kind=kind_name(p["kind"], _)),
    # bots and updates
    "bot_refused": lambda p, _: _(
        "🔑 Telegram rejects the token of @{bot}. Put a valid one into BOT_TOKENS and restart."
    ).format(**p),
    "bot_conflict": lambda p, _: _(
        "👥 Another program is reading the messages of @{bot}. Stop it, or get a new token from @BotFather."
    ).format(**p),
    "bot_no_webhook": lambda p, _: _(
        "🪝 Telegram refuses the webhook of @{bot}, so nothing new may come in. Check WEBHOOK_URL; the log says why."
    ).format(**p),
    "refused_over": lambda p, _: _("✅ Telegram accepts the token of @{bot} again. What waited is being sent.").format(
        **p
    ),
    "conflict_over": lambda p, _: _(
        "✅ No other program reads the messages of @{bot} any more. What it had read did not come here."
    ).format(**p),
    "no_webhook_over": lambda p, _: _(
        "✅ Telegram accepts the webhook of @{bot} again. What waited is coming in."
    ).format(**p),
    "update_dead": lambda p, _: _(
        "💥 An update could not be processed and was set aside (inbox {inbox}, {error}). Nothing else is delayed."
    ).format(**p),
    "updates_lost": lambda p, _: _(
        "📭 @{bot} received nothing for {hours} hours, and Telegram keeps messages for only 24. Messages that "
        "clients sent earlier may be lost."
    ).format(**p),
    "update_ids_restarted": lambda p, _: _("ℹ️ Telegram has restarted the numbering of its updates. Nothing is lost."),
    # the process and its data
    "stood_still": lambda p, _: _(
        "🐢 The bot did not run for {seconds} seconds: its server was busy or asleep. Nothing is lost."
    ).format(**p),
    "restored": _restored,
    "restored_unsure": lambda p, _: _(
        "❔ #{id}: the data was restored from a backup, so it is unknown whether this message reached the "
        "client. Please ask them."
    ).format(id=p["contact"]),
    "backup_failed": lambda p, _: _("💾 The nightly backup failed: {why}. It is retried every hour.").format(
        why=why_not_kept(p["why"], _)
    ),
    "backup_damaged": lambda p, _: _(
        "🆘 The nightly check found that the database is damaged. Earlier backups have been kept. Stop the "
        "bot and restore the latest one: mini-crm restore."
    ),
}
