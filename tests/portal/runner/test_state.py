"""The state folder: its key, and that one runner has it at a time."""

import os
import stat
from pathlib import Path

import pytest

from portal.runner import state
from portal.runner.refusals import CannotStart


@pytest.fixture(autouse=True)
def no_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(state, "PROJECT", tmp_path)
    monkeypatch.delenv("SECRET_KEY", raising=False)


def test_a_folder_with_a_key_is_made_for_us_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PORTAL_VAR", str(tmp_path / "deep" / "var"))
    var = state.prepare_state()
    key = var / "secret_key"
    assert stat.S_IMODE(var.stat().st_mode) == 0o700
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(key.read_text().strip()) >= 50
    assert list(var.iterdir()) == [key]


def test_a_key_that_is_there_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PORTAL_VAR", str(tmp_path))
    state.prepare_state()
    key = (tmp_path / "secret_key").read_text()
    state.prepare_state()
    assert (tmp_path / "secret_key").read_text() == key


def test_no_key_is_made_where_one_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PORTAL_VAR", str(tmp_path))
    monkeypatch.setenv("SECRET_KEY", "one of the operator's")
    state.prepare_state()
    assert not (tmp_path / "secret_key").exists()


def test_the_folder_is_var_unless_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PORTAL_VAR", "")
    assert state.prepare_state() == tmp_path / "var"


def test_a_folder_that_cannot_be_made_is_told_plainly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PORTAL_VAR", str(tmp_path / "file" / "var"))
    with pytest.raises(CannotStart, match=r"Not a directory\. PORTAL_VAR names"):
        state.prepare_state()


def test_a_second_holder_is_refused_and_told_the_first(tmp_path: Path) -> None:
    with (
        state.locked(tmp_path),
        pytest.raises(CannotStart, match=f"as process {os.getpid()}: "),
        state.locked(tmp_path),
    ):
        pass


def test_the_next_holder_may_come_when_the_first_is_gone(tmp_path: Path) -> None:
    for _ in range(2):
        with state.locked(tmp_path):
            assert (tmp_path / "run.lock").read_text() == f"{os.getpid()}\n"


def test_what_earlier_processes_told_prometheus_is_deleted(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    for _ in range(2):
        state.empty_metrics(folder)
        assert list(folder.iterdir()) == []
        (folder / "counter_1.db").touch()
    assert stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0
