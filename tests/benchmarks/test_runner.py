"""The benchmark's runner: what it prints and how it ends, with parts that measure nothing."""

import io
import sys
from collections.abc import Sequence

import pytest

from tests.benchmarks.__main__ import main
from tests.benchmarks.part import Context, Part, Rows
from tests.benchmarks.parts import PARTS, UnknownPart, select
from tests.benchmarks.runner import run
from tests.benchmarks.sizes import SMOKE
from tests.benchmarks.table import Row

MET = Row("fast", "1 ms", "bare 2 ms", "0.50", "≤ 1.5", is_met=True)
MISSED = Row("slow", "4 ms", "bare 2 ms", "2.00", "≤ 1.5", is_met=False)
UNTARGETED = Row("size", "3 MB")


def part_of(*rows: Row) -> Part:
    async def part(_: Context) -> Rows:
        for row in rows:
            yield row

    return part


def failing_after(*rows: Row) -> Part:
    async def part(_: Context) -> Rows:
        for row in rows:
            yield row
        raise ValueError("the sandbox is gone")

    return part


async def test_run_with_every_target_met_ends_with_zero(capsys: pytest.CaptureFixture[str]) -> None:
    result = await run({"a": part_of(MET), "b": part_of(UNTARGETED)}, SMOKE, are_targets_checked=True)
    assert result.exit_code == 0
    headings, _, fast, size = capsys.readouterr().out.splitlines()
    assert headings.split() == ["what", "Mini-CRM", "compared", "with", "ratio", "target"]
    assert fast.split() == ["fast", "1", "ms", "bare", "2", "ms", "0.50", "≤", "1.5", "✓"]
    assert size.split() == ["size", "3", "MB"]


async def test_row_is_flushed_before_the_next_one_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BufferedWriter(printed), encoding="utf-8"))
    seen: list[str] = []

    async def part(_: Context) -> Rows:
        yield MET
        seen.append(printed.getvalue().decode())
        yield MISSED
        seen.append(printed.getvalue().decode())

    await run({"a": part}, SMOKE, are_targets_checked=True)
    assert "fast" in seen[0]
    assert "slow" not in seen[0]
    assert "slow" in seen[1]


async def test_missed_target_ends_with_one_and_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    result = await run({"a": part_of(MISSED, MET)}, SMOKE, are_targets_checked=True)
    assert result.exit_code == 1
    out = capsys.readouterr().out
    assert [line.split()[-1] for line in out.splitlines()[2:4]] == ["✗", "✓"]
    assert "Target missed: slow: 2.00, target ≤ 1.5" in out


async def test_failing_part_is_reported_and_others_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    parts = {"first": failing_after(MET), "second": part_of(UNTARGETED)}
    result = await run(parts, SMOKE, are_targets_checked=True)
    assert result.exit_code == 1
    assert result.failed == ["first"]
    out, err = capsys.readouterr()
    starts = [line.split()[0] for line in out.splitlines()[2:]]
    assert starts == ["fast", "first:", "size", "Parts"]
    assert "first: failed with ValueError" in out
    assert "Parts that failed: first" in out
    assert "Traceback" in err
    assert "ValueError: the sandbox is gone" in err


async def test_unchecked_targets_are_shown_and_fail_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    result = await run({"a": part_of(MISSED)}, SMOKE, are_targets_checked=False)
    assert result.exit_code == 0
    out = capsys.readouterr().out
    assert "≤ 1.5" in out
    assert "✗" not in out
    assert "Targets were not checked" in out


async def test_failing_part_ends_a_smoke_run_with_one() -> None:
    result = await run({"a": failing_after()}, SMOKE, are_targets_checked=False)
    assert result.exit_code == 1


async def test_part_gets_an_empty_folder_that_is_deleted_after_it() -> None:
    folders = []

    async def part(context: Context) -> Rows:
        assert list(context.folder.iterdir()) == []
        (context.folder / "large.db").write_text("…")
        folders.append(context.folder)
        yield MET

    result = await run({"a": part, "b": part}, SMOKE, are_targets_checked=True)
    assert result.failed == []
    assert len(set(folders)) == 2
    assert not any(folder.exists() for folder in folders)


def test_unknown_part_ends_with_two_and_names_the_parts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["limits,grwoth"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "There is no part 'grwoth'" in err
    assert all(name in err for name in (*PARTS, "smoke"))


@pytest.mark.parametrize("arguments", [[], [""], ["smoke"], ["smoke,"]])
def test_every_part_runs_if_none_is_named(arguments: Sequence[str]) -> None:
    parts, is_smoke = select(arguments)
    assert parts == PARTS
    assert is_smoke == any("smoke" in one for one in arguments)


@pytest.mark.parametrize("arguments", [["http,growth"], ["growth, http"], ["http", "growth"], ["growth http smoke"]])
def test_named_parts_run_in_their_usual_order(arguments: Sequence[str]) -> None:
    assert list(select(arguments)[0]) == ["http", "growth"]


def test_unknown_part_is_refused_beside_known_ones() -> None:
    with pytest.raises(UnknownPart, match="'years'"):
        select(["smoke", "http", "years"])
