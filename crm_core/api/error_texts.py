"""Every error code as one English sentence, for the developer of the calling program.

The bot has its own texts for the same codes (`bot.texts.refusals`), for its users and in their language.
"""

from collections.abc import Callable
from typing import Any

from crm_core.api.hours_texts import hours_sentence
from crm_core.api.keyword_texts import keyword_sentence
from crm_core.errors import CrmError

Fields = dict[str, Any]


def _close(fields: Fields) -> str:
    """What may have been meant by a name; nothing where an id was given."""
    return f" ({fields.get('name')}); did you mean {', '.join(fields['close'])}?" if fields.get("close") else ""


# "Source not found" and "Operator not found" are quoted from the first specification.
SENTENCES: dict[str, str | Callable[[Fields], str]] = {
    "not_found": "Not found",
    "contact_not_found": "Contact not found",
    "operator_not_found": lambda f: "Operator not found" + _close(f),
    "source_not_found": lambda f: "Source not found" + _close(f),
    "lead_not_found": "Lead not found",
    "key_not_found": "Key not found",
    "admin_not_found": "Admin not found",
    "not_allowed": lambda f: f"This requires a key of scope {f.get('role', 'admin')}",
    "is_staff": "This account belongs to a staff member",
    "ambiguous_names": "The names are ambiguous",
    "contact_held": lambda f: (
        f"The contact is held by {f['operator']}" if f.get("operator") else "The contact is waiting in the queue"
    ),
    "contact_already_yours": "The operator has already taken this contact",
    "contact_already_theirs": lambda f: f"The contact is already held by {f['operator']}",
    "contact_closed": "The contact is closed",
    "number_not_yours": "There is no such contact",
    "number_mismatch": "The message names two contacts",
    "not_offered": "The contact is the operator's already, so it cannot be declined",
    "already_at_source": lambda f: f"The contact is at {f['source']} already; choose another source",
    "client_has_open_there": lambda f: (
        f"The client has another open contact at {f['source']}: {f['open']}. "
        "Close one of them, or choose another source"
    ),
    "contact_sleeps": "The contact sleeps; wake it first",
    "not_sleeping": "The contact does not sleep",
    "bad_moment": "It must be a moment to come, within a year",
    "operator_at_ceiling": lambda f: (
        f"As much is {f['operator']}'s as may be ({f['ceiling']}), sleeping contacts included"
    ),
    "still_offered_to_you": "The contact is only offered to the operator, who may decline it",
    "reason_not_found": lambda f: f"There is no such reason. These can be given: {', '.join(f['known'])}",
    "too_many_reasons": lambda f: f"There are {f['most']} reasons, and more do not fit under a card. Remove one first",
    "number_not_chosen": "The message names another contact than the chosen one",
    "sent_elsewhere": "The message went to another contact",
    "edited_after_taking_back": "The message was taken back, so an edit of it goes to nobody",
    "answers_colleague": "The message replies to a colleague, so it is not for the client",
    "nothing_to_take_back": "The message is none that this operator wrote to a client",
    "too_late_to_take_back": "It is too late to take the message back",
    "not_a_forum": "The group has no topics, or the bot may not manage them",
    "forum_bound_in_its_group": "A forum is bound by an admin who writes /forum in its group; here it can only be null",
    "forum_of_other_bot": lambda f: f"Only @{f['bot']} can show the contacts of this source in a forum",
    "topics_not_enabled": "Topics are not switched on for this bot",
    "choice_ended": "The question has ended",
    "late_settled": "No message of this contact waits for a decision",
    "late_unseen": "Some messages of the client are on their way to the operator; try again when they have arrived",
    "client_has_open": lambda f: f"The client has another open contact at this source: {f['open']}",
    "export_under_way": "An export is in progress; try again when it is finished",
    "card_outdated": "The contact has changed in the meantime; read it again",
    "outdated": "It has changed since you last read it; read it again",
    "contact_elsewhere": lambda f: f"The contact belongs to the bot @{f['bot']}",
    "needs_confirmation": lambda f: (
        f"{f['operator']} is not available ({f['why']}); "
        "send force=true, or confirmed=true of a transfer, to assign it anyway"
    ),
    "no_longer_operator": "This account was on the staff until some days ago",
    "bad_skills": lambda f: (
        f"“{f['part']}” is no skill: a word of at most 32 characters, with 0 to 10080 minutes if any"
        if f["part"]
        else "Between 1 and 20 skills are required"
    ),
    "bad_keywords": lambda f: keyword_sentence(f["reason"], f["part"]),
    "no_weight": lambda f: f"{f['operator']} has no weight at {f['source']}",
    "own_request": lambda f: f"{f['operator']} is the client of this contact",
    "operator_unreachable": lambda f: (
        f"{f['operator']} has not started, or has blocked, this source's bot and cannot receive its contacts"
    ),
    "client_unreachable": "The client has blocked the bot or left Telegram",
    "contact_has_no_chat": "The client has no chat in Telegram",
    "not_copyable": "Telegram does not let bots copy this kind of message",
    "command_not_sent": "Messages that begin with a slash are bot commands and are not sent to the client",
    "name_taken": lambda f: f"The name “{f['name']}” is taken",
    "slug_taken": lambda f: f"The link “{f['slug']}” is taken",
    "last_admin": "This is the last admin",
    "invitation_invalid": "The invitation is no longer valid",
    "already_operator": lambda f: f"The account already belongs to the operator {f['operator']}",
    "bad_value": lambda f: (
        f"At most {f['maximum']} characters are allowed"
        if f.get("field") == "description"
        else f"A whole number from {f['minimum']} to {f['maximum']} is required"
    ),
    "bad_name": lambda f: f"A name has 1 to {f['maximum']} printable characters and does not begin with / or #",
    "bad_hours": lambda f: hours_sentence(f["reason"], f["part"]),
    "bad_targets": lambda f: f"“{f['part']}” is no target from 1 to 86,400 minutes",
    "nothing_to_put_back": "There is no change of a setting to put back",
    "changed_since": "The setting was changed again in the meantime",
    "bad_change": lambda f: (
        f"“{f['part']}” is not a setting; examples are shop_bot.Anna.weight=40, Anna.limit=5, shop_bot.strategy=exact "
        "and Anna.hours=mon-fri 9-18" + "".join(f"; did you mean {one}" for one in f["close"][:1])
    ),
    "cannot_be_replayed": lambda f: (
        f"“{f['part']}” cannot be replayed, since nobody knows what people would have done; these can be: "
        "weight, limit, ceiling, rate, skills, hours, active, strategy, sticky, sticky_mode, priority, ramp, catchup, "
        "offers, rounds, misses, duty"
    ),
    "bad_period": lambda f: f"“{f['part']}” is not a past period of at most 366 days",
    "period_too_long": lambda f: (
        f"The period has {f['contacts']} contacts, and at most {f['maximum']} can be replayed; choose a shorter one"
    ),
    "bad_slug": lambda f: f"A link has 1 to {f['maximum']} lowercase Latin letters, digits, - or _",
    "bad_email": "This is not a valid e-mail address",
    "bad_phone": "This is not a phone number that can be called; write it with its country code, as in +79991234567",
    "source_off": "The source takes no new contacts at the moment",
    "source_in_use": lambda f: f"{f['source']} has contacts, a bot or a form key; switch it off (is_active) instead",
    "email_taken": "Another lead has this e-mail address",
    "nothing_open": "There is no open contact",
    "poll_not_sent": "Votes in a poll do not come back, so polls are not sent",
    "unknown_command": "There is no such command",
    "choice_expired": "This message has already been sent",
    "prompt_ended": "This question is already closed",
    "preference_not_found": "Preference not found",
    "bad_preference": lambda f: f"The preference “{f['name']}” does not allow this value",
    "nothing_to_undo": lambda f: f"The preference “{f['name']}” has no change that could be undone",
}


def sentence(error: CrmError) -> str:
    """The sentence for an error."""
    text = SENTENCES[error.code]
    return text if isinstance(text, str) else text(error.fields)
