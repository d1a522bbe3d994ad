"""The boards: kept in step with their code, and every expression is one that Prometheus takes, over metrics that exist."""

import json
import re
import sys

import pytest

from tests.monitoring.house import collector
from tests.monitoring.prometheus import MONITORING, promtool

sys.path.insert(0, str(MONITORING))
import dashboards

SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "info": ("_info",), "gauge": ("",)}
OF_PROMETHEUS = {"up", "ALERTS"}
NAME = re.compile(r"\b(?:[a-z_]+:)?dialer_[a-z_]+(?::[a-z0-9_]+)?\b|\bup\b|\bALERTS\b")


def expressions():
    """Every panel's, as Grafana asks it with all campaigns chosen."""
    for file in sorted((MONITORING / "grafana").glob("*.json")):
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel["targets"]:
                yield f"{file.stem}: {panel['title']}", plain(target["expr"])


def plain(expression):
    return expression.replace("$__rate_interval", "1m").replace("$campaign", ".*")


def rules():
    """The name of each recording rule or alert, with its expression."""
    for file in sorted((MONITORING / "rules").glob("*.yml")):
        pattern = r"- (?:record|alert): (\S+)\n\s+expr: (?:\|\n((?:\s{10}.*\n)+)|(.*)\n)"
        for name, block, line in re.findall(pattern, file.read_text()):
            yield name, block or line


def known():
    exported = {family.name + suffix for family in collector().collect() for suffix in SUFFIXES[family.type]}
    return exported | {name for name, _ in rules()} | OF_PROMETHEUS


def test_the_boards_are_what_the_code_says():
    written = {file.name: file.read_text() for file in (MONITORING / "grafana").glob("*.json")}
    assert written == dashboards.boards(), "a board is stale: run make docs"


def test_every_name_in_a_panel_or_a_rule_exists():
    for title, expression in (*expressions(), *rules()):
        names = set(NAME.findall(expression))
        assert names, title
        assert names <= known(), f"{title}: {names - known()}"


def test_every_rule_of_the_files_was_read():
    text = "".join(file.read_text() for file in (MONITORING / "rules").glob("*.yml"))
    assert len(list(rules())) == len(re.findall(r"^ +- (?:record|alert):", text, re.MULTILINE)) > 20


def check(tmp_path, expressions):
    """promtool's word on expressions, each as a recording rule."""
    lines = [{"record": f"panel:{number}", "expr": expression} for number, expression in enumerate(expressions)]
    (tmp_path / "panels.json").write_text(json.dumps({"groups": [{"name": "panels", "rules": lines}]}))
    return promtool("check", "rules", tmp_path / "panels.json")


def test_prometheus_takes_every_expression(tmp_path):
    every = [expression for _, expression in expressions()]
    assert len(every) > 60
    code, words = check(tmp_path, every)
    assert code == 0, words
    assert f"{len(every)} rules found" in words


def test_a_missing_parenthesis_would_be_found(tmp_path):
    assert check(tmp_path, ["sum(rate(dialer_attempts_total[1m])"])[0] != 0


@pytest.mark.parametrize("file", ["rules/alerts.yml", "rules/recording.yml"])
def test_the_rules_are_ones_that_prometheus_takes(file):
    code, words = promtool("check", "rules", "--lint=all", "--lint-fatal", MONITORING / file)
    assert code == 0, words


def test_the_sample_is_a_configuration():
    code, words = promtool("check", "config", MONITORING / "prometheus.yml")
    assert code == 0, words


def test_the_how_tos_commands_work(monkeypatch):
    page = (MONITORING.parent / "docs/how-to/monitor.md").read_text()
    (commands,) = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(MONITORING.parent)
    for line in commands.splitlines():
        program, *arguments = line.split()
        assert program == "promtool"
        code, words = promtool(*arguments)
        assert code == 0, words
