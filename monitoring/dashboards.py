"""Writes monitoring/grafana from the code: `make docs`. A test fails while a board is stale.

A panel is a line here: its title is the question that it answers. Where nothing happened its figure is 0, not absent.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "grafana"
SOURCE = {"type": "prometheus", "uid": "${source}"}
WIDTH, COLUMNS, HEIGHT = 8, 3, 8
"""Of a panel, in Grafana's 24 columns and in rows."""
C = 'campaign=~"$campaign"'
RATE = "$__rate_interval"


@dataclass(frozen=True, slots=True)
class Panel:
    """title: the question. queries: a legend and an expression each. unit: Grafana's word for it. low, high: where it
    turns red, below or above.
    """

    title: str
    unit: str
    queries: Sequence[tuple[str, str]]
    kind: str = "timeseries"
    stacked: bool = False
    low: float | None = None
    high: float | None = None


def per_second(name: str, by: str, match: str = C) -> str:
    return f"sum by ({by}) (rate({name}{{{match}}}[{RATE}]))"


def quantile(rank: float, name: str, by: str, match: str = C) -> str:
    """Over what was counted within the rate's interval; 0 where nothing was."""
    buckets = f"histogram_quantile({rank}, sum by ({by}, le) (rate({name}_bucket{{{match}}}[{RATE}])))"
    return f"({buckets} >= 0) or 0 * sum by ({by}) (rate({name}_count{{{match}}}[{RATE}]))"


