"""Whatever somebody does with a message: what the other side sees of it, in both directions, at four moments.

The table is `tests/stories/conversation/rows.py`; one installation plays a column of it.
"""

import pytest

from bot.sandbox import Sandbox
from tests.stories.conversation.columns import COLUMNS, Column, Direction, Moment
from tests.stories.conversation.playing import Play
from tests.stories.conversation.rows import ROWS, Never

IN_THE_INNER_LOOP = Direction.TO_OPERATOR, Moment.TRANSFERRED
# Where it is the database that finds what waits, who has it now, and where the copies are.
ON_POSTGRES = {
    (Direction.TO_OPERATOR, Moment.BEFORE), IN_THE_INNER_LOOP, (Direction.TO_CLIENT, Moment.RESTARTED),
}  # fmt: skip
CASES = [
    *(pytest.param("sqlite", one, marks=() if one == IN_THE_INNER_LOOP else pytest.mark.further) for one in COLUMNS),
    *(pytest.param("postgres", one) for one in COLUMNS if one in ON_POSTGRES),
]


def _name(value: object) -> str:
    return value if isinstance(value, str) else "-".join(value).replace(" ", "-")  # type: ignore[arg-type]


@pytest.mark.postgres_too
@pytest.mark.fault("F45", "F48", "F137", "F140", "F208", "F216", "F217", "F218", "F219", "F220")
@pytest.mark.parametrize(("database_url", "column"), CASES, indirect=["database_url"], ids=_name)
async def test_other_side_sees_what_stands(
    sandbox: Sandbox, database_url: str, column: Column, subtests: pytest.Subtests
) -> None:
    seen = await Play(sandbox, database_url, column, ROWS).run()
    for row in ROWS:
        expected = row.expected(column)
        if not isinstance(expected, Never) and seen[row.name] != list(expected):
            with subtests.test(row.name):  # a failure for each such cell
                assert seen[row.name] == list(expected)
    assert sandbox.strictness_violations == []
