"""A real Prometheus for tests, on loopback, and what it is asked."""

import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.servers import Server, free_port, wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "docs" / "monitoring"
PAGE = ROOT / "docs" / "monitoring.md"
RULES = FOLDER / "alerts.yml"


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A process that scrapes, and the address of its API."""

    server: Server

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series that an expression comes to now; fail with Prometheus' own words."""
        result: list[dict[str, Any]] = self._get("query", query=expression)["result"]
        return result

    def rules(self) -> list[dict[str, Any]]:
        """Return all rules, with their health and state."""
        return [rule for group in self._get("rules")["groups"] for rule in group["rules"]]

    def firing(self) -> set[str]:
        """Return the names of rules that fire."""
        return {rule["name"] for rule in self.rules() if rule["state"] == "firing"}

    def _get(self, what: str, **parameters: str) -> dict[str, Any]:
        url = f"{self.server.url}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url) as response:
                data: dict[str, Any] = json.load(response)["data"]
                return data
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from None


def configuration() -> dict[str, Any]:
    """Return the configuration that the page for operators shows."""
    _, _, rest = PAGE.read_text().partition("```yaml\n")
    shown: dict[str, Any] = yaml.safe_load(rest.partition("```")[0])
    return shown


def start_prometheus(folder: Path, *, target: str, token: str = "") -> Prometheus:
    """Start a Prometheus as the page for operators has it, but every second, and at a target of loopback."""
    config = configuration()
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(RULES)]
    (job,) = config["scrape_configs"]
    (folder / job["authorization"]["credentials_file"]).write_text(token)
    job |= {"scheme": "http", "static_configs": [{"targets": [target]}]}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    command = ["prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen([*command, f"--web.listen-address={address}"], stdout=log, stderr=log)
    server = Server(process, f"http://{address}")
    wait_until(lambda: _is_ready(server), what="prometheus")
    return Prometheus(server)


def _is_ready(server: Server) -> bool:
    assert server.process.poll() is None, "prometheus has ended"
    try:
        with urllib.request.urlopen(f"{server.url}/-/ready") as response:
            return bool(response.status == 200)
    except OSError:
        return False
