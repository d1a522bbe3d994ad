"""`dialer.toml`: each error with its line and its remedy; secrets from files and the environment."""

import pytest

from dialer import configured, settings
from dialer.kernel.errors import InputError

GOOD = """\
[pbx]
secret_file = "ami-secret"

[api]
token = "t0ken"

[campaigns.luce]
caller_id = "+390612345678"

[[agents]]
name = "anna"
seat = 1001
phone = "PJSIP/anna"
campaigns = ["luce"]
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "dialer.toml"

    def write(text=GOOD):
        path.write_text(text)
        return path

    return write


def refusal(path):
    with pytest.raises(InputError) as caught:
        settings.load(path)
    assert caught.value.remedy
    return str(caught.value)


def test_a_good_file_and_its_defaults(file):
    loaded = settings.load(file())
    assert loaded.campaigns["luce"].packs == ("it-unirec",)
    assert loaded.trunk.calls_per_second == 5.0
    assert loaded.demo.clock_offset_seconds == 0.0


def test_paths_are_relative_to_the_file(file, tmp_path):
    loaded = settings.load(file())
    assert loaded.pbx.secret_file == tmp_path / "ami-secret"
    assert loaded.store.path == tmp_path / "dialer.db"


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("secret_file", "secrt_file", 2, "pbx.secrt_file: unknown key; known here: host, port"),
        ("[campaigns.luce]", "[campaigns.luce]\nmax_abandn = 3", 8, "campaigns.luce.max_abandn: unknown key"),
        ('caller_id = "+390612345678"', 'caller_id = "0612345678"', 8, "not in E.164"),
        ('caller_id = "+390612345678"', "", 7, "campaigns.luce: caller_id: missing"),
        ("seat = 1001", "seat = 3", 12, "greater than or equal to 10 (is '3')"),
        ("seat = 1001", 'seat = "x"', 12, "valid integer"),
        ('phone = "PJSIP/anna"', 'phone = "PJSIP/anna&Local/s@dialer-purge"', 13, "agents.0.phone"),
        ('phone = "PJSIP/anna"', 'phone = "PJSIP/trunk/sip:1@evil.example"', 13, "agents.0.phone"),
        ("[api]", "[wep]", 4, "wep: unknown key; known here: pbx, trunk"),
        ('campaigns = ["luce"]', 'campaigns = ["gas"]', 1, "the campaign 'gas', which isn't configured"),
        ("[pbx]", "[pbx]\nport = 99999", 2, "less than or equal to 65535"),
        (
            "[pbx]",
            "[store]\nurl = 'mysql://u@h/d'\n[pbx]",
            2,
            "store.url: not the URL of a database: write it as postgresql://",
        ),
        ("[pbx]", "[store]\nurl = 'postgresql://u@h'\n[pbx]", 2, "store.url: not the URL of a database"),
        ("[pbx]", "[store]\nurl = 'postgresql:///d'\n[pbx]", 2, "store.url: not the URL of a database"),
        ("[pbx]", "[store]\nurl = 'postgresql://u@h:x/d'\n[pbx]", 2, "store.url: not the URL of a database"),
        ("[pbx]", "[store]\nurl = 'postgresql://u@h/d?sslmode=on'\n[pbx]", 2, "known are host, ssl"),
        ("[pbx]", "[store]\ncell = 'Cell 1'\n[pbx]", 2, "store.cell"),
    ],
)
def test_each_error_names_its_line(file, old, new, line, words):
    text = refusal(file(GOOD.replace(old, new)))
    assert words in text
    assert f"dialer.toml:{line}:" in text


def test_all_errors_are_told_at_once(file):
    text = refusal(file(GOOD.replace("seat = 1001", "seat = 1").replace("+390612345678", "06")))
    assert len(text.splitlines()) == 2


def test_two_agents_on_one_seat_are_refused(file):
    twice = GOOD + '\n[[agents]]\nname = "bruno"\nseat = 1001\nphone = "PJSIP/bruno"\ncampaigns = ["luce"]\n'
    assert "seat 1001 stands twice" in refusal(file(twice))


def test_the_line_of_the_second_agent_is_found(file):
    twice = GOOD + '\n[[agents]]\nname = "BRUNO"\nseat = 1002\nphone = "PJSIP/bruno"\ncampaigns = ["luce"]\n'
    assert "dialer.toml:17: agents.1.name" in refusal(file(twice))


def test_what_is_no_toml_or_no_file_is_told(file, tmp_path):
    assert "dialer.toml:2: not TOML" in refusal(file("[pbx]\nport = = 5\n"))
    assert "no such file" in refusal(tmp_path / "other.toml")
    (tmp_path / "latin.toml").write_bytes(b"[pbx]\nhost = '\xe0'\n")
    assert "utf-8" in refusal(tmp_path / "latin.toml")


def test_a_secret_is_never_shown(file):
    text = refusal(file(GOOD.replace('token = "t0ken"', 'token = ["s3cr3t"]')))
    assert "s3cr3t" not in text
    assert "s3cr3t" not in repr(settings.load(file(GOOD.replace("t0ken", "s3cr3t"))))


@pytest.mark.parametrize(
    ("section", "url"),
    [
        ("store", "postgresql://u:s3cr3t@h/d"),
        ("store", "postgresql://u@h/d?password=s3cr3t"),
        ("store", "mysql://u:s3cr3t@h/d"),
        ("ledger", "redis://:s3cr3t@h:6379/0"),
        ("ledger", "redis+sentinel://u:s3cr3t@h,h2:26379/service"),
        ("ledger", "redis://h:6379/0?password=s3cr3t"),
    ],
)
def test_a_password_in_the_url_is_refused_and_never_shown(file, section, url):
    text = refusal(file(f'[{section}]\nurl = "{url}"\n{GOOD}'))
    assert f"dialer.toml:2: {section}.url" in text
    assert "s3cr3t" not in text


def test_the_record_is_in_the_file_unless_a_url_is_set(file, tmp_path, monkeypatch):
    place = settings.place(settings.load(file('[store]\npath = "own.db"\n' + GOOD)).store)
    assert (place.path, str(place)) == (tmp_path / "own.db", str(tmp_path / "own.db"))
    url = "postgresql://dialer@db.example:5433/dialer?ssl=require"
    text = f'[store]\nurl = "{url}"\ncell = "milano"\n' + GOOD
    place = settings.place(settings.load(file(text)).store)
    assert (str(place), place.password, place.cell) == (url, "", "milano")
    with_file = text.replace("cell", 'password_file = "pg-password"\ncell')
    with pytest.raises(InputError, match="pg-password"):
        settings.place(settings.load(file(with_file)).store)
    (tmp_path / "pg-password").write_text("s3cr3t\n")
    place = settings.place(settings.load(file(with_file)).store)
    assert place.password == "s3cr3t"
    monkeypatch.setenv("DIALER_STORE__PASSWORD", "from outside")
    loaded = settings.load(file(with_file)).store
    assert settings.place(loaded).password == "from outside"
    assert "from outside" not in f"{loaded!r} {settings.place(loaded)!r}"


def test_the_environment_wins(file, monkeypatch):
    monkeypatch.setenv("DIALER_PBX__SECRET", "from outside")
    monkeypatch.setenv("DIALER_TRUNK__CHANNELS", "7")
    loaded = settings.load(file())
    assert loaded.trunk.channels == 7
    assert settings.secret(loaded.pbx.secret, loaded.pbx.secret_file, "pbx.secret", "V") == "from outside"


@pytest.mark.parametrize("content", [None, b"", b"  \n", b"\xff\xfe"])
def test_a_missing_or_empty_secret_names_the_ways_to_give_it(file, tmp_path, content):
    if content is not None:
        (tmp_path / "ami-secret").write_bytes(content)
    loaded = settings.load(file())
    with pytest.raises(InputError) as caught:
        settings.secret(loaded.pbx.secret, loaded.pbx.secret_file, "pbx.secret", "DIALER_PBX__SECRET")
    assert "DIALER_PBX__SECRET" in caught.value.remedy


@pytest.mark.parametrize("value", ["", " ", "\t"])
def test_an_empty_secret_in_the_file_or_the_environment_is_refused(file, monkeypatch, value):
    """Else `Authorization: Bearer` with nothing after it would open the interface."""
    by_file = settings.load(file(GOOD.replace("t0ken", value)))
    monkeypatch.setenv("DIALER_API__TOKEN", value)
    by_environment = settings.load(file())
    for loaded in (by_file, by_environment):
        with pytest.raises(InputError, match=r"api\.token is empty"):
            settings.secret(loaded.api.token, loaded.api.token_file, "api.token", "DIALER_API__TOKEN")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("abandonment_target = 0.04", "campaigns.luce.abandonment_target is 0.04"),
        ("abandonment_cap = 0.05", "campaigns.luce.abandonment_cap is 0.05"),
        ("abandonment_cap = 0.01\nabandonment_target = 0.02", "at most 0.01"),
    ],
)
def test_a_campaign_may_not_want_more_abandoned_calls_than_its_packs_allow(file, line, words):
    loaded = settings.load(file(GOOD.replace('caller_id = "+390612345678"', f'caller_id = "+390612345678"\n{line}')))
    with pytest.raises(InputError, match=words) as caught:
        configured.law(loaded)
    assert caught.value.remedy


def test_an_agent_may_be_of_a_class(file):
    loaded = settings.load(file(GOOD + 'class = "senior"\n'))
    assert loaded.agents[0].class_ == "senior"
    assert "class" in refusal(file(GOOD + 'klass = "senior"\n'))


MANDATE = """
[[mandates]]
creditor = "Luce e Gas S.p.A."
outcomes_file = "luce.toml"
promise_grace_days = 5

