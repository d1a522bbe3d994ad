"""Every alert by promtool: silent while all is well, and fires after its own time, not before, on what it is for."""

import json
import re

import pytest

from tests.monitoring.prometheus import MONITORING, promtool

ON = 'instance="a"'
K = f'{ON},campaign="k"'
DEFINITION = f'{K},definition="it-unirec abandon-cap campaign"'
# what Prometheus sees of a floor where all is well, every 15 s
WELL = {
    f'up{{job="dialer",{ON}}}': "1x120",
    f"dialer_ami_up{{{ON}}}": "1x120",
    f'dialer_gate_shut{{{ON},reason="store-away"}}': "0x120",
    f'dialer_gate_shut{{{ON},reason="pbx-away"}}': "0x120",
    f'dialer_gate_fail_closed_total{{{ON},reason="ledger-away"}}': "0x120",
    f"dialer_ledger_backlog_events{{{ON}}}": "3x120",
    f"dialer_event_loop_lag_seconds{{{ON}}}": "0.01x120",
    f"dialer_ami_event_lag_seconds{{{ON}}}": "0.01x120",
    f"dialer_pbx_clock_skew_seconds{{{ON}}}": "-0.2x120",
    f"dialer_clock_offset_seconds{{{ON}}}": "0x120",
    f"dialer_config_last_reload_successful{{{ON}}}": "1x120",
    f'dialer_reconcile_discrepancies_total{{{ON},kind="attempt"}}': "0+1x120",
    f'dialer_reconcile_discrepancies_total{{{ON},kind="unknown_leg"}}': "0x120",
    f"dialer_abandon_ratio{{{DEFINITION}}}": "0.01x120",
    f"dialer_abandon_cap_ratio{{{DEFINITION}}}": "0.03x120",
    f"dialer_audit_violations{{{ON}}}": "0x120",
    f"dialer_audit_failures_total{{{ON}}}": "0x120",
    f"dialer_cases_wanted{{{K}}}": "0x120",
    f"dialer_callbacks_due{{{K}}}": "0x120",
    f"dialer_pacing_idle_agents{{{K}}}": "2x120",
    f'dialer_campaign_state{{{K},state="running"}}': "1x120",
    f"dialer_attempts_placed_total{{{K}}}": "0+1x120",
    f'dialer_pacing_limit_info{{{K},limit="hours"}}': "0x120",
    f'dialer_pacing_limit_info{{{K},limit="cases"}}': "0x120",
    f'dialer_pacing_limit_info{{{K},limit="trunk"}}': "0x120",
    f'dialer_trunk_up{{{ON},trunk="t"}}': "1x120",
    f'dialer_trunk_attempts_total{{{ON},trunk="t",result="connected"}}': "0+9x120",
    f'dialer_trunk_attempts_total{{{ON},trunk="t",result="congestion"}}': "0+1x120",
    f'dialer_trunk_attempts_total{{{ON},trunk="t",result="trunk_failure"}}': "0x120",
    f'dialer_caller_id_collapsed{{{K},caller_id="390694801234"}}': "0x120",
    f"dialer_recordings_free_bytes{{{ON}}}": "9e10x120",
    f"dialer_recordings_least_free_bytes{{{ON}}}": "2e9x120",
}
EVERY_SECONDS = 15
SINCE_SECONDS = 360
BEGAN = SINCE_SECONDS // EVERY_SECONDS - 1
"""Samples before it goes wrong."""


def bad(metric, well, after, of=""):
    """The series of this metric, and of these labels, was well, and then it wasn't."""
    (name,) = (name for name in WELL if name.partition("{")[0].removeprefix("dialer_") == metric and of in name)
    return {name: f"{well}x{BEGAN} {after}x120"}


def no_calls():
    return {f"dialer_attempts_placed_total{{{K}}}": f"0+1x{BEGAN} {BEGAN}x120"}


def trunk_fails():
    return {f'dialer_trunk_attempts_total{{{ON},trunk="t",result="trunk_failure"}}': f"0x{BEGAN} 0+20x120"}


