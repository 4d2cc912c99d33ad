"""What is deployed beside Berth fits it: its metrics, its settings and its files exist."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from bot.config import AgentSettings, ServeSettings
from tests.architecture.source_tree import REPOSITORY
from tests.support.prometheus import program

DEPLOY = REPOSITORY / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
METRIC = re.compile(r"\b(?:berth_[a-z_]+|DCGM_FI_[A-Z_]+)\b")
OF_HISTOGRAMS = re.compile(r"_(bucket|sum|count)$")


def documented() -> dict[str, str]:
    """Return every metric of docs/metrics.md, which tests compare with the code, and its kind."""
    text = (REPOSITORY / "docs" / "metrics.md").read_text()
    return dict(re.findall(r"^\| `([A-Za-z_]+)` \| (gauge|counter|histogram)", text, re.MULTILINE))


def unknown(expression: str) -> set[str]:
    known = documented()
    wrong = set()
    for name in METRIC.findall(re.sub(r'"[^"]*"', '""', expression)):
        base = OF_HISTOGRAMS.sub("", name)
        if not ((name in known and known[name] != "histogram") or known.get(base) == "histogram"):
            wrong.add(name)
    return wrong


def queries(panels: list[dict[str, Any]]) -> Iterator[str]:
    for panel in panels:
        yield from (target["expr"] for target in panel.get("targets", ()))
        yield from queries(panel.get("panels", []))


def dashboard() -> dict[str, Any]:
    return dict(json.loads((DEPLOY / "grafana/dashboards/berth.json").read_text()))


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((DEPLOY / "compose.yml").read_text()))


def test_every_query_of_the_dashboard_asks_for_metrics_that_exist() -> None:
    asked = list(queries(dashboard()["panels"]))
    asked += [
        one["query"]["query"] for one in dashboard()["templating"]["list"] if one["type"] == "query"
    ]
    assert len(asked) > 20
    assert {query: unknown(query) for query in asked if unknown(query)} == {}


def test_the_panels_of_the_dashboard_stand_side_by_side() -> None:
    places = [panel["gridPos"] for panel in dashboard()["panels"]]
    taken = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24
    assert len({panel["id"] for panel in dashboard()["panels"]}) == len(places)


def test_every_alert_asks_for_metrics_that_exist_and_says_what_to_do() -> None:
    for rule in rules():
        assert unknown(rule["expr"]) == set(), rule["alert"]
        assert rule["labels"]["severity"] in ("info", "warning", "page")
        assert set(rule["annotations"]) == {"summary", "action"}


@pytest.mark.parametrize(
    "check",
    [
        ("check", "rules", "alerts.yml"),
        ("test", "rules", "alerts_test.yml"),
        ("check", "config", "--syntax-only", "prometheus.yml"),
    ],
    ids=" ".join,
)
def test_promtool_agrees(check: tuple[str, ...]) -> None:
    done = subprocess.run(
        [program("promtool"), *check], cwd=PROMETHEUS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_compose_file_names_only_what_is_there() -> None:
    found = compose()
    services = found["services"]
    assert set(services) >= {"berth", "database", "prometheus", "grafana"}
    for name, service in services.items():
        assert re.search(r":[^:/]+$", service["image"]), f"{name}: which release?"
        assert set(service.get("depends_on", ())) <= set(services)
        assert set(service.get("secrets", ())) <= set(found["secrets"])
        for mount in service.get("volumes", ()):
            source = mount.split(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).exists(), mount
            else:
                assert source in found["volumes"], mount
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), "nothing is open to the network by itself"


def test_settings_that_are_deployed_exist() -> None:
    known = {
        f"{kind.model_config.get('env_prefix', '')}{name}".upper()
        for kind in (ServeSettings, AgentSettings)
        for name in kind.model_fields
    }
    for name in ("compose.yml", "Dockerfile"):
        named = set(re.findall(r"\bBERTH_[A-Z0-9_]*[A-Z0-9]\b", (DEPLOY / name).read_text()))
        assert named <= known, name


def test_the_image_copies_files_that_exist() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    sources = [word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]]
    assert sources
    assert [one for one in sources if not list(REPOSITORY.glob(one))] == []
