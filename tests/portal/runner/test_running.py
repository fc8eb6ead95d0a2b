"""`python -m portal.runner` on real processes: however it ends, nothing stays behind."""

import os
import signal
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import redis
from celery import Celery

from tests.portal.runner.conftest import PASSWORD
from tests.portal.runner.running import Runner, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("runner")]
Start = Callable[..., Runner]
LONG_TASK = {"DJANGO_SETTINGS_MODULE": "tests.portal.runner.settings"}


def begin_task(runner: Runner, folder: Path) -> tuple[Path, Path]:
    """Have the worker begin a task; return the file that lets it end, and the one that it ends with."""
    started, may_end, ended = (folder / name for name in ("started", "may end", "ended"))
    with Celery(broker=runner.redis.with_database(2).broker_url, set_as_current=False) as client:
        client.send_task(
            "tests.portal.runner.long_task.last_until",
            kwargs={"started": str(started), "may_end": str(may_end), "ended": str(ended)},
        )
    wait_until(started.exists)
    return may_end, ended


class TestServing:
    def test_the_banner_tells_the_address_and_who_the_admin_is(self, start: Start, tmp_path: Path) -> None:
        runner = start(tmp_path / "var").wait_for("Ctrl-C stops everything.")
        lines = [line.strip() for line in runner.output.splitlines()]
        assert f"The portal runs: http://127.0.0.1:{runner.port}/" in lines
        assert f"Admin:       http://127.0.0.1:{runner.port}/admin/" in lines
        assert "Name:        admin" in lines
        assert runner.serves()

    def test_web_workers_beat_and_the_watch_run_with_the_server(self, runner: Runner) -> None:
        for word in ("gunicorn", "--concurrency\0002", "--concurrency\0001", "beat", "watch_redis", "valkey-server"):
            assert runner.processes(word), word

    def test_the_password_of_the_admin_is_known_to_no_process_that_serves(self, start: Start, var: Path) -> None:
        runner = start(var, PORTAL_ADMIN_PASSWORD=PASSWORD).wait_for("The portal runs")
        for process in runner.processes("gunicorn"):
            assert PASSWORD.encode() not in Path(f"/proc/{process}/environ").read_bytes()

    def test_nobody_else_can_read_what_a_runner_keeps(self, start: Start, tmp_path: Path) -> None:
        var = tmp_path / "var"
        start(var).wait_for("The portal runs")
        private = {var, *var.rglob("*")} - set((var / "static").rglob("*"))
        assert {path for path in private if path.stat().st_mode & 0o077} == set()

    def test_nothing_is_written_into_the_home_folder(self, start: Start, var: Path, tmp_path: Path) -> None:
        home = tmp_path / "home"
        home.mkdir()
        start(var, HOME=str(home)).wait_for("The portal runs")
        assert list(home.iterdir()) == []

    def test_a_redis_that_is_named_starts_no_server(self, start: Start, var: Path) -> None:
        runner = start(var, REDIS_URL="redis://127.0.0.1:1/0").wait_for("The portal runs")
        assert runner.processes("valkey-server") == []
        runner.interrupt()
        assert runner.exit_code() == 0
        assert runner.processes() == []