FLOOR = (
    Panel("What are the agents doing?", "short", [("{{state}}", "sum by (state) (dialer_agents)")], stacked=True),
    Panel(
        "How busy are they?",
        "percentunit",
        [("{{instance}}", "instance:dialer_agents_busy:ratio")],
    ),
    Panel(
        "How long do they wait for a call? (half of them, 95 %)",
        "s",
        [
            ("{{campaign}} half", quantile(0.5, "dialer_agent_wait_seconds", "campaign")),
            ("{{campaign}} 95 %", quantile(0.95, "dialer_agent_wait_seconds", "campaign")),
        ],
    ),
    Panel(
        "Which calls are under way?",
        "short",
        [("{{state}}", f"sum by (state) (dialer_calls_in_flight{{{C}}})")],
        stacked=True,
    ),
    Panel(
        "How many are placed, answered, put through?",
        "callpm",
        [
            (f"{{{{campaign}}}} {word}", f"60 * {per_second(name, 'campaign')}")
            for word, name in (
                ("placed", "dialer_attempts_placed_total"),
                ("answered", "dialer_calls_answered_total"),
                ("put through", "dialer_calls_bridged_total"),
            )
        ],
    ),
    Panel(
        "What share is answered? (15 minutes)",
        "percentunit",
        [("{{campaign}}", f"campaign:dialer_calls_answered:ratio15m{{{C}}}")],
    ),
    Panel(
        "What becomes of the calls?",
        "callpm",
        [("{{result}}", f"60 * {per_second('dialer_attempts_total', 'result')}")],
        stacked=True,
    ),
    Panel(
        "What do agents say that they were?",
        "callpm",
        [("{{outcome}}", f"60 * {per_second('dialer_outcomes_total', 'outcome')}")],
        stacked=True,
    ),
    Panel(
        "What limits dialling now?",
        "bool",
        [("{{campaign}} {{limit}}", f"max by (campaign, limit) (dialer_pacing_limit_info{{{C}}})")],
        kind="state-timeline",
    ),
    Panel(
        "How many calls does pacing decide on, and want?",
        "short",
        [
            ("{{campaign}} planned", f"sum by (campaign) (dialer_pacing_planned_calls{{{C}}})"),
            ("{{campaign}} wanted", f"sum by (campaign) (dialer_pacing_wanted_calls{{{C}}})"),
            ("{{campaign}} free agents", f"sum by (campaign) (dialer_pacing_idle_agents{{{C}}})"),
        ],
    ),
    Panel(
        "Are there cases to dial?",
        "short",
        [
            ("{{campaign}} read ahead", f"sum by (campaign) (dialer_dialable_cases{{{C}}})"),
            ("{{campaign}} called too seldom", f"sum by (campaign) (dialer_cases_wanted{{{C}}})"),
            ("{{campaign}} promised a call by now", f"sum by (campaign) (dialer_callbacks_due{{{C}}})"),
        ],
    ),
    Panel(
        "Who rings us, and how long do they wait? (95 %)",
        "s",
        [
            ("{{campaign}} wait", quantile(0.95, "dialer_inbound_wait_seconds", "campaign")),
            (
                "{{result}} a minute",
                f"60 * {per_second('dialer_inbound_calls_total', 'result')}",
            ),
        ],
    ),
    Panel(
        "How do transfers end? (an hour)",
        "short",
        [("{{kind}} {{result}}", f"sum by (kind, result) (increase(dialer_transfers_total{{{C}}}[1h]))")],
        kind="bargauge",
    ),
    Panel(
        "What became of promises? (a day)",
        "short",
        [("{{result}}", "sum by (result) (increase(dialer_promises_total[1d]))")],
        kind="bargauge",
    ),
)
COMPLIANCE = (
    Panel(
        "How many calls are abandoned, by each law's own count?",
        "percentunit",
        [
            ("{{campaign}} {{definition}}", f"max by (campaign, definition) (dialer_abandon_ratio{{{C}}})"),
            (
                "{{campaign}} {{definition}} allows",
                f"max by (campaign, definition) (dialer_abandon_cap_ratio{{{C}}})",
            ),
        ],
    ),
    Panel(
        "How much of that is spent?",
        "percentunit",
        [("{{campaign}} {{definition}}", f"campaign_definition:dialer_abandon_budget:spent_ratio{{{C}}}")],
        kind="bargauge",
        high=0.8,
    ),
    Panel(
        "How many may still be abandoned?",
        "short",
        [("{{campaign}}", f"min by (campaign) (dialer_abandon_budget_remaining_calls{{{C}}})")],
    ),
    Panel(
        "What risk does the last call placed run, and what is accepted?",
        "percentunit",
        [
            ("{{campaign}}", f"max by (campaign) (dialer_pacing_abandon_probability{{{C}}})"),
            ("{{campaign}} accepted", f"max by (campaign) (dialer_pacing_abandon_probability_limit{{{C}}})"),
        ],
    ),
    Panel(
        "How soon does who answers hear an agent? (half, 95 %, 99 %)",
        "s",
        [
            (f"{{{{campaign}}}} {word}", quantile(rank, "dialer_answer_to_agent_seconds", "campaign"))
            for word, rank in (("half", 0.5), ("95 %", 0.95), ("99 %", 0.99))
        ],
    ),
    Panel(
        "How many were abandoned? (15 minutes)",
        "percentunit",
        [("{{campaign}}", f"campaign:dialer_calls_abandoned:ratio15m{{{C}}}")],
    ),
    Panel(
        "Why does the gate refuse?",
        "cpm",
        [("{{reason}}", f"60 * {per_second('dialer_attempts_blocked_total', 'reason')}")],
        stacked=True,
    ),
    Panel(
        "What does the gate lack?",
        "bool",
        [("{{instance}} {{reason}}", "max by (instance, reason) (dialer_gate_shut)")],
        kind="state-timeline",
        high=1,
    ),
    Panel(
        "How many calls did it refuse to be safe? (an hour)",
        "short",
        [("{{instance}} {{reason}}", "sum by (instance, reason) (increase(dialer_gate_fail_closed_total[1h]))")],
    ),
    Panel(
        "Were rules broken, by the recount?",
        "short",
        [("{{instance}}", "max by (instance) (dialer_audit_violations)")],
        kind="stat",
        high=1,
    ),
    Panel(
        "How many calls did it judge, and how often could it not?",
        "short",
        [
            ("{{instance}} judged", "max by (instance) (dialer_audit_attempts)"),
            ("{{instance}} not made (a day)", "sum by (instance) (increase(dialer_audit_failures_total[1d]))"),
        ],
        kind="stat",
    ),
    Panel(
        "When was the last one? (by the engine's clock)",
        "dateTimeAsIso",
        [("{{instance}}", "1000 * max by (instance) (dialer_audit_finished_timestamp_seconds)")],
        kind="stat",
    ),
    Panel(
        "Which cases are called less often than the packs want?",
        "short",
        [("{{campaign}}", f"sum by (campaign) (dialer_cases_wanted{{{C}}})")],
    ),
)
TRUNKS = (
    Panel(
        "Which trunks are well?",
        "bool",
        [("{{instance}} {{trunk}}", "min by (instance, trunk) (dialer_trunk_up)")],
        kind="state-timeline",
        low=1,
    ),
    Panel(
        "How full are they?",
        "percentunit",
        [
            (
                "{{instance}} {{trunk}}",
                "sum by (instance, trunk) (dialer_trunk_calls_in_flight) / sum by (instance, trunk) (dialer_trunk_channels)",
            )
        ],
        high=0.9,
    ),
    Panel(
        "What share of their calls fails? (5 minutes)",
        "percentunit",
        [("{{trunk}}", "trunk:dialer_trunk_attempts_failed:ratio5m")],
        high=0.2,
    ),
    Panel(
        "What becomes of their calls?",
        "callpm",
        [("{{trunk}} {{result}}", f"60 * {per_second('dialer_trunk_attempts_total', 'trunk, result', '')}")],
        stacked=True,
    ),
    Panel(
        "How long does it ring? (half, 95 %)",
        "s",
        [
            (f"{{{{campaign}}}} {word}", quantile(rank, "dialer_ring_seconds", "campaign"))
            for word, rank in (("half", 0.5), ("95 %", 0.95))
        ],
    ),
    Panel(
        "How often is each caller id answered?",
        "percentunit",
        [("{{campaign}} {{caller_id}}", f"avg by (campaign, caller_id) (dialer_caller_id_answer_ratio{{{C}}})")],
    ),
    Panel(
        "Has one collapsed, and on how many calls does that rest?",
        "short",
        [
            ("{{campaign}} {{caller_id}}", f"max by (campaign, caller_id) (dialer_caller_id_collapsed{{{C}}})"),
            (
                "{{campaign}} {{caller_id}} calls",
                f"sum by (campaign, caller_id) (dialer_caller_id_answer_ratio_calls{{{C}}})",
            ),
        ],
    ),
    Panel(
        "Is Asterisk there?",
        "bool",
        [("{{instance}}", "min by (instance) (dialer_ami_up)")],
        kind="state-timeline",
        low=1,
    ),
    Panel(
        "How often was it lost, what was mended, what couldn't be read? (an hour)",
        "short",
        [
            ("{{instance}} connected again", "sum by (instance) (increase(dialer_ami_reconnects_total[1h]))"),
            ("{{instance}} unreadable", "sum by (instance) (increase(dialer_ami_malformed_total[1h]))"),
            (
                "{{instance}} {{kind}}",
                "sum by (instance, kind) (increase(dialer_reconcile_discrepancies_total[1h]))",
            ),
            (
                "{{state}} {{signal}}",
                "topk(5, sum by (state, signal) (increase(dialer_signals_ignored_total[1h])))",
            ),
        ],
    ),
    Panel(
        "How soon does it answer? (99 %)",
        "s",
        [("{{action}}", quantile(0.99, "dialer_ami_request_seconds", "action", ""))],
        high=1,
    ),
    Panel(
        "How quick is it, as pacing sees it?",
        "s",
        [
            ("{{instance}} to accept a call", "max by (instance) (dialer_ami_acknowledgement_seconds)"),
            ("{{instance}} events", "max by (instance) (dialer_ami_event_lag_seconds)"),
        ],
        high=0.5,
    ),
    Panel(
        "How far is its clock from ours?",
        "s",
        [("{{instance}}", "max by (instance) (dialer_pbx_clock_skew_seconds)")],
    ),
)
HEALTH = (
    Panel("Which daemons answer?", "bool", [("{{instance}}", 'up{job="dialer"}')], kind="state-timeline", low=1),
    Panel(
        "Which may dial?",
        "bool",
        [("{{instance}}", "min by (instance) (dialer_ready)")],
        kind="state-timeline",
        low=1,
    ),
    Panel(
        "Which version runs?",
        "short",
        [("{{instance}} {{version}}", "max by (instance, version) (dialer_build_info)")],
        kind="stat",
    ),
    Panel(
        "How late do ticks begin?",
        "s",
        [("{{instance}}", "max by (instance) (max_over_time(dialer_event_loop_lag_seconds[1m]))")],
        high=0.25,
    ),
    Panel(
        "How long does the gate take? (half, 99 %)",
        "s",
        [
            (f"{{{{instance}}}} {word}", quantile(rank, "dialer_gate_decision_seconds", "instance", ""))
            for word, rank in (("half", 0.5), ("99 %", 0.99))
        ],
    ),
    Panel(
        "How long does a commit take? (half, 99 %)",
        "s",
        [
            (f"{{{{instance}}}} {word}", quantile(rank, "dialer_ledger_commit_seconds", "instance", ""))
            for word, rank in (("half", 0.5), ("99 %", 0.99))
        ],
    ),
    Panel(
        "What waits for the disk?",
        "short",
        [("{{instance}}", "max by (instance) (dialer_ledger_backlog_events)")],
        high=500,
    ),
    Panel(
        "Is there room for recordings?",
        "bytes",
        [
            ("{{instance}} free", "min by (instance) (dialer_recordings_free_bytes)"),
            ("{{instance}} least", "max by (instance) (dialer_recordings_least_free_bytes)"),
        ],
    ),
    Panel(
        "Is the configuration in force the file's?",
        "bool",
        [("{{instance}}", "min by (instance) (dialer_config_last_reload_successful)")],
        kind="state-timeline",
        low=1,
    ),
    Panel(
        "How often was it to be taken up anew? (an hour)",
        "short",
        [("{{instance}} {{result}}", "sum by (instance, result) (increase(dialer_config_reloads_total[1h]))")],
    ),
    Panel(
        "Is a clock shifted?",
        "s",
        [("{{instance}}", "max by (instance) (dialer_clock_offset_seconds)")],
        kind="stat",
    ),
    Panel(
        "What are the campaigns?",
        "bool",
        [("{{campaign}} {{state}}", f"max by (campaign, state) (dialer_campaign_state{{{C}}})")],
        kind="state-timeline",
    ),
    Panel(
        "What is alarmed? (0: nothing)",
        "short",
        [("{{alertname}}", 'count by (alertname) (ALERTS{alertstate="firing"}) or vector(0)')],
        kind="stat",
        high=1,
    ),
)
BOARDS = {
    "floor": ("Dialer: floor", FLOOR),
    "compliance": ("Dialer: compliance", COMPLIANCE),
    "trunks-and-ami": ("Dialer: trunks and AMI", TRUNKS),
    "service-health": ("Dialer: service health", HEALTH),
}


