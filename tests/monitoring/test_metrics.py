"""What Prometheus' own tool says of the metrics, and what the registry promises."""

from dialer.compliance.reasons import Reason
from tests.monitoring.house import collector, exposition
from tests.monitoring.prometheus import promtool


async def test_promtool_finds_nothing_to_say():
    assert promtool("check", "metrics", given=await exposition()) == (0, "")


def test_promtool_would_say_it():
    code, words = promtool(
        "check", "metrics", given=b"# HELP dialer_wait_ms x\n# TYPE dialer_wait_ms counter\ndialer_wait_ms 1\n"
    )
    assert code == 3
    assert "_total" in words


def test_names_units_and_labels_keep_to_the_rules():
    """Prometheus' own (prometheus.io/docs/practices/naming), and ours: no label can hold a person."""
    labels = {
        "campaign", "state", "result", "reason", "limit", "signal", "version", "definition", "trunk", "caller_id",
        "outcome", "kind", "action", "le",
    }  # fmt: skip
    for family in collector().collect():
        assert family.name.startswith("dialer_")
        assert family.documentation
        assert family.samples, f"{family.name}: nothing at the start"
        assert not family.name.endswith(("_ms", "_percent", "_minutes", "_hours", "_mb"))
        for sample in family.samples:
            assert set(sample.labels) <= labels


def test_every_reason_is_there_before_it_happens():
    (blocked,) = (family for family in collector().collect() if family.name == "dialer_attempts_blocked")
    assert {sample.labels["reason"]: sample.value for sample in blocked.samples} == dict.fromkeys(map(str, Reason), 0)
