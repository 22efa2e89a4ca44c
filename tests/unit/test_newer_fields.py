"""Which refusals may be about something that an older Bot API server does not know."""

import pytest

from bot.sandbox.methods.messages import NOT_MODIFIED
from bot.telegram.newer_fields import Part, named_in


@pytest.mark.fault("F205")
@pytest.mark.parametrize(
    ("refusal", "part"),
    [
        ("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard", Part.KEYBOARD),
        ("BUTTON_COPY_TEXT_INVALID", Part.KEYBOARD),
        ("can't parse MessageEntity: unsupported type specified", Part.FORMATTING),
        ("can't parse entities: can't find end of the entity", Part.FORMATTING),
        (NOT_MODIFIED, None),
        ("message to edit not found", None),
        ("chat not found", None),
    ],
)
def test_refusal_names_the_part_that_it_is_about(refusal: str, part: Part | None) -> None:
    assert named_in(f"Bad Request: {refusal}") is part
