"""What values may be, said once: types of fields that check themselves and stand in the schema."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

ID_LARGEST = 2**63 - 1  # of both databases

Id = Annotated[int, Field(ge=1, le=ID_LARGEST)]
# Without NUL, which PostgreSQL cannot keep. Lone surrogates are no text, and are refused by themselves.
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]
Description = Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")]
Words = Annotated[str, Field(max_length=4096, pattern=r"^[^\x00]*$")]


class Body(BaseModel):
    """What a caller sends: a field that is not known, or of another type, is refused rather than guessed at."""

    model_config = ConfigDict(strict=True, extra="forbid")


class Shown(BaseModel):
    """What a caller gets."""

    model_config = ConfigDict(from_attributes=True)
