"""The order of a run mixes tests that wait with tests that work."""

from itertools import groupby

from tests.support.running_order import AT_ONCE, in_running_order

TESTS = [*(f"quick {n}" for n in range(30)), "browser 0", *(f"slow {n}" for n in range(20)), "browser 1"]


def ordered() -> list[str]:
    return in_running_order(
        TESTS, is_slow=lambda one: not one.startswith("quick"), is_in_browser=lambda one: one.startswith("browser")
    )


def test_running_order_keeps_every_test_and_the_order_of_each_kind() -> None:
    found = ordered()
    assert sorted(found) == sorted(TESTS)
    assert found[:2] == ["browser 0", "browser 1"]
    for kind in ("quick", "slow"):
        assert [one for one in found if one.startswith(kind)] == [one for one in TESTS if one.startswith(kind)]


def test_running_order_mixes_both_kinds_and_ends_with_quick_tests() -> None:
    runs = [(kind, len(list(tests))) for kind, tests in groupby(ordered()[2:], key=lambda one: one.split()[0])]
    assert all(length == AT_ONCE for kind, length in runs if kind == "slow")
    assert all(length <= 2 * AT_ONCE for kind, length in runs[:-1] if kind == "quick")
    assert runs[-1][0] == "quick"
