"""Every error code as one sentence that says what is wrong and what would be right."""

from collections.abc import Callable
from typing import Any

from bot.texts.hours_refusals import bad_hours
from bot.texts.keyword_refusals import bad_keywords
from bot.texts.phrases import kind_name, why_nobody
from bot.texts.translator import Translator
from crm_core.errors import CrmError

Words = Callable[[dict[str, Any], Translator], str]


def _close(fields: dict[str, Any], _: Translator) -> str:
    names = ", ".join(_("“{name}”").format(name=name) for name in fields.get("close") or ())
    return " " + _("Did you mean {names}?").format(names=names) if names else ""


def _bad_value(fields: dict[str, Any], _: Translator) -> str:
    match fields.get("field"):
        case "description" | "note":
            return _("Please use at most {maximum} characters.")
        case "limit":
            return _("The limit must be a whole number from {minimum} to {maximum}.")
        case "limit_here":
            return _("The limit at a source must be a whole number from {minimum} to {maximum}; 0 removes it.")
        case "rate":
            return _("The hourly limit must be a whole number from {minimum} to {maximum}; 0 removes it.")
        case "waiting_load":
            return _("Please send a number from 0 to 1, such as 0.3.")
        case "ceiling":
            return _("The ceiling must be a whole number from {minimum} to {maximum}; 0: three times the limit.")
        case "weight":
            return _(
                "The weight must be a whole number from {minimum} to {maximum}; 0 removes the operator from the source."
            )
        case _other:
            return _("Please send a whole number from {minimum} to {maximum}.")


def _bad_moment(fields: dict[str, Any], _: Translator) -> str:
    match fields["why"]:
        case "past":
            return _("That moment is past.")
        case "far":
            return _("It can be snoozed for a year at most.")
        case _other:
            return _("I don't understand “{part}”. For example: tomorrow 10:00, mon 9:00, 2h, 12 dec").format(**fields)


def _client_has_open(fields: dict[str, Any], _: Translator) -> str:
    if fields["is_yours"]:
        return _("#{contact} is closed, and the client has a newer request with you: #{open}. Reply there.")
    if fields.get("operator"):
        return _("#{contact} is closed, and the client has a newer request: #{open}, with {operator}.")
    return _("#{contact} is closed, and the client has a newer request in the queue: #{open}.")


