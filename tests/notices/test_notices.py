"""The notices name what is installed: after a change of the lock, `make notices` is due."""

import re

import pytest

from tests.notices import notices


@pytest.mark.fault("F107")
def test_notices_list_every_locked_package_in_its_version() -> None:
    rows = re.findall(r"^\| ([a-z0-9.-]+) \| ([0-9][^ ]*) \| (.+) \|$", notices.PAGE.read_text(encoding="utf-8"), re.M)
    assert {name: version for name, version, _ in rows} == notices.locked()
    assert [name for name, _, licence in rows if re.search(r"\bA?GPL|unknown|proprietary", licence, re.I)] == []


def test_package_without_a_known_licence_is_refused() -> None:
    with pytest.raises(ValueError, match="nobody-knows-this"):
        notices.licence("nobody-knows-this")