[[mandates.offers]]
discount_percent = 10
most_instalments = 6
deadline_days = 30

[[mandates.offers]]
discount_percent = 30
deadline_days = 10
"""
OWN = """
[[outcome]]
code = "moves_abroad"
it = "Si trasferisce"
en = "Moves abroad"
right_party = true
counts_as = "conversation"
next = { do = "escalate" }
"""


def test_outcomes_grace_and_offers_come_from_the_mandate_and_the_campaign_has_the_last_word(file, tmp_path):
    (tmp_path / "luce.toml").write_text(OWN)
    (tmp_path / "own.toml").write_text(OWN.replace("escalate", "stop"))
    gas = '\n[campaigns.gas]\ncaller_id = "+390612345678"\noutcomes_file = "own.toml"\npromise_grace_days = 0\n'
    text = GOOD.replace("[[agents]]", gas + "\n[[agents]]\nsupervisor = true")
    of = configured.rules(settings.load(file(text + MANDATE)))
    mine, other = of("luce", "Luce e Gas S.p.A."), of("luce", "Acqua")
    assert (mine.grace_days, mine.supervisors) == (5, {"anna"})
    assert [str(step) for step in mine.ladder] == [
        "10 per cent off in at most 6 instalments within 30 days",
        "30 per cent off in at most 1 instalments within 10 days",
    ]
    assert mine.outcomes["moves_abroad"].next.do.value == "escalate"
    assert (other.grace_days, other.ladder, "moves_abroad" in other.outcomes) == (3, (), False)
    here = of("gas", "Luce e Gas S.p.A.")
    assert (here.grace_days, here.outcomes["moves_abroad"].next.do.value) == (0, "stop")
    assert of("a campaign that is gone", "Acqua").grace_days == 3


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("promise_grace_days = 5", "promise_grace_days = -1", "promise_grace_days: "),
        ("deadline_days = 30", "deadline_day = 30", "unknown key; known here: discount_percent, most_instalments"),
        ("promise_grace_days", "grace_days", "unknown key; known here: creditor, outcomes_file, promise_grace_days"),
        ("discount_percent = 10", "discount_percent = 110", "discount_percent: "),
        (MANDATE, MANDATE + '\n[[mandates]]\ncreditor = "Luce e Gas S.p.A."\n', "stands twice"),
    ],
)
def test_a_wrong_mandate_is_told(file, old, new, words):
    assert old in MANDATE
    assert words in refusal(file(GOOD + MANDATE.replace(old, new)))


def test_a_wrong_file_of_outcomes_is_told_at_the_start(file, tmp_path):
    loaded = settings.load(file(GOOD + MANDATE))
    with pytest.raises(InputError, match=r"luce\.toml: no such file"):
        configured.rules(loaded)
    (tmp_path / "luce.toml").write_text(OWN.replace("right_party = true", "right_party = 7"))
    with pytest.raises(InputError, match=r"luce\.toml:6: outcome\.0\.right_party"):
        configured.rules(loaded)


TRUNKS = """
[trunks.milano]
endpoint = "carrier-a"
country = "IT"
weight = 3

