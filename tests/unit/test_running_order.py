"""The order of a run mixes tests that wait with tests that work."""

from itertools import groupby
from pathlib import Path

from tests.support.running_order import AT_ONCE, in_running_order, with_folders_mixed

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


def test_folders_are_mixed_and_files_stay_in_one_piece() -> None:
    tests = [f"{folder}/{file}/{n}" for folder in ("api", "unit") for file in "abcdef" for n in range(3)]
    found = with_folders_mixed(tests, path_of=lambda one: Path(one).parent)
    assert sorted(found) == tests
    files = [(path, list(of_file)) for path, of_file in groupby(found, key=lambda one: one.rpartition("/")[0])]
    assert [path for path, _ in files] == [f"{folder}/{file}" for file in "abcdef" for folder in ("api", "unit")]
    assert all(of_file == sorted(of_file) for _, of_file in files)
