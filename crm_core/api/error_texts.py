"""Every error code as one English sentence, for whoever writes the calling program.

The bot has its own words for the same codes (`bot.texts.refusals`): it speaks to people, in their language.
"""

from collections.abc import Callable
from typing import Any

from crm_core.errors import CrmError

Fields = dict[str, Any]

# "Source not found" and "Operator not found" are the words of the first founding document.
SENTENCES: dict[str, str | Callable[[Fields], str]] = {
    "not_found": "Not found",
    "contact_not_found": "Contact not found",
    "operator_not_found": "Operator not found",
    "source_not_found": "Source not found",
    "lead_not_found": "Lead not found",
    "key_not_found": "Key not found",
    "admin_not_found": "Admin not found",
    "not_allowed": lambda f: f"This needs a key of scope {f.get('role', 'admin')}",
    "is_staff": "This account belongs to a member of staff",
    "ambiguous_names": "This can be read in several ways",
    "contact_held": lambda f: f"The contact is with {f['operator']}" if f.get("operator") else "The contact is queued",
    "contact_already_yours": "The operator has taken this contact already",
    "contact_already_theirs": lambda f: f"The contact is with {f['operator']} already",
    "contact_closed": "The contact is closed",
    "export_under_way": "An export is under way; ask again when it is done",
    "card_outdated": "The contact has changed meanwhile; read it again",
    "outdated": "It has changed since you read it; read it again",
    "contact_elsewhere": lambda f: f"The contact belongs to the bot @{f['bot']}",
    "needs_confirmation": lambda f: f"{f['operator']} is not free ({f['why']}); send force=true to give it anyway",
    "operator_unreachable": lambda f: f"{f['operator']} has not started this source's bot, so no card can reach him",
    "client_unreachable": "The client has blocked the bot or left Telegram",
    "contact_has_no_chat": "The client has no chat in Telegram",
    "not_copyable": "Telegram does not let a bot pass this kind of message on",
    "command_not_sent": "Words that begin with a slash are for the bot and are not passed on",
    "name_taken": lambda f: f"The name “{f['name']}” is taken",
    "slug_taken": lambda f: f"The link “{f['slug']}” is taken",
    "last_admin": "This is the last admin",
    "invitation_invalid": "The invitation is not valid any more",
    "already_operator": lambda f: f"The account is the operator {f['operator']} already",
    "bad_value": lambda f: (
        f"At most {f['maximum']} characters are allowed"
        if f.get("field") == "description"
        else f"A whole number from {f['minimum']} to {f['maximum']} is needed"
    ),
    "bad_name": lambda f: f"A name has 1 to {f['maximum']} printable characters and does not begin with / or #",
    "bad_slug": lambda f: f"A link has 1 to {f['maximum']} small Latin letters, digits, - or _",
    "bad_email": "This is no e-mail address",
    "source_off": "The source takes no requests at present",
    "source_in_use": lambda f: f"{f['source']} has contacts, a bot or a form's key; switch it off (is_active) instead",
    "email_taken": "Another lead has this e-mail",
    "nothing_open": "There is no open contact",
    "choice_expired": "This was sent already",
    "prompt_ended": "This question is closed already",
}


def sentence(error: CrmError) -> str:
    """The sentence for an error."""
    words = SENTENCES[error.code]
    return words if isinstance(words, str) else words(error.fields)
