"""What a running daemon takes up of a changed configuration, and what waits for its restart."""

from pathlib import Path

import pytest

from dialer import settings, texts
from dialer.in_force import InForce, Taken
from dialer.kernel.errors import InputError
from dialer.settings import live
from dialer.settings.loading import located, section_at

FILE = """\
[pbx]
secret = "one"

[api]
token = "t"

[[api.tokens]]
name = "crm"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
scopes = ["read"]

[trunks.a]
country = "IT"

[trunks.b]
country = "IT"

[campaigns.luce]
caller_id = "+390612345678"

[campaigns.gas]
caller_id = "+390612345679"

[[agents]]
name = "anna"
seat = 1001
phone = "PJSIP/anna"
campaigns = ["luce"]

[[mandates]]
creditor = "Luce e Gas"
promise_grace_days = 5
"""


@pytest.fixture
def load(tmp_path):
    path = tmp_path / "dialer.toml"

    def load(*changes):
        text = FILE
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        path.write_text(text)
        return settings.load(path)

    return load


def told(changes):
    return [str(change) for change in changes]


def test_what_is_live_is_taken_and_what_is_not_waits(load):
    old = load()
    new = load(
        ("[campaigns.luce]", "[campaigns.luce]\nmode = 'predictive'\npacks = ['it-unirec', 'house-caps']"),
        ('secret = "one"', 'secret = "two"\nport = 5039\n[ledger]\nurl = "redis://b:6379/0"'),
        ("[trunks.a]", "[trunks.a]\nchannels = 7\nendpoint = 'elsewhere'"),
        ('"PJSIP/anna"\ncampaigns = ["luce"]', '"PJSIP/anna2"\ncampaigns = ["luce", "gas"]'),
    )
    merged, changed, waiting = live.merge(old, new)
    assert told(changed) == [
        "trunks.a.channels: 30 → 7",
        'agents.anna.campaigns: ["luce"] → ["luce","gas"]',
        "campaigns.luce.mode: progressive → predictive",
    ]
    assert told(waiting) == [
        "pbx.port: 5038 → 5039",
        "pbx.secret: a secret → a secret",
        "trunks.a.endpoint: unset → elsewhere",
        "ledger.url: a secret → a secret",
        "agents.anna.phone: PJSIP/anna → PJSIP/anna2",
        'campaigns.luce.packs: ["it-unirec"] → ["it-unirec","house-caps"]',
    ]
    assert (merged.campaigns["luce"].mode, merged.campaigns["luce"].packs) == ("predictive", ("it-unirec",))
    assert (merged.trunks["a"].channels, merged.trunks["a"].endpoint) == (7, None)
    assert (merged.pbx, merged.agents[0].phone) == (old.pbx, "PJSIP/anna")
    again, changed, still = live.merge(merged, new)
    assert (again, changed, still) == (merged, [], waiting)
    back, changed, waiting = live.merge(merged, old)
    assert back == old
    assert (len(changed), waiting) == (3, [])


def test_sections_that_come_and_go_are_told_by_their_names(load):
    old = load()
    new = load(
        ("[campaigns.gas]", "[campaigns.acqua]"),
        ('creditor = "Luce e Gas"', 'creditor = "Acqua"'),
        ('name = "crm"', 'name = "bi"'),
    )
    merged, changed, waiting = live.merge(old, new)
    assert told(changed) == [
        "api.tokens.crm: there → not there",
        "api.tokens.bi: not there → there",
        "mandates.Luce e Gas: there → not there",
        "mandates.Acqua: not there → there",
    ]
    assert told(waiting) == ["campaigns.gas: there → not there", "campaigns.acqua: not there → there"]
    assert list(merged.campaigns) == ["luce", "gas"]
    assert ([one.creditor for one in merged.mandates], merged.api.tokens[0].name) == (["Acqua"], "bi")


def test_a_live_change_that_needs_one_that_waits_is_refused(load):
    old = load()
    new = load(("[trunks.a]", "[trunks.c]\n[trunks.a]"), ("[campaigns.luce]", "[campaigns.luce]\ntrunks = ['c']"))
    with pytest.raises(InputError, match=r"only a restart brings trunks\.c, .* takes the trunk 'c'") as caught:
        live.merge(old, new)
    assert caught.value.remedy


