import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal import environment
from portal.environment import Environment, whole_number

NAME = "PORTAL_TEST_VARIABLE"
PARSERS: list[Callable[[str], Any]] = [
    environment.boolean,
    whole_number(least=1, most=65535),
    environment.listing,
    environment.networks,
    environment.bind_host,
    environment.host_names,
    environment.web_address,
    environment.web_origins,
    environment.any_url,
    environment.any_urls,
    environment.mail_address,
    environment.mail_addresses,
    environment.time_zone,
    environment.folder,
    environment.long_secret,
    environment.age_recipient,
    environment.database,
    environment.mail_url,
    environment.storage,
    environment.storage_url,
]


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Begin and end without the variable, which an `.env` file of a test may set."""
    monkeypatch.setenv(NAME, "")
    del os.environ[NAME]
    yield
    os.environ.pop(NAME, None)


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    return tmp_path / ".env"


def port(variables: Environment) -> int:
    return variables.read(NAME, parse=whole_number(least=1, most=65535), default=8000, takes="a port")


def test_a_variable_that_is_not_set_has_its_default(env_file: Path) -> None:
    assert port(Environment(env_file)) == 8000


def test_a_variable_is_read_from_the_environment(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, " 8001 ")
    assert port(Environment(env_file)) == 8001


@pytest.mark.parametrize(
    "line", [f"{NAME}=8002", f'{NAME}="8002"', f"export {NAME}=8002", f"# a port\n\n{NAME}=8002\n"]
)
def test_a_variable_is_read_from_the_file(env_file: Path, line: str) -> None:
    env_file.write_text(line)
    assert port(Environment(env_file)) == 8002


def test_the_environment_goes_before_the_file(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env_file.write_text(f"{NAME}=8002")
    monkeypatch.setenv(NAME, "8001")
    assert port(Environment(env_file)) == 8001


@pytest.mark.parametrize(
    "content", [b"\xff\xfeP\x00O\x00", f"{NAME}=k\u00e4se".encode("latin-1"), f"{NAME}=\0".encode()]
)
def test_a_file_that_is_no_text_is_told_like_a_wrong_variable(env_file: Path, content: bytes) -> None:
    env_file.write_bytes(content)
    (problem,) = Environment(env_file).problems
    assert str(problem) == ".env: “its text” cannot be used. It takes lines of NAME=value in UTF-8."


def test_a_wrong_value_leaves_the_default_and_a_problem(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "http")
    variables = Environment(env_file)
    assert port(variables) == 8000
    assert list(map(str, variables.problems)) == [f"{NAME}: “http” cannot be used. It takes a port."]


def test_every_wrong_value_is_told(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "http")
    variables = Environment(env_file)
    port(variables)
    variables.refuse("OTHER", takes="a name")
    assert [problem.variable for problem in variables.problems] == [NAME, "OTHER"]


def test_what_is_needed_and_missing_is_told_as_not_set(env_file: Path) -> None:
    variables = Environment(env_file)
    variables.refuse(NAME, takes="a name")
    assert list(map(str, variables.problems)) == [f"{NAME} is not set. It takes a name."]


@pytest.mark.parametrize(
    "name", ["SECRET_KEY", "LIMITS_HASH_KEY", "DATABASE_URL", "ALERT_URLS", "METRICS_TOKEN", "BACKUP_RECIPIENT"]
)
def test_what_may_be_secret_is_not_repeated(name: str) -> None:
    assert "hunter2" not in str(environment.Problem(name, "hunter2", "something else"))


def test_a_long_value_is_told_by_its_beginning() -> None:
    assert len(str(environment.Problem("PORT", "9" * 5_000, "a port"))) < 200


@pytest.mark.parametrize("value", ["\x00", "\udcff", "a" * 100_000, "\n", "://", "[", "%", "@", "-", "{}", "\u202e"])
@pytest.mark.parametrize("parse", PARSERS, ids=lambda parse: parse.__qualname__)
def test_odd_values_are_taken_or_refused(
    parse: Callable[[str], Any], value: str, env_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As the process would find it; the system itself lets no NUL in.
    monkeypatch.setattr(os, "environ", {NAME: value})
    Environment(env_file).read(NAME, parse=parse, default=None, takes="something")


@given(
    parse=st.sampled_from(PARSERS),
    value=st.text()
    | st.from_regex(
        r"(https?|mysql|sqlite|smtps?|filemail|consolemail|s3|gs|azure|sftp|file)://[ -~]*", fullmatch=True
    ),
)
def test_any_value_is_taken_or_refused(parse: Callable[[str], Any], value: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "environ", {NAME: value})
        Environment(Path("/nonexistent")).read(NAME, parse=parse, default=None, takes="something")


@pytest.mark.parametrize(("value", "number"), [("1", 1), ("010", 10), ("65535", 65535)])
def test_whole_numbers_within_their_bounds_are_taken(value: str, number: int) -> None:
    assert whole_number(least=1, most=65535)(value) == number


def test_an_sqlite_file_may_be_written_by_several_processes_at_once(tmp_path: Path) -> None:
    database = environment.database(f"sqlite:///{tmp_path}/portal.sqlite3")
    assert database == environment.sqlite(tmp_path / "portal.sqlite3")
    assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in database["OPTIONS"]["init_command"]
    assert database["OPTIONS"]["timeout"] >= 20


def test_options_of_a_database_can_be_set_in_its_url() -> None:
    database = environment.database("mysql:///portal?unix_socket=/run/mysqld.sock")
    assert database["OPTIONS"]["unix_socket"] == "/run/mysqld.sock"
    assert database["OPTIONS"]["charset"] == "utf8mb4"


def options(url: str) -> dict[str, Any]:
    taken: dict[str, Any] = environment.storage(url)["OPTIONS"]
    return taken


def test_a_bucket_has_a_folder_and_may_be_elsewhere_than_at_amazon() -> None:
    assert options("s3://bucket") == {"bucket_name": "bucket", "location": ""}
    assert options("s3://bucket/a/b/?endpoint_url=http://minio:9000&region_name=eu-west-1") == {
        "bucket_name": "bucket",
        "location": "a/b",
        "endpoint_url": "http://minio:9000",
        "region_name": "eu-west-1",
    }


def test_storages_replace_a_file_of_the_same_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", "AccountName=backups")
    assert options("gs://bucket/redis")["file_overwrite"]
    azure = options("azure://container/redis")
    assert azure["overwrite_files"]
    assert azure["connection_string"] == "AccountName=backups"


def test_files_over_sftp_are_private() -> None:
    taken = options("sftp://jane@host:2222/srv/backups")
    assert (taken["host"], taken["params"]) == ("host", {"username": "jane", "port": 2222})
    assert (taken["root_path"], taken["file_mode"], taken["dir_mode"]) == ("/srv/backups", 0o600, 0o700)
