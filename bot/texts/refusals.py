"""Every error code as one sentence that says what is wrong and what would be right."""

from collections.abc import Callable
from typing import Any

from bot.texts.phrases import kind_name, why_nobody
from bot.texts.translator import Translator
from crm_core.errors import CrmError

Words = Callable[[dict[str, Any], Translator], str]


def _close(fields: dict[str, Any], _: Translator) -> str:
    names = ", ".join(f"«{name}»" for name in fields.get("close") or ())
    return " " + _("Did you mean {names}?").format(names=names) if names else ""


def _bad_value(fields: dict[str, Any], _: Translator) -> str:
    match fields.get("field"):
        case "description":
            return _("At most {maximum} characters, please.")
        case "limit":
            return _("A limit is a whole number from {minimum} to {maximum}.")
        case "weight":
            return _("A weight is a whole number from {minimum} to {maximum}; 0 takes the operator off.")
        case _other:
            return _("A whole number from {minimum} to {maximum} is needed.")


REFUSALS: dict[str, Words] = {
    "not_found": lambda f, _: _("There is no such thing here."),
    "not_allowed": lambda f, _: _("You may not do this. Ask an admin."),
    "is_staff": lambda f, _: _("You are on the staff now. /help says what you can do."),
    "contact_not_found": lambda f, _: _("There is no contact #{contact}. /queue and /my list those there are.").format(
        **f
    ),
    "lead_not_found": lambda f, _: _("There is no such client."),
    "key_not_found": lambda f, _: _("There is no API key «{key}».").format(**f),
    "operator_not_found": lambda f, _: (
        _("There is no operator «{name}»; /operators lists them.").format(**f) + _close(f, _)
    ),
    "source_not_found": lambda f, _: _("There is no source «{name}»; /sources lists them.").format(**f) + _close(f, _),
    "admin_not_found": lambda f, _: _("There is no admin «{name}»; /admins lists them.").format(**f) + _close(f, _),
    "ambiguous_names": lambda f, _: _("This can be read in several ways; put the names in quotes: {example}").format(
        **f
    ),
    "contact_held": lambda f, _: (
        _("#{contact} is with {operator}.").format(**f)
        if f.get("operator")
        else _("#{contact} is back in the queue.").format(**f)
    ),
    "contact_already_yours": lambda f, _: _("#{contact} is yours already.").format(**f),
    "contact_already_theirs": lambda f, _: _("#{contact} is with {operator} already.").format(**f),
    "contact_closed": lambda f, _: _("#{contact} is closed.").format(**f),
    "card_outdated": lambda f, _: _(
        "The card of #{contact} was out of date; it is fresh now, please press again."
    ).format(**f),
    "outdated": lambda f, _: _("This has changed meanwhile; please look again."),
    "contact_elsewhere": lambda f, _: _("That contact lives in @{bot}; please do it there.").format(**f),
    "needs_confirmation": lambda f, _: _("{operator} is not free for #{contact}: {why}. Give it all the same?").format(
        **{**f, "why": why_nobody(f["why"], _)}
    ),
    "operator_unreachable": lambda f, _: _(
        "{operator} has not pressed Start in this source's bot, so no card can reach him."
    ).format(**f),
    "client_unreachable": lambda f, _: _(
        "The client of #{contact} has blocked the bot; this was not delivered."
    ).format(**f),
    "contact_has_no_chat": lambda f, _: _(
        "#{contact} came from a site; its client has no chat here. Use phone or e-mail."
    ).format(**f),
    "not_copyable": lambda f, _: _(
        "Telegram does not let a bot pass this on ({kind}). Send it in another form."
    ).format(kind=kind_name(f["kind"], _)),
    "command_not_sent": lambda f, _: _(
        "This begins with a slash, so it was taken for a command and not sent. /help lists the commands."
    ),
    "name_taken": lambda f, _: _("The name «{name}» is taken; choose another.").format(**f),
    "slug_taken": lambda f, _: _("The link «{slug}» exists already; choose another.").format(**f),
    "last_admin": lambda f, _: _("This is the last admin; invite another first: /admins add."),
    "invitation_invalid": lambda f, _: _("This invitation is not valid any more. Ask an admin for a new one."),
    "already_operator": lambda f, _: _("You are already the operator {operator}; one account is one operator.").format(
        **f
    ),
    "bad_value": lambda f, _: _bad_value(f, _).format(**f),
    "bad_name": lambda f, _: _("A name has 1 to {maximum} characters and does not begin with / or #.").format(**f),
    "bad_slug": lambda f, _: _("A link has 1 to {maximum} small Latin letters, digits, - or _.").format(**f),
    "bad_email": lambda f, _: _("This is no e-mail address; it looks like you@example.com."),
    "source_off": lambda f, _: _("No requests are taken here at the moment. Please try later."),
    "source_in_use": lambda f, _: _("{source} is in use; switch it off instead.").format(**f),
    "email_taken": lambda f, _: _("Another client has this e-mail."),
    "nothing_open": lambda f, _: _("This went to nobody: you have no open contacts here. /my shows those of all bots."),
    "export_under_way": lambda f, _: _("An export of yours is under way; ask again when it has come."),
    "choice_expired": lambda f, _: _("This was sent already."),
    "prompt_ended": lambda f, _: _("This question is closed already."),
}


def refusal(error: CrmError, _: Translator) -> str:
    """The sentence for an error, in the reader's language."""
    return REFUSALS[error.code](error.fields, _)