REFUSALS: dict[str, Words] = {
    "not_found": lambda f, _: _("This does not exist here."),
    "not_allowed": lambda f, _: _("You are not allowed to do this. Ask an admin."),
    "is_staff": lambda f, _: _("You are now on the team. /help shows what you can do."),
    "contact_not_found": lambda f, _: _("There is no request #{contact}.").format(**f),
    "lead_not_found": lambda f, _: _("There is no such client."),
    "key_not_found": lambda f, _: _("There is no API key “{key}”.").format(**f),
    "operator_not_found": lambda f, _: (
        _("There is no operator “{name}”; /operators lists them.").format(**f) + _close(f, _)
    ),
    "source_not_found": lambda f, _: _("There is no source “{name}”; /sources lists them.").format(**f) + _close(f, _),
    "admin_not_found": lambda f, _: _("There is no admin “{name}”; /admins lists them.").format(**f) + _close(f, _),
    "ambiguous_names": lambda f, _: _(
        'This can be read in more than one way; put the names in quotes: /assign "shop" "Anna Maria" 30'
    ),
    "contact_held": lambda f, _: (
        _("#{contact} is with {operator}.").format(**f)
        if f.get("operator")
        else _("#{contact} is back in the queue.").format(**f)
    ),
    "contact_already_yours": lambda f, _: _("#{contact} is already yours.").format(**f),
    "contact_already_theirs": lambda f, _: _("#{contact} is already with {operator}.").format(**f),
    "contact_closed": lambda f, _: _("#{contact} is closed.").format(**f),
    "client_has_open": lambda f, _: _client_has_open(f, _).format(**f),
    "card_outdated": lambda f, _: _(
        "The card of #{contact} was out of date. It has been refreshed, please press again."
    ).format(**f),
    "outdated": lambda f, _: _("This has changed in the meantime; please look again."),
    "contact_elsewhere": lambda f, _: _(
        "That request came to @{bot}, so nothing was sent or changed here. Please do it there."
    ).format(**f),
    "needs_confirmation": lambda f, _: _("{operator} is not available for #{contact}: {why}. Assign anyway?").format(
        **{**f, "why": why_nobody(f["why"], _)}
    ),
    "no_longer_operator": lambda f, _: _(
        "You are no longer on the team here, so this went to nobody. To write to us as a client, press /start."
    ),
    "bad_skills": lambda f, _: (
        _("“{part}” is no skill. Write words with commas between them, for example: german, vip").format(**f)
        if f["part"]
        else _("Send up to 20 words with commas between them, for example: german, vip. A dash removes them.")
    ),
    "bad_keywords": lambda f, _: bad_keywords(f["reason"], f["part"], _),
    "no_weight": lambda f, _: _("{operator} gets no requests from {source}; set a weight there first.").format(**f),
    "own_request": lambda f, _: _("{operator} is the client of this request; choose somebody else.").format(**f),
    "operator_unreachable": lambda f, _: _(
        "{operator} has not pressed Start in this source's bot, or has blocked it, so cards can't reach them."
    ).format(**f),
    "client_unreachable": lambda f, _: _(
        "The client of #{contact} has blocked the bot or left Telegram, so this was not delivered."
    ).format(**f),
    "contact_has_no_chat": lambda f, _: (
        _(
            "#{contact} did not come from Telegram, so the client has no chat here. Take it first: then the card says "
            "how to reach them."
        )
        if f["is_new"]
        else _(
            "#{contact} did not come from Telegram, so the client has no chat here. The card says how to reach them."
        )
    ).format(**f),
    "not_copyable": lambda f, _: _(
        "Telegram doesn't let bots forward this ({kind}). Please send it in another form."
    ).format(kind=kind_name(f["kind"], _)),
    "command_not_sent": lambda f, _: _(
        "This starts with a slash, so it was treated as a command and not sent. /help lists all commands."
    ),
    "name_taken": lambda f, _: _("The name “{name}” is taken; choose another.").format(**f),
    "slug_taken": lambda f, _: _("The link “{slug}” already exists; choose another word.").format(**f),
    "last_admin": lambda f, _: _("This is the only admin; invite another one first: /admins add."),
    "invitation_invalid": lambda f, _: _("This invitation is no longer valid. Ask an admin for a new one."),
    "already_operator": lambda f, _: _(
        "You are already the operator {operator}; one account can be only one operator."
    ).format(**f),
    "bad_value": lambda f, _: _bad_value(f, _).format(**f),
    "bad_name": lambda f, _: _("A name must have 1 to {maximum} characters and must not start with / or #.").format(
        **f
    ),
    "bad_hours": lambda f, _: bad_hours(f["reason"], f["part"], _),
    "bad_targets": lambda f, _: _(
        "I don't understand “{part}”. Example: first 15 next 30 resolve 8h. Targets are from 1 minute to 60 days."
    ).format(**f),
    "nothing_to_put_back": lambda f, _: _("You have changed no setting that could be undone."),
    "changed_since": lambda f, _: _("This was changed again since, so nothing was undone. Please look at it first."),
    "bad_change": lambda f, _: (
        _(
            "“{part}” is not a setting. Write it like shop_bot.Anna.weight=40, Anna.limit=5, shop_bot.strategy=exact "
            "or Anna.hours=mon-fri 9-18."
        ).format(part=f["part"])
        + _close(f, _)
    ),
    "cannot_be_replayed": lambda f, _: _(
        "“{part}” cannot be replayed: it depends on people. These can: weight, limit, ceiling, rate, skills, hours, "
        "active, strategy, sticky, sticky_mode, priority, ramp, catchup, offers, rounds, misses, duty."
    ).format(part=f["part"]),
    "bad_period": lambda f, _: _(
        "“{part}” is not a past period. Write yesterday, 7 (the last seven days), 2026-11-28, or two dates."
    ).format(part=f["part"]),
    "period_too_long": lambda f, _: _(
        "That period has {contacts} requests, and at most {maximum} can be replayed. Choose a shorter one."
    ).format(**f),
    "bad_slug": lambda f, _: _(
        "A link word has 1 to {maximum} characters: lowercase Latin letters, digits, - or _."
    ).format(**f),
    "bad_phone": lambda f, _: _("That doesn't look like a phone number. Example: +1 212 555 0123"),
    "bad_email": lambda f, _: _("That doesn't look like an e-mail address. Example: /email you@example.com"),
    "source_off": lambda f, _: _("We're not taking requests right now. Please try again later."),
    "source_in_use": lambda f, _: _("{source} is in use; switch it off instead.").format(**f),
    "email_taken": lambda f, _: _("Another client already has this e-mail."),
    "nothing_open": lambda f, _: _(
        "This went to nobody: you have no open request with a chat here. /my lists all that you have."
    ),
    "late_settled": lambda f, _: _("#{contact}: this was already decided.").format(**f),
    "late_unseen": lambda f, _: _("#{contact}: the client has written more, and it is still on its way to you.").format(
        **f
    ),
    "export_under_way": lambda f, _: _("Your previous export is still being prepared; try again when it has arrived."),
    "poll_not_sent": lambda f, _: _(
        "This poll was not sent: the client's vote would not reach you. Please ask in words."
    ),
    "unknown_command": lambda f, _: _("I don't know that command. Just write your question."),
    "number_not_yours": lambda f, _: _(
        "#{contact} is not one of your requests here, so this was not sent. /my lists yours. If your message just "
        "begins like that, reply to the client's card."
    ).format(**f),
    "number_mismatch": lambda f, _: _(
        "You replied in #{contact} but wrote #{number}, so this was not sent. Please write it again with only one."
    ).format(**f),
    "not_offered": lambda f, _: _("#{contact} is yours already, so it can't be declined.").format(**f),
    "already_at_source": lambda f, _: _("#{contact} is at {source} already.").format(**f),
    "client_has_open_there": lambda f, _: _("The client has another open request at {source}: #{open}.").format(**f),
    "contact_sleeps": lambda f, _: _("#{contact} is snoozed. Wake it first.").format(**f),
    "not_sleeping": lambda f, _: _("#{contact} is not snoozed.").format(**f),
    "bad_moment": _bad_moment,
    "operator_at_ceiling": lambda f, _: _(
        "{operator} is at the ceiling ({ceiling}), snoozed requests included. To change it: /operators ceiling"
    ).format(**f),
    "still_offered_to_you": lambda f, _: _("#{contact} is only offered to you. Decline it on its card.").format(**f),
    "reason_not_found": lambda f, _: _("There is no such reason any more. Please choose another one."),
    "too_many_reasons": lambda f, _: _("No more than {most} reasons fit under a card. Please remove one first.").format(
        **f
    ),
    "number_not_chosen": lambda f, _: _(
        "Not sent to #{contact}, as #{number} stands before the words. Press #{number}, or edit them."
    ).format(**f),
    "sent_elsewhere": lambda f, _: _(
        "This was sent to #{contact} and stays there as it was. Take it back, and write a new message."
    ).format(**f),
    "edited_after_taking_back": lambda f, _: _(
        "This was taken back from #{contact}, so the new words went to nobody. Please write a new message."
    ).format(**f),
    "answers_colleague": lambda f, _: _(
        "Not sent to the client: this replies to a colleague. Write it without a reply, or reply to the client's words."
    ),
    "nothing_to_take_back": lambda f, _: _("Reply with /del to a message of yours that went to a client."),
    "not_a_forum": lambda f, _: (
        _("Please make me an admin of this group who may manage topics, and send that again.")
        if f["is_forum"]
        else _("This group has no topics. Switch them on in the group's settings, and send that again.")
    ),
    "forum_bound_in_its_group": lambda f, _: _("A forum is bound by /forum in its group."),
    "forum_of_other_bot": lambda f, _: _(
        "Requests from {source} come to @{bot}: add that bot to this group as an admin, "
        "and send it: /forum@{bot} {source}"
    ).format(**f),
    "topics_not_enabled": lambda f, _: _(
        "This bot has no topics, so nothing changes. Whoever owns it can switch them on: Threaded Mode in @BotFather."
    ),
    "too_late_to_take_back": lambda f, _: _(
        "Too late: Telegram lets a bot delete a message for 48 hours only, so the client still sees it."
    ),
    "choice_ended": lambda f, _: (
        _("This was asked again below.")
        if f["asked_again"]
        else _("This question has ended, and nothing was sent. Please write your message again.")
    ),
    "choice_expired": lambda f, _: _("This has already been sent."),
    "prompt_ended": lambda f, _: _("This question has already been closed."),
    "preference_not_found": lambda f, _: _("There is no setting “{name}”.").format(**f),
    "bad_preference": lambda f, _: _("The setting “{name}” does not allow this value.").format(**f),
    "nothing_to_undo": lambda f, _: _("The setting “{name}” has no change that could be undone.").format(**f),
}


def refusal(error: CrmError, _: Translator) -> str:
    """The sentence for an error, in the reader's language."""
    return REFUSALS[error.code](error.fields, _)
