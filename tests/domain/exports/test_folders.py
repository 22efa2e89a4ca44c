"""Folders of unfinished files: kept while somebody works in them, removed when their process was killed."""

import fcntl
import os
from pathlib import Path

import pytest

from crm_core.exports.folders import locked_folder, remove_abandoned

PREFIX = "work-"


def abandoned(parent: Path, name: str = "work-00000000") -> Path:
    """What a killed process leaves."""
    folder = parent / name
    folder.mkdir()
    (folder / "1").write_text("personal data")
    return folder


@pytest.mark.fault("F106")
def test_abandoned_folder_is_removed_and_one_in_use_is_kept(tmp_path: Path) -> None:
    with locked_folder(PREFIX, parent=tmp_path) as mine:
        (mine / "1").write_text("half a table")
        left, other = abandoned(tmp_path), abandoned(tmp_path, "somebody's")
        remove_abandoned(f"{PREFIX}*", parent=tmp_path)
        assert (mine / "1").read_text() == "half a table"
        assert mine.stat().st_mode & 0o077 == 0
        assert (left.exists(), other.exists()) == (False, True)
    assert not mine.exists()


@pytest.mark.fault("F106")
def test_folder_taken_for_abandoned_before_it_was_locked_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fcntl.flock
    locked: list[int] = []

    def remove_first(lock: int, how: int) -> None:
        if not locked and how == fcntl.LOCK_SH:
            locked.append(lock)
            remove_abandoned(f"{PREFIX}*", parent=tmp_path)
        real(lock, how)

    monkeypatch.setattr(fcntl, "flock", remove_first)
    with locked_folder(PREFIX, parent=tmp_path) as mine:
        assert list(tmp_path.iterdir()) == [mine]
    assert locked
    assert list(tmp_path.iterdir()) == []


def test_links_files_and_missing_parents_are_left_alone(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    target = abandoned(elsewhere)
    os.symlink(target, tmp_path / "work-link")
    (tmp_path / "work-file").write_text("a file")
    remove_abandoned(f"{PREFIX}*", parent=tmp_path)
    assert (target / "1").exists()
    assert (tmp_path / "work-file").exists()
    remove_abandoned(f"{PREFIX}*", parent=tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError), locked_folder(PREFIX, parent=tmp_path / "nowhere"):
        pass


def test_file_system_without_locks_makes_folders_and_removes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(lock: int, how: int) -> None:
        raise OSError

    monkeypatch.setattr(fcntl, "flock", refuse)
    left = abandoned(tmp_path)
    with locked_folder(PREFIX, parent=tmp_path) as mine:
        remove_abandoned(f"{PREFIX}*", parent=tmp_path)
        assert mine.exists()
    assert left.exists()
