"""E-mail addresses: stored as they were given, and compared by a key that never makes one address of two."""

import re
from unicodedata import normalize

import idna

from crm_core.errors import BadEmail
from crm_core.names import without_invisible

EMAIL_LONGEST = 254  # RFC 5321, section 4.5.3.1.3, without the angle brackets
_NEVER = r"@\s\x00-\x1f\x7f,;<>\"()\[\]\\"  # in an e-mail address
_EMAIL = re.compile(rf"[^{_NEVER}]+@[^{_NEVER}.]+(\.[^{_NEVER}.]+)+")
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+(?!\d+$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_SCHEME = re.compile(r"mailto:", re.IGNORECASE)


def check_email(text: str) -> str:
    """An e-mail address as it is stored and shown.

    It is as it was given, without what nobody types: spaces around it, invisible signs, the `mailto:` of a link. Raises
    BadEmail for what cannot be an address.
    """
    email = cleaned(text)
    if len(email) > EMAIL_LONGEST or not _EMAIL.fullmatch(email) or _domain(email.rpartition("@")[2]) is None:
        raise BadEmail(field="email")
    return email


def cleaned(text: str) -> str:
    """A text without what does not belong to an address, whether or not the rest is one."""
    plain = without_invisible(normalize("NFC", text)).strip().replace("＠", "@")
    return _SCHEME.sub("", plain).partition("?")[0].strip() if _SCHEME.match(plain) else plain


def email_key(email: str) -> str:
    """What an address is compared by: upper and lower case are alike, and so are the two ways to write a domain.

    Case folding would make ss of ß, and with it one address of two: `straße.example` and `strasse.example` are sold to
    different people. A text that is no address is its own key.
    """
    local, at, domain = cleaned(email).rpartition("@")
    return normalize("NFC", local.lower()) + at + (_domain(domain) or domain.lower())


def _domain(text: str) -> str | None:
    """A domain as mail servers ask for it, in ASCII (RFC 5890); None for what cannot be one."""
    try:
        name = text.lower() if text.isascii() else idna.encode(text, uts46=True).decode("ascii").lower()
    except idna.IDNAError:
        return None
    return name if _DOMAIN.fullmatch(name) else None