# what goes wrong at the same time: the alert, its series, and after how many seconds it is still silent, and fires
WRONG = [
    [
        ("DialerDown", bad("up", 1, 0), 15, 30),
        ("GateFailClosed", bad("gate_shut", 0, 1, "store-away"), 15, 30),
        ("LedgerBacklog", bad("ledger_backlog_events", 3, 501), 15, 30),
        ("EventLoopLag", bad("event_loop_lag_seconds", 0.01, 0.6), 75, 90),
        ("AmiEventLag", bad("ami_event_lag_seconds", 0.01, 1.2), 75, 90),
        ("ClockSkew", bad("pbx_clock_skew_seconds", -0.2, -1.1), 45, 60),
        ("ClockShifted", bad("clock_offset_seconds", 0, -3600), 45, 60),
        ("ConfigReloadFailed", bad("config_last_reload_successful", 1, 0), 45, 60),
        ("CallsNobodyKnows", bad("reconcile_discrepancies_total", 0, 1, "unknown_leg"), -15, 0),
        ("AbandonBudgetNearlySpent", bad("abandon_ratio", 0.0239, 0.0241), 15, 30),
        ("AuditViolation", bad("audit_violations", 0, 1), -15, 0),
        ("AuditFailing", bad("audit_failures_total", 0, 1), -15, 0),
        ("NothingDialsThoughAgentsWait", no_calls(), 390, 420),
        ("TrunkDown", bad("trunk_up", 1, 0), 15, 30),
        ("TrunkFailures", trunk_fails(), 60, 120),
        ("CallerIdCollapsed", bad("caller_id_collapsed", 0, 1), 285, 300),
        ("RecordingDiskLow", bad("recordings_free_bytes", 9e10, 3.9e9), 285, 300),
    ],
    [
        ("AmiDown", bad("ami_up", 1, 0), 0, 15),
        ("AbandonBudgetNearlySpent", bad("abandon_ratio", 0.0239, 0.03), 15, 30),
        ("CallBacksMissed", bad("callbacks_due", 0, 2), 885, 900),
        ("NoDialableCases", bad("pacing_limit_info", 0, 1, "cases"), 585, 600),
        ("RecordingDiskFull", bad("recordings_free_bytes", 9e10, 1.9e9), -15, 0),
    ],
    [
        (
            "GateFailClosed",
            {f'dialer_gate_fail_closed_total{{{ON},reason="ledger-away"}}': f"0x{BEGAN} 1+1x120"},
            15,
            30,
        ),
        ("AbandonCapExceeded", bad("abandon_ratio", 0.03, 0.0301), 15, 30),
    ],
]
# what an alert must keep silent about, though it looks alike
SILENT = [
    [
        ("GateFailClosed", bad("ami_up", 1, 0) | bad("gate_shut", 0, 1, "pbx-away")),  # AmiDown says it
        ("NothingDialsThoughAgentsWait", no_calls() | bad("pacing_limit_info", 0, 1, "hours")),
        ("AbandonCapExceeded", bad("abandon_ratio", 0.01, 0.03)),  # all of it, and not more
        ("CasesCalledTooSeldom", bad("cases_wanted", 0, 5)),  # not for a day
    ],
    [
        ("NothingDialsThoughAgentsWait", no_calls() | bad("pacing_limit_info", 0, 1, "cases")),
        ("AbandonBudgetNearlySpent", bad("abandon_ratio", 0, 0) | bad("abandon_cap_ratio", 0, 0)),
    ],
    [("NothingDialsThoughAgentsWait", no_calls() | bad("campaign_state", 1, 0))],
    [("NothingDialsThoughAgentsWait", no_calls() | bad("pacing_idle_agents", 2, 0))],
]
SILENT_SECONDS = 450
"""Past every `for` of theirs."""


def scenario(changes, checks):
    """One of promtool's tests: `checks` are (seconds after it went wrong, alert, whether it fires)."""
    series = WELL | changes
    return {
        "interval": f"{EVERY_SECONDS}s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})',
                "eval_time": f"{SINCE_SECONDS + seconds}s",
                "exp_samples": [{"labels": "{}", "value": 1}] if fires else [],
            }
            for seconds, alert, fires in checks
        ],
    }


def run(tmp_path, *scenarios, every_seconds=EVERY_SECONDS):
    files = [str(file) for file in sorted((MONITORING / "rules").glob("*.yml"))]
    test = {"rule_files": files, "evaluation_interval": f"{every_seconds}s", "tests": list(scenarios)}
    (tmp_path / "test.json").write_text(json.dumps(test))
    return promtool("test", "rules", tmp_path / "test.json")


def names():
    return re.findall(r"- alert: (\w+)", (MONITORING / "rules/alerts.yml").read_text())


def test_all_is_silent_while_all_is_well(tmp_path):
    well = scenario({}, [])
    well["promql_expr_test"] = [
        {"expr": "count(ALERTS)", "eval_time": f"{minutes}m", "exp_samples": []} for minutes in (1, 20)
    ]
    code, words = run(tmp_path, well)
    assert code == 0, words


def together(wrong):
    return {name: values for _, changes, *_ in wrong for name, values in changes.items()}


def test_each_fires_after_its_time_and_not_before(tmp_path):
    scenarios = [
        scenario(
            together(wrong),
            [check for alert, _, silent, fires in wrong for check in ((silent, alert, False), (fires, alert, True))],
        )
        for wrong in WRONG
    ]
    code, words = run(tmp_path, *scenarios)
    assert code == 0, words


def test_what_looks_alike_is_another_alert_or_none(tmp_path):
    scenarios = [
        scenario(together(silent), [(SILENT_SECONDS, alert, False) for alert, _ in silent]) for silent in SILENT
    ]
    code, words = run(tmp_path, *scenarios)
    assert code == 0, words


def test_what_wants_more_calls_for_a_day_is_told(tmp_path):
    alert, hour = "CasesCalledTooSeldom", 3_600
    wanted = scenario({}, [(23 * hour - SINCE_SECONDS, alert, False), (24 * hour - SINCE_SECONDS, alert, True)])
    wanted |= {"interval": "1h", "input_series": [{"series": f"dialer_cases_wanted{{{K}}}", "values": "5x30"}]}
    code, words = run(tmp_path, wanted, every_seconds=hour)
    assert code == 0, words


def test_a_wrong_expectation_would_be_told(tmp_path):
    code, _ = run(tmp_path, scenario({}, [(0, "AmiDown", True)]))
    assert code != 0


def test_every_alert_is_tested_and_says_what_is_so_and_what_to_do():
    assert set(names()) == {alert for wrong in WRONG for alert, *_ in wrong} | {"CasesCalledTooSeldom"}
    text = (MONITORING / "rules/alerts.yml").read_text()
    for part in text.split("- alert: ")[1:]:
        name = part.split(maxsplit=1)[0]
        assert re.search(r"severity: (critical|warning)", part), name
        assert "summary: " in part, name
        assert "action: " in part, name


@pytest.mark.parametrize("name", names())
def test_the_how_to_has_a_runbook_for_each(name):
    page = (MONITORING.parent / "docs/how-to/monitor.md").read_text()
    assert re.search(rf"^\| `{name}` \|", page, re.MULTILINE)
