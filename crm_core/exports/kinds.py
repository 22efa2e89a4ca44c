"""What can be exported and in which formats. It imports nothing, so that buttons and texts may use it cheaply."""

from enum import StrEnum


class What(StrEnum):
    """What can be exported."""

    CONTACTS = "contacts"
    LEADS = "leads"
    OPERATORS = "operators"
    EVENTS = "events"


class Form(StrEnum):
    """The formats."""

    CSV = "csv"
    XLSX = "xlsx"
