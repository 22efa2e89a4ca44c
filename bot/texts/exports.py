"""What exported tables say besides their data, and what is said about an export."""

from babel.numbers import format_decimal

from bot.texts.phrases import percent, period_name
from bot.texts.translator import Translator
from crm_core.exports.files import Words
from crm_core.exports.kinds import Form, What
from crm_core.statistics import Period

BAR = 12  # signs of the progress bar


def table_words(what: What, _: Translator) -> Words:
    """Headings and codes in a language, and the CSV delimiter of Excel where it is spoken."""
    return Words(
        sheet=what_name(what, _),
        columns=_columns(_),
        values={
            "new": _("new"),
            "in_progress": _("in progress"),
            "closed": _("closed"),
            "true": _("yes"),
            "false": _("no"),
        },
        delimiter=";" if _.language == "ru" else ",",
    )


def what_name(what: What, _: Translator) -> str:
    """What can be exported, as a title."""
    names = {
        What.CONTACTS: _("Contacts"),
        What.LEADS: _("Clients"),
        What.OPERATORS: _("Operators"),
        What.EVENTS: _("Events"),
    }
    return names[what]


def _columns(_: Translator) -> dict[str, str]:
    return {
        "number": _("Number"),
        "opened": _("Opened"),
        "source": _("Source"),
        "status": _("Status"),
        "operator": _("Operator"),
        "client": _("Client"),
        "username": _("Telegram name"),
        "phone": _("Phone"),
        "email": _("E-mail"),
        "external_id": _("External id"),
        "message": _("First words"),
        "queued": _("In the queue since"),
        "assigned": _("Assigned"),
        "taken": _("Taken"),
        "replied": _("First reply"),
        "closed": _("Closed"),
        "first_seen": _("First seen"),
        "language": _("Language"),
        "contacts": _("Contacts"),
        "last_contact": _("Last contact"),
        "name": _("Name"),
        "active": _("Is switched on"),
        "online": _("Online"),
        "limit": _("Limit"),
        "load": _("Load"),
        "contacts_of_period": _("Contacts of the period"),
        "telegram_id": _("Telegram id"),
        "added": _("Added"),
        "removed": _("Removed"),
        "at": _("When"),
        "event": _("Event"),
        "actor": _("Who"),
        "who": _("Who (name)"),
        "contact": _("Contact (number)"),
        "lead": _("Client (number)"),
        "reason": _("Reason"),
        "details": _("Details"),
    }


def order_name(what: What, form: Form, period: Period, _: Translator) -> str:
    """An export in one line."""
    return f"{what_name(what, _)} · {period_name(period, _)} · {form_name(form, _)}"


def form_name(form: Form, _: Translator) -> str:
    """A format as people call it."""
    return {Form.XLSX: _("Excel"), Form.CSV: _("CSV")}[form]


def about(what: What, _: Translator) -> str:
    """What a table holds, in a sentence."""
    sentences = {
        What.CONTACTS: _("A line for each contact: client, source, operator, first words, and when what happened."),
        What.LEADS: _("A line for each client: name, phone, e-mail, and how many contacts he had."),
        What.OPERATORS: _("A line for each operator: limit, load, and his contacts of that time."),
        What.EVENTS: _("A line for each event: who did what, when, and why."),
    }
    return sentences[what]


def how_far(name: str, done: int, total: int, _: Translator) -> str:
    """The progress line."""
    part = done / total if total else 0.0
    full = round(part * BAR)
    text = _("{done} of {total} rows").format(done=number(done, _), total=number(total, _))
    return f"⏳ {name}\n{'▓' * full}{'░' * (BAR - full)} {percent(part)}\n{text}"


def number(value: int, _: Translator) -> str:
    """A whole number with its thousands apart."""
    return format_decimal(value, locale=_.language)
