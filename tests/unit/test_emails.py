"""E-mail addresses as people paste them: what is the same address, what is not, and what is none."""

import pytest

from crm_core.contacts.emails import check_email, email_key
from crm_core.errors import BadEmail


@pytest.mark.fault("F129")
@pytest.mark.parametrize(
    "pasted",
    [
        "her@example.com\u200b", "\u202aher@example.com\u202c", "\ufeffher@example.com", "her\u00ad@example.com",
        "mailto:her@example.com", "MAILTO:her@example.com?subject=Hello", " her@example.com\u00a0",
        "her@exam\u2060ple.com\n",
        "her＠example.com", "\u3164her@example.com\u2800",
    ],
)  # fmt: skip
def test_what_nobody_typed_is_taken_off(pasted: str) -> None:
    assert check_email(pasted) == "her@example.com"


@pytest.mark.fault("F129")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ivan@Example.COM", "ivan@example.com"),
        ("jose\u0301@example.com", "jos\u00e9@example.com"),
        ("client@пример.рф", "client@xn--e1afmkfd.xn--p1ai"),
        ("client@ПРИМЕР.РФ", "client@пример.рф"),
    ],
)
def test_one_address_in_two_spellings_has_one_key(one: str, other: str) -> None:
    assert email_key(check_email(one)) == email_key(check_email(other))


@pytest.mark.fault("F129")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("anna@straße.example", "anna@strasse.example"),
        ("weiß@example.com", "weiss@example.com"),
        ("ſam@example.com", "sam@example.com"),
        ("o\ufb03ce@example.com", "office@example.com"),
        ("αννας@example.com", "αννασ@example.com"),
        ("ALİ@example.com", "ali@example.com"),
        ("jose@example.com", "jos\u00e9@example.com"),
        ("ivan+shop@example.com", "ivan@example.com"),
    ],
)
def test_addresses_of_different_people_have_different_keys(one: str, other: str) -> None:
    assert email_key(check_email(one)) != email_key(check_email(other))


@pytest.mark.parametrize(
    "given", ["Ivan@Example.COM", "anna@straße.example", "ALİ@example.com", "a+b@x.co", "я@пример.рф"]
)
def test_address_is_stored_as_given(given: str) -> None:
    assert check_email(given) == given


@pytest.mark.parametrize(
    "text",
    [
        "", "nonsense", "a@b", "a b@example.com", "a@example.com, b@example.com", "<a@example.com>", "a@-example.com",
        "a@1.2.3.4", "a@ex😀mple.com", "a@example..com", "a@@example.com", "a@example.com.", "x" * 250 + "@example.com",
    ],
)  # fmt: skip
def test_what_reaches_nobody_is_refused(text: str) -> None:
    with pytest.raises(BadEmail):
        check_email(text)