[trunks.roma]
country = "IT"
channels = 10

[trunks.paris]
country = "FR"
"""


def test_one_trunk_needs_no_name(file):
    (trunk,) = configured.trunks(settings.load(file(GOOD + '\n[trunk]\nendpoint = "own"\nchannels = 7\n')))
    assert (trunk.name, trunk.endpoint, trunk.channels, trunk.weight) == ("trunk", "own", 7, 1.0)
    assert configured.trunks(settings.load(file()))[0].endpoint == "trunk"


def test_several_trunks_stand_under_their_names_and_a_campaign_takes_those_it_names(file):
    loaded = settings.load(file(GOOD + TRUNKS))
    assert [(one.name, one.endpoint, one.weight) for one in configured.trunks(loaded)] == [
        ("milano", "carrier-a", 3.0),
        ("roma", "roma", 1.0),
        ("paris", "paris", 1.0),
    ]
    assert [one.name for one in configured.campaign(loaded, "luce").trunks] == ["milano", "roma", "paris"]
    named = GOOD.replace("[[agents]]", 'trunks = ["roma"]\n[[agents]]') + TRUNKS
    assert [one.name for one in configured.campaign(settings.load(file(named)), "luce").trunks] == ["roma"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD + TRUNKS + "\n[trunk]\nchannels = 9\n", "[trunk] is for one alone"),
        (GOOD.replace("[[agents]]", 'trunks = ["torino"]\n[[agents]]') + TRUNKS, "the trunk 'torino', which isn't"),
        (GOOD + TRUNKS.replace("weight = 3", "wieght = 3"), "unknown key; known here: endpoint, number_format"),
        (GOOD + TRUNKS.replace("weight = 3", "weight = -1"), "trunks.milano.weight"),
        (GOOD + TRUNKS.replace('"IT"', '"Italia"'), "trunks.milano.country"),
    ],
)
def test_a_wrong_trunk_is_told(file, text, words):
    assert words in refusal(file(text))


def test_a_trunk_that_no_call_of_the_campaign_would_take_is_told(file):
    text = GOOD.replace("[[agents]]", 'trunks = ["roma", "paris"]\n[[agents]]') + TRUNKS
    with pytest.raises(InputError, match=r"campaigns\.luce\.trunks: no call would take 'paris'") as caught:
        configured.campaign(settings.load(file(text)), "luce")
    assert "trunks.paris" in caught.value.remedy
