"""What is sent and shown of sources and weights over HTTP."""

from typing import Annotated, Any, Literal

from pydantic import Field

from crm_core.api.fields import WHOLE, Body, Description, Id, Keyword, Name, Required, Shown, example
from crm_core.api.operators import ShareShown
from crm_core.api.service import TargetsBody
from crm_core.api.working_hours import AS_WRITTEN, ZONE_MEANING, HoursText, ZoneName
from crm_core.routing import (
    absence,
    offer_settings,
    priority,
    ramps,
    source_settings,
    weight_settings,
)
from crm_core.routing.keywords import RULES_AT_MOST, SKILLS_AT_MOST, WORDS_AT_MOST


class NewSource(Body):
    """A new source."""

    model_config = example(name="Telegram Бот", description="Основной бот в Telegram")

    name: Name
    description: Description | None = None


class KeywordRule(Body):
    """What follows from any of some words in the first message of a new contact: skills, a head start, or both."""

    model_config = example(words=["refund*", "возврат"], skills={"billing": 30}, priority_minutes=60)

    words: Annotated[list[Keyword], Field(min_length=1, max_length=WORDS_AT_MOST)] = Field(
        description="Case and punctuation do not count. `refund*` is the beginning of a word."
    )
    skills: Annotated[Required, Field(max_length=SKILLS_AT_MOST)] = Field(default_factory=dict)
    priority_minutes: Annotated[int, Field(ge=0, le=priority.LONGEST), WHOLE] = 0


class ForumBody(Body):
    """A team's forum: the group, the bot that writes there, and in which language."""

    chat_id: Annotated[int, Field(ge=-(2**53), le=2**53), WHOLE]
    bot_id: Annotated[int, Field(ge=1, le=2**53), WHOLE]
    language: str | None = None


class SourceChange(Body):
    """What to change. A field that is left out stays as it is."""

    model_config = example(description="Форма на сайте", is_active=True)

    name: Name = Field(default_factory=str)
    description: Description | None = None
    is_active: bool = Field(default_factory=bool, description="Whether it takes new contacts.")
    strategy: Literal["random", "exact"] = Field(
        default_factory=lambda: "random",
        description="How operators are chosen: `random` (weighted), or `exact` (whose turn it is).",
    )
    late_hours: Annotated[
        int,
        Field(
            ge=0,
            le=source_settings.LATE_LONGEST,
            description="For so many hours after closing, a client's message joins the closed contact; 0: never.",
        ),
        WHOLE,
    ] = Field(default_factory=int)
    sticky_days: Annotated[
        int,
        Field(
            ge=0,
            le=source_settings.STICKY_LONGEST,
            description="For so many days after closing, a client's next contact goes to the operator they had, if "
            "they can get it; 0: never.",
        ),
        WHOLE,
    ] = Field(default_factory=int)
    sticky_mode: source_settings.StickyMode = Field(
        default_factory=lambda: "charged",
        description="Where shares are exact: whether that operator pays for it (`charged`), or it stands `apart`.",
    )
    offer_seconds: Annotated[
        int,
        Field(
            ge=0,
            le=offer_settings.LONGEST,
            description="For how many seconds of their working time a contact is offered to an operator, who takes or "
            "declines it, at least 5; 0: it is theirs at once.",
        ),
        WHOLE,
    ] = Field(default_factory=int)
    offer_rounds: Annotated[
        int,
        Field(
            ge=1,
            le=offer_settings.MOST_ROUNDS,
            description="After so many offers in vain it goes to the operator on duty, or admins are told.",
        ),
        WHOLE,
    ] = Field(default_factory=lambda: 3)
    miss_limit: Annotated[
        int,
        Field(
            ge=0,
            le=offer_settings.MOST_MISSES,
            description="After so many missed offers in a row an operator is set offline; 0: never.",
        ),
        WHOLE,
    ] = Field(default_factory=lambda: 3)
    duty_operator_id: Id | None = Field(
        default=None, description="Who gets what was offered in vain; null: admins are told."
    )
    hours: HoursText | None = Field(
        default=None,
        description=f"When contacts are given out, {AS_WRITTEN} Outside of them they are accepted, and wait.",
    )
    timezone: ZoneName = Field(default_factory=str, description=ZONE_MEANING)
    sla: TargetsBody | None = Field(default=None, description="Targets of the service level; null: none.")
    priority_minutes: Annotated[
        int,
        Field(
            ge=0,
            le=priority.LONGEST,
            description="Head start of its contacts in the queue, in minutes; 0: none.",
        ),
        WHOLE,
    ] = Field(default_factory=int)
    keywords: Annotated[list[KeywordRule], Field(max_length=RULES_AT_MOST)] = Field(
        default_factory=list,
        description="What follows from words of the first message of a new contact. Of several rules, the skills count "
        "together, and the largest head start.",
    )
    ramp: Annotated[int, Field(ge=1, le=ramps.LARGEST), WHOLE] | None = Field(
        default=None,
        description="Of what had waited before they come, or the source opens, operators get at most so many contacts "
        "in a minute; null: all at once.",
    )
    waiting_load: Annotated[
        float,
        Field(ge=0, le=1, description="What a contact counts in its operator's load while it waits for its client."),
    ] = Field(default_factory=float)
    catch_up: Annotated[
        int,
        Field(
            ge=0,
            le=source_settings.CATCH_UP_LARGEST,
            description="Where shares are exact: how many contacts that operators missed by leave are credited on "
            "their return at most; 0: none.",
        ),
        WHOLE,
    ] = Field(default_factory=int)
    handover: Literal["keep", "hand_over", "hold"] = Field(
        default_factory=lambda: "keep",
        description="What becomes of a contact whose client waits for an answer while its operator is away: `keep` "
        "(nothing), `hand_over` (it goes back to the queue, and to somebody else), or `hold` (the client is told).",
    )
    away_minutes: Annotated[
        int,
        Field(ge=0, le=absence.LONGEST, description="For how many minutes an operator must be away before that."),
        WHOLE,
    ] = Field(default_factory=lambda: absence.DEFAULT_MINUTES)
    protect_content: bool = Field(
        default_factory=bool,
        description="Whether what its clients send can't be forwarded or saved in the chats of operators, from the "
        "next message on.",
    )
    forum: ForumBody | None = Field(
        default=None,
        description="The team's forum, which an admin binds by writing /forum in its group. null switches it off; "
        "anything else must be what it is.",
    )
    skills: Required = Field(
        default_factory=dict,
        description="Skills that its contacts require of operators, each with the minutes of waiting after which it is "
        "dropped, or null; empty: none.",
    )


