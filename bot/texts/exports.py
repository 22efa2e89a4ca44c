"""The headings and codes of exported tables, and the texts about an export."""

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
            "waiting": _("waiting"),
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
        What.CONTACTS: _("Requests"),
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
        "username": _("Telegram username"),
        "phone": _("Phone"),
        "email": _("E-mail"),
        "external_id": _("External ID"),
        "message": _("First message"),
        "forwarded_from": _("Forwarded from"),
        "queued": _("Queued"),
        "assigned": _("Assigned"),
        "taken": _("Taken"),
        "replied": _("First reply"),
        "closed": _("Closed"),
        "first_seen": _("First seen"),
        "language": _("Language"),
        "contacts": _("Requests"),
        "last_contact": _("Last request"),
        "name": _("Name"),
        "active": _("Active"),
        "online": _("Online"),
        "limit": _("Limit"),
        "load": _("Load"),
        "contacts_of_period": _("Requests in the period"),
        "telegram_id": _("Telegram ID"),
        "added": _("Added"),
        "removed": _("Removed"),
        "at": _("When"),
        "event": _("Event"),
        "actor": _("Who"),
        "who": _("Who (name)"),
        "contact": _("Request number"),
        "lead": _("Client number"),
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
        What.CONTACTS: _("One row per request: client, source, operator, first message, and the time of each step."),
        What.LEADS: _("One row per client: name, phone, e-mail and number of requests."),
        What.OPERATORS: _("One row per operator: limit, load, and requests in the period."),
        What.EVENTS: _("One row per event: who did what, when, and why."),
    }
    return sentences[what]


def how_far(name: str, done: int, total: int, _: Translator) -> str:
    """The progress line."""
    part = done / total if total else 0.0
    full = round(part * BAR)
    text = _("{done} of {total} rows").format(done=number(done, _), total=number(total, _))
    return f"⏳ {name}\n{'▓' * full}{'░' * (BAR - full)} {percent(part, _)}\n{text}"


def number(value: int, _: Translator) -> str:
    """A whole number with its thousands apart."""
    return format_decimal(value, locale=_.language)