def test_a_trunk_that_is_named_anew_keeps_its_limits_until_the_restart(load):
    alone = "[trunk]\nchannels = 4\ncalls_per_second = 1"
    old = load(("[trunks.a]", alone), ('[trunks.b]\ncountry = "IT"', ""))
    new = load(("[trunks.a]", alone.replace("[trunk]", "[trunks.a]")))
    for before, after, words in ((old, new, "[trunk] alone → a, b"), (new, old, "a, b → [trunk] alone")):
        merged, changed, waiting = live.merge(before, after)
        assert (merged, changed, told(waiting)) == (before, [], [f"trunks: {words}"])


def test_every_live_key_is_a_key_of_the_configuration():
    for pattern in live.LIVE:
        *where, key = pattern.split(".")
        section = section_at(where)
        assert section is not None, pattern
        assert key in {field.alias or name for name, field in section.model_fields.items()}, pattern


CHANGED = {
    "mode": "'preview'",
    "share": 2.0,
    "priority": 1,
    "value": 3.0,
    "abandonment_target": 0.01,
    "abandonment_cap": 0.02,
    "patience_seconds": 1.5,
    "ring_timeout_seconds": 30.0,
    "post_dial_delay_seconds": 6.0,
    "preview_seconds": 9.0,
    "auto_ready_after_seconds": 4.0,
    "inbound_wait_seconds": 5.0,
    "record": "true",
    "stereo": "true",
    "caller_id": "'+390612345670'",
    "caller_id_registered": "true",
    "caller_ids": "[{number = '+390612345671'}]",
    "trunks": "['b']",
    "facts": "{judged = true}",
    "outcomes_file": "'own.toml'",
    "promise_grace_days": 9,
    "language": "'en'",
    "letters": "[{after_days = 9}]",
    "script_folder": "'scripts'",
}
"""A value for each live key of a campaign that is not its default."""


def test_every_live_key_of_a_campaign_changes_what_the_engine_is_given(load, tmp_path):
    (tmp_path / "scripts").mkdir()
    (tmp_path / "own.toml").write_text(
        "[[outcome]]\ncode = 'moves'\nit = 'via'\nen = 'moves'\nright_party = true\ncounts_as = 'conversation'\n"
        "next = { do = 'escalate' }\n"
    )
    shipped = Path(texts.__file__).parent / "shipped/scripts/it.toml"
    (tmp_path / "scripts/it.toml").write_text(shipped.read_text().replace('version = "', 'version = "own-', 1))
    old = load()
    law = InForce(old).law
    assert set(CHANGED) == {one.split(".")[2] for one in live.LIVE if one.startswith("campaigns")}

    def seen(settings):
        taken = Taken.of(settings, law)
        rules, letters = taken.rules("luce", ""), taken.letters("luce", "")
        whole = sorted(rules.outcomes), rules.grace_days, rules.scripts, letters.ladder, letters.language
        return taken.campaigns["luce"], taken.wishes["luce"], whole

    before = seen(old)
    for key, value in CHANGED.items():
        number = 'caller_id = "+390612345678"'
        kept = "" if key in ("caller_id", "caller_ids") else number
        merged, changed, waiting = live.merge(old, load((number, f"{kept}\n{key} = {value}")))
        assert f"campaigns.luce.{key}" in {change.key for change in changed}
        assert waiting == []
        assert seen(merged) != before, key


def test_a_reload_takes_flags_and_packs_from_the_law_in_force(load, monkeypatch):
    old = load()
    law = InForce(old).law

    def other(_):
        raise InputError("the packs on disk are others by now")

    monkeypatch.setattr("dialer.configured.law", other)
    assert Taken.of(old, law).retention.pack_of("it-unirec") is law.packs["it-unirec"]


def test_an_error_of_the_law_names_file_and_line(load, tmp_path):
    new = load(("[campaigns.luce]", "[campaigns.luce]\nabandonment_cap = 0.2"))
    with pytest.raises(InputError) as caught:
        InForce(new)
    found = located(tmp_path / "dialer.toml", (tmp_path / "dialer.toml").read_text(), caught.value)
    assert str(found).startswith(f"{tmp_path / 'dialer.toml'}:19: campaigns.luce.abandonment_cap is 0.2: ")
    assert found.remedy == caught.value.remedy
