"""What visitors read when their form is refused, in their language. All other errors are for developers, in English.

A page shows `detail`, or `errors` beside the fields that they name. Browsers send `Accept-Language`; pages may set it.
"""

from collections.abc import Sequence

from starlette.requests import Request

FORMS = ("/forms", "/api/v1/forms")
LANGUAGES = ("en", "ru")

Words = dict[str, str]

FIELDS: dict[str, Words] = {
    "body": {
        "en": "Please leave a phone number or an e-mail so that we can reply.",
        "ru": "Оставьте телефон или почту, чтобы мы могли ответить.",
    },
    "email": {
        "en": "Please check the e-mail address. Example: you@example.com",
        "ru": "Проверьте адрес почты. Пример: you@example.com",
    },
    "phone": {
        "en": "Please check the phone number; with its country code it is easiest to read. Example: +44 20 7946 0000",
        "ru": "Проверьте номер телефона, лучше с кодом страны. Пример: +7 999 123-45-67",
    },
    "full_name": {
        "en": "This name is too long, or not on one line.",
        "ru": "Имя слишком длинное или не в одну строку.",
    },
    "message": {
        "en": "This message is too long. Please shorten it.",
        "ru": "Сообщение слишком длинное. Сократите его, пожалуйста.",
    },
}
CODES: dict[str, Words] = {
    "bad_phone": FIELDS["phone"],
    "source_off": {
        "en": "We're not taking requests right now. Please try again later.",
        "ru": "Сейчас мы не принимаем обращения. Пожалуйста, попробуйте позже.",
    },
}


def visitor_language(request: Request) -> str | None:
    """In which language the visitor who sent a form reads; None for any other request."""
    if request.scope["path"].rstrip("/") not in FORMS:
        return None
    for choice in request.headers.get("Accept-Language", "").split(","):
        language = choice.strip()[:2].casefold()
        if language in LANGUAGES:
            return language
    return LANGUAGES[0]


def field_words(fields: Sequence[tuple[str, str]], language: str) -> list[str] | None:
    """What a visitor reads for each invalid field.

    Args:
        fields: the name of each, `body` for the whole form, and pydantic's type of the error.

    Returns None if the visitor can do nothing about it: the page sends what no form has.
    """
    if not all(name in FIELDS and kind in ANSWERABLE for name, kind in fields):
        return None
    return [FIELDS[name][language] for name, _ in fields]


ANSWERABLE = frozenset({"value_error", "string_too_long", "string_pattern_mismatch"})


def code_words(code: str, language: str) -> str | None:
    """What a visitor reads for an error of the core; None if there are no words for it."""
    words = CODES.get(code)
    return None if words is None else words[language]