class TestStarting:
    def test_a_second_run_keeps_keys_counters_and_the_admin(self, start: Start, tmp_path: Path) -> None:
        var = tmp_path / "var"
        first = start(var).wait_for("Ctrl-C stops everything.")
        key = (var / "secret_key").read_text()
        with redis.Redis.from_url(first.redis.url) as client:
            client.set("kept", "yes")
        first.process.kill()
        wait_until(lambda: not first.processes())
        second = start(var).wait_for("Password:    as it was set before")
        assert (var / "secret_key").read_text() == key
        with redis.Redis.from_url(second.redis.url) as client:
            assert client.get("kept") == b"yes"

    def test_a_second_runner_on_the_same_folder_is_refused(self, start: Start, runner: Runner) -> None:
        second = start(runner.var)
        assert second.exit_code() == 1
        assert second.output == (
            f"The portal runs already on {runner.var}, as process {runner.process.pid}: "
            "stop that one first, or name another folder with PORTAL_VAR.\n"
        )
        assert runner.serves()

    def test_a_port_that_is_taken_is_refused(self, start: Start, tmp_path: Path) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as taken:
            port = taken.getsockname()[1]
            runner = start(tmp_path / "var", PORT=str(port))
            assert runner.exit_code() == 1
        assert runner.output == (f"Port {port} on 127.0.0.1 is taken by another program. PORT names another port.\n")

    def test_every_wrong_setting_is_told_in_a_line_of_its_own(self, start: Start, tmp_path: Path) -> None:
        runner = start(tmp_path / "var", TIME_ZONE="Mars/Crater", WEB_CONCURRENCY="many")
        assert runner.exit_code() == 1
        assert sorted(line.partition(":")[0] for line in runner.output.splitlines()) == [
            "TIME_ZONE",
            "WEB_CONCURRENCY",
        ]

    def test_a_database_that_cannot_be_used_is_told_in_one_line(self, start: Start, tmp_path: Path) -> None:
        runner = start(tmp_path / "var", DATABASE_URL="sqlite:////no/such/folder/portal.sqlite3")
        assert runner.exit_code() == 1
        assert runner.output.splitlines()[-1] == (
            "The database (DATABASE_URL) cannot be used: unable to open database file"
        )
        assert "Traceback" not in runner.output
        assert runner.processes() == []


class TestEnding:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_a_signal_ends_everything(self, runner: Runner, number: signal.Signals) -> None:
        runner.process.send_signal(number)
        assert runner.exit_code() == 0
        assert runner.output.endswith("Everything is stopped.\n")
        assert runner.processes() == []

    def test_a_signal_before_it_serves_ends_everything(self, start: Start, var: Path) -> None:
        runner = start(var).wait_for("Preparing")
        runner.interrupt()
        assert runner.exit_code() == 0
        assert runner.processes() == []

    def test_a_terminal_that_is_closed_ends_everything(self, runner: Runner) -> None:
        os.killpg(runner.process.pid, signal.SIGHUP)
        assert runner.exit_code() == 0
        assert runner.processes() == []

    def test_under_nohup_a_terminal_that_is_closed_ends_nothing(self, start: Start, var: Path) -> None:
        runner = start(var, at_hang_up=signal.SIG_IGN).wait_for("The portal runs")
        os.killpg(runner.process.pid, signal.SIGHUP)
        assert runner.serves()
        runner.interrupt()
        assert runner.exit_code() == 0

    def test_a_runner_that_is_killed_leaves_nothing(self, runner: Runner) -> None:
        runner.process.kill()
        runner.process.wait()
        wait_until(lambda: not runner.processes())

    def test_a_runner_that_is_killed_with_its_watchers_leaves_nothing(self, runner: Runner) -> None:
        os.killpg(runner.process.pid, signal.SIGKILL)
        runner.process.wait()
        wait_until(lambda: not runner.processes())

    @pytest.mark.parametrize(
        ("name", "word"),
        [
            ("web", "gunicorn"),
            ("redis", "valkey-server"),
            ("worker", "--concurrency\0002"),
            ("beat", "beat"),
            ("watch", "watch_redis"),
        ],
    )
    def test_a_process_that_is_killed_takes_the_others_along(self, runner: Runner, name: str, word: str) -> None:
        os.kill(runner.processes(word)[0], signal.SIGKILL)
        assert runner.exit_code() == 1
        assert runner.output.splitlines()[-1] == (f"“{name}” was killed by SIGKILL, so everything else was stopped.")
        assert runner.processes() == []

    def test_a_running_task_is_awaited(self, start: Start, var: Path, tmp_path: Path) -> None:
        runner = start(var, **LONG_TASK).wait_for("The portal runs")
        may_end, ended = begin_task(runner, tmp_path)
        runner.interrupt()
        wait_until(lambda: not runner.processes("gunicorn"))
        may_end.touch()
        assert runner.exit_code() == 0
        assert ended.exists()
        assert runner.processes() == []

    def test_a_second_ctrl_c_awaits_no_task(self, start: Start, var: Path, tmp_path: Path) -> None:
        runner = start(var, **LONG_TASK).wait_for("The portal runs")
        _, ended = begin_task(runner, tmp_path)
        runner.interrupt()
        wait_until(lambda: not runner.processes("gunicorn"))
        wait_until(runner.ends_at_ctrl_c, seconds=20)
        assert runner.exit_code() == 0
        assert not ended.exists()
        assert runner.processes() == []