def boards() -> dict[str, str]:
    """Every board as Grafana imports it, by its file's name."""
    return {
        f"{name}.json": json.dumps(_board(name, title, panels), indent=1) + "\n"
        for name, (title, panels) in BOARDS.items()
    }


def _board(name: str, title: str, panels: Sequence[Panel]) -> dict[str, Any]:
    return {
        "uid": f"dialer-{name}",
        "title": title,
        "tags": ["dialer"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "5s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [_source(), _campaign()]},
        "links": [{"type": "dashboards", "tags": ["dialer"], "title": "Dialer", "asDropdown": True, "keepTime": True}],
        "panels": [_panel(index, panel) for index, panel in enumerate(panels)],
    }


def _source() -> dict[str, Any]:
    return {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def _campaign() -> dict[str, Any]:
    query = "label_values(dialer_campaign_state, campaign)"
    return {
        "name": "campaign", "label": "campaign", "type": "query", "datasource": SOURCE, "definition": query,
        "query": {"query": query, "refId": "campaign"}, "refresh": 2, "multi": True, "includeAll": True,
        "allValue": ".*", "current": {"text": "All", "value": "$__all"},
    }  # fmt: skip


def _panel(index: int, panel: Panel) -> dict[str, Any]:
    custom: dict[str, Any] = {}
    if panel.kind == "timeseries":
        custom = {
            "fillOpacity": 25 if panel.stacked else 0,
            "stacking": {"mode": "normal" if panel.stacked else "none"},
        }
    return {
        "id": index + 1,
        "type": panel.kind,
        "title": panel.title,
        "datasource": SOURCE,
        "gridPos": {
            "h": HEIGHT, "w": WIDTH, "x": index % COLUMNS * WIDTH, "y": index // COLUMNS * HEIGHT,
        },
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "custom": custom, "thresholds": _thresholds(panel)},
            "overrides": [],
        },
        "targets": [
            {"refId": chr(ord("A") + number), "datasource": SOURCE, "expr": expression, "legendFormat": legend}
            for number, (legend, expression) in enumerate(panel.queries)
        ],
    }  # fmt: skip


def _thresholds(panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.high is not None:
        steps.append({"color": "red", "value": panel.high})
    if panel.low is not None:
        steps = [{"color": "red", "value": None}, {"color": "green", "value": panel.low}]
    return {"mode": "absolute", "steps": steps}


def main() -> None:
    for name, text in boards().items():
        (FOLDER / name).write_text(text)
    sys.stdout.write(f"wrote {len(BOARDS)} boards to {FOLDER}\n")


if __name__ == "__main__":
    main()