class SourceShown(Shown):
    """A source: a channel that contacts come from."""

    model_config = example(id=1, name="Telegram Бот", description="Основной бот в Telegram")

    id: int
    name: str
    description: str | None


class SourceDetailsShown(SourceShown):
    """A source with all settings: its bot and link if any, the operators and the number of waiting contacts.

    `hours` are its working hours, null for always: seven days from Monday, dates with hours of their own, holidays,
    leave. `is_open` says whether these let contacts be given out now. `sla` are its targets in minutes, null for none.
    """

    is_active: bool
    strategy: str
    late_hours: int
    sticky_days: int
    sticky_mode: str
    offer_seconds: int
    offer_rounds: int
    miss_limit: int
    duty_operator_id: int | None
    hours: dict[str, Any] | None
    is_open: bool
    sla: dict[str, int] | None
    skills: dict[str, int | None]
    priority_minutes: int
    keywords: list[dict[str, Any]]
    ramp: int | None
    waiting_load: float
    catch_up: int
    handover: str
    away_minutes: int
    protect_content: bool
    forum: dict[str, Any] | None
    bot: str | None
    slug: str | None
    waiting: int
    operators: list[ShareShown]


WeightThere = Annotated[
    int, Field(ge=0, le=weight_settings.WEIGHT_LARGEST, description="0 removes the operator from the source."), WHOLE
]


class Assignment(Body):
    """An operator's weight at a source: their share is weight / sum of the weights of all available operators."""

    model_config = example(operator_id=1, weight=30)

    operator_id: Id
    weight: WeightThere = 1


class WeightChange(Body):
    """An operator's weight at a source, and their limit there."""

    model_config = example(weight=30, limit=3)

    weight: WeightThere
    limit: Annotated[int, Field(ge=1, le=weight_settings.LIMIT_LARGEST), WHOLE] | None = Field(
        default=None,
        description="The most open contacts from this source that they hold; null: no limit but their own. If it is "
        "left out, it stays as it is.",
    )


class StandingShown(Shown):
    """How an operator stands at a source.

    `part` is their part of the sum of all weights there, from 0 to 1. `credit` is what a source with exact shares owes
    them, in millionths of a contact, below 0 if they are ahead; over a source it adds up to 0. `why_not` is the code of
    what excludes them from the next contact, null if they are `eligible`. `limit` is the most open contacts from the
    source that they hold, null for no limit but their own.
    """

    model_config = example(
        operator_id=1,
        operator="Anna",
        weight=30,
        part=0.3,
        limit=None,
        credit=-400000,
        eligible=False,
        why_not="full",
    )

    operator_id: int
    operator: str
    weight: int
    part: float
    limit: int | None
    credit: int
    eligible: bool
    why_not: str | None


class Done(Shown):
    """What was done."""

    model_config = example(message="Operator assigned to source successfully")

    message: str
