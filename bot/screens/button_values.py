"""Values that buttons carry; a button only says what is meant: role and current state decide what a press does."""

from typing import Annotated

from pydantic import Field

Number = Annotated[int, Field(ge=0, lt=2**31)]  # forged data must not reach the database as a number it cannot hold
TelegramId = Annotated[int, Field(ge=0, lt=2**53)]
Handle = Annotated[str, Field(pattern=r"^[0-9a-f]{16}\z")]
