"""The first step of `make run`, on a small tree of its own: nothing is fetched from anywhere."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from portal.runner import bootstrap

SCRIPT = Path(bootstrap.__file__)


def test_python_3_6_can_read_the_script() -> None:
    ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 6))


def test_a_python_that_is_too_old_is_told_what_is_needed() -> None:
    assert bootstrap.refusal_of((3, 9)) == (
        "Python 3.11 or newer is needed; this is Python 3.9. Name another one: make run PYTHON=python3.11"
    )


@pytest.mark.parametrize("version", [(3, 11), (3, 14), (4, 0)])
def test_a_python_that_is_new_enough_is_not_refused(version: tuple[int, int]) -> None:
    assert bootstrap.refusal_of(version) == ""


def test_the_stamp_of_a_file_changes_with_the_files_that_it_includes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "PROJECT", tmp_path)
    (tmp_path / "constraints.txt").touch()
    (tmp_path / "all.txt").write_text("-r base.txt\n")
    (tmp_path / "base.txt").write_text("one==1\n")
    before = bootstrap.digest_of("all.txt")
    (tmp_path / "base.txt").write_text("one==2\n")
    assert bootstrap.digest_of("all.txt") != before


@pytest.mark.parametrize(
    ("environment", "env_file", "url"),
    [
        ("", "", ""),
        ("", "export DATABASE_URL = 'mysql://here'\n", "mysql://here"),
        ("", "DATABASE_URL=mysql://here\n", "mysql://here"),
        ("sqlite:////there", "DATABASE_URL=mysql://here\n", "sqlite:////there"),
        ("", "# DATABASE_URL=mysql://here\n", ""),
    ],
)
def test_the_database_is_found_in_the_environment_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: str, env_file: str, url: str
) -> None:
    monkeypatch.setattr(bootstrap, "PROJECT", tmp_path)
    monkeypatch.setenv("DATABASE_URL", environment)
    (tmp_path / ".env").write_text(env_file)
    assert bootstrap.database_url() == url


def test_the_driver_is_pinned_in_the_requirements() -> None:
    assert bootstrap.driver_pin().startswith("mysqlclient==")


def test_a_python_without_venv_is_told_the_package_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    useless = tmp_path / "python"
    useless.write_text("#!/bin/sh\nexit 1\n")
    useless.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(useless))
    with pytest.raises(bootstrap.CannotInstall, match="sudo apt install python3-venv"):
        bootstrap.Venv(tmp_path / "venv").ensure()


def start(tree: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script as `make run` does, without any package index."""
    return subprocess.run(
        [sys.executable, tree / "portal/runner/bootstrap.py", *arguments],
        env={
            "PATH": os.environ["PATH"],
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small project that was started once: nothing to install but a driver that cannot be had."""
    folder = tmp_path_factory.mktemp("project")
    runner = folder / "portal" / "runner"
    runner.mkdir(parents=True)
    shutil.copy(SCRIPT, runner)
    (runner / "__init__.py").touch()
    (runner / "__main__.py").write_text("print('The portal runs')\n")
    (folder / "constraints.txt").touch()
    (folder / "requirements-base.txt").touch()
    (folder / "requirements.txt").write_text("-r requirements-base.txt\nmysqlclient==0.0.1\n")
    (folder / "first output").write_text(start(folder).stdout)
    return folder


@pytest.fixture
def tree(installed: Path, tmp_path: Path) -> Path:
    """A copy of it, for one test alone."""
    return shutil.copytree(installed, tmp_path / "tree", symlinks=True)


@pytest.mark.slow
@pytest.mark.xdist_group("bootstrap")
class TestInstalling:
    def test_the_first_start_installs_and_goes_on_without_the_driver(self, tree: Path) -> None:
        assert (tree / "first output").read_text().splitlines() == [
            "Making the virtual environment .venv",
            "Installing requirements-base.txt; the first time takes about half a minute",
            "Building mysqlclient, the driver for MariaDB and MySQL",
            "mysqlclient cannot be built: MariaDB needs the Debian packages "
            "default-libmysqlclient-dev pkg-config gcc python3-dev; SQLite works without",
            "The portal runs",
        ]

    def test_the_second_start_installs_nothing(self, tree: Path) -> None:
        assert start(tree).stdout == "The portal runs\n"

    def test_the_driver_is_tried_again_when_the_database_needs_it(self, tree: Path) -> None:
        again = start(tree, DATABASE_URL="mysql://user:password@host/name")
        assert again.stdout.startswith("Building mysqlclient")

    def test_changed_requirements_are_installed(self, tree: Path) -> None:
        (tree / "requirements-base.txt").write_text("# changed\n")
        assert start(tree).stdout.startswith("Installing requirements-base.txt")

    def test_an_environment_without_its_python_is_made_anew(self, tree: Path) -> None:
        (tree / ".venv/bin/python").unlink()
        assert start(tree).stdout.startswith("Making the virtual environment .venv")

    def test_an_environment_that_pip_left_half_done_is_made_anew(self, tree: Path) -> None:
        (tree / ".venv/installing").touch()
        assert start(tree).stdout.startswith("Making the virtual environment .venv")

    def test_a_driver_that_cannot_be_built_is_an_error_where_all_is_asked_for(self, tree: Path) -> None:
        refused = start(tree, "--only-install", "--requirements", "requirements.txt")
        assert refused.returncode == 1
        assert len(refused.stderr.splitlines()) == 1
        assert "mysqlclient needs the Debian packages" in refused.stderr

    def test_a_package_that_cannot_be_had_is_told_in_one_line(self, tree: Path) -> None:
        (tree / "requirements-base.txt").write_text("no-such-package==1\n")
        refused = start(tree)
        assert refused.returncode == 1
        assert refused.stderr == (
            "The packages cannot be installed: No matching distribution found for "
            "no-such-package==1. The whole log: .venv/install.log\n"
        )
        assert "no-such-package" in (tree / ".venv/install.log").read_text()

    def test_a_requirements_file_that_is_missing_is_named(self, tree: Path) -> None:
        refused = start(tree, "--only-install", "--requirements", "none.txt")
        assert refused.stderr == f"There is no none.txt in {tree}\n"
