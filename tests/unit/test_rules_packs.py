"""Packs: those that ship are whole, and a bad one is told by file, line and key."""

import shutil

import pytest

from dialer.compliance import pack, rules
from dialer.compliance.pack import KINDS, SHIPPED, Shelf
from dialer.compliance.reasons import Reason, text_of
from dialer.compliance.words import EVENT_WORDS, in_words
from dialer.kernel.errors import InputError
from tests.unit.rules_facts import PACKS

NAMES = sorted(PACKS)
RULES = [(name, rule) for name in NAMES for rule in PACKS[name].rule]
GOOD = """\
name = "own"
version = "1"
title = "The agency's own caps"
reviewed_by = "avv. Bianchi"
sources = ["the agency's own rules"]
overlay = true
retention_days = 365

[[rule]]
kind = "count"
id = "contacts-per-day"
source = "the agency's own rules"
confidence = "H"
event = "rang"
key = ["debtor"]
window = ["local_days:1"]
max = 2
"""
HOURS = '\n[[rule]]\nkind = "hours"\nid = "hours"\nsource = "own"\nconfidence = "H"\nmonday = [["08:00", "20:00"]]\n'
AGREED = '\n[[rule]]\nkind = "agreement"\nid = "agreed"\nsource = "own"\nconfidence = "H"\nexempts = ["hours"]\n'
MODE = (
    '\n[[rule]]\nkind = "mode"\nid = "m"\nsource = "own"\nconfidence = "H"\nallowed = ["reserved"]\n'
    'after = [{ event = "machine", hours = 24 }]\n'
)


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_pack_names_its_sources_and_who_reviewed_it(name):
    shipped = PACKS[name]
    assert shipped.sources
    assert isinstance(shipped.reviewed_by, str)
    assert len(shipped.digest) == 64
    assert shipped.label == f"{name} {shipped.version} {shipped.digest[:12]}"
    assert all(rule.source and rule.confidence in ("V1", "V2", "G", "H") for rule in shipped.rule)


def test_the_packs_of_the_issue_ship():
    assert set(NAMES) >= {
        "it-unirec", "us-reg-f", "us-tsr", "us-ma", "us-wa", "us-nyc", "us-dc", "uk-ofcom", "au-rg96", "ca-on", "fr",
        "de", "es", "in-rbi", "br",
    }  # fmt: skip


@pytest.mark.parametrize(("name", "rule"), RULES, ids=[f"{name}:{rule.id}" for name, rule in RULES])
def test_every_reason_that_ships_is_registered_and_every_rule_has_words(name, rule):
    if rule.kind == "flag":
        assert all(flag in list(Reason) for flag in rule.flags)
    elif rule in PACKS[name].checks:
        assert rule.id in list(Reason)
        assert text_of(rule.id) != rule.id
    assert len(in_words(rule)) > 10
    assert "_days:" not in in_words(rule)


def test_every_kind_ships_or_is_known_and_every_event_has_words():
    assert set(KINDS) == {kind.__annotations__["kind"].__args__[0] for kind in rules.AnyRule.__args__}
    assert set(EVENT_WORDS) == set(pack.rules.base.EVENTS)


def test_a_reason_of_an_agencys_own_is_its_id():
    assert text_of("our-own-cap") == "our-own-cap"


def test_flags_stand_in_every_complete_pack():
    for name in NAMES:
        if not PACKS[name].overlay:
            (rule,) = PACKS[name].of_kind(rules.Flagged)
            assert {"cease", "attorney", "dispute", "deceased", "bankruptcy", "moratorium", "minor"} <= set(rule.flags)


def write(folder, text, name="own"):
    path = folder / f"{name}.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_an_agencys_own_pack_is_read_from_its_folder(tmp_path):
    write(tmp_path, GOOD)
    shelf = Shelf(tmp_path)
    assert shelf.load("own").reviewed_by == "avv. Bianchi"
    assert set(shelf.names) == {*NAMES, "own"}
    assert [one.name for one in shelf.load_for(["it-unirec", "own"])] == ["it-unirec", "own"]
    with pytest.raises(InputError, match="only adds to another pack"):
        shelf.load_for(["own"])


@pytest.mark.parametrize("change", [lambda text: "\ufeff" + text, lambda text: text.replace("\n", "\r\n")])
def test_a_file_from_windows_is_the_same_law(tmp_path, change):
    plain = pack.read(write(tmp_path, GOOD), "own")
    assert pack.read(write(tmp_path, change(GOOD)), "own") == plain


def test_another_text_has_another_digest(tmp_path):
    assert pack.read(write(tmp_path, GOOD), "own").digest != pack.read(write(tmp_path, GOOD + "# x\n"), "own").digest


BAD = [
    (
        GOOD.replace("max = 2", "maximum = 2"),
        [":9: rule.0.max: missing", ":17: rule.0.maximum: unknown key; known here: id,"],
    ),
    (
        GOOD.replace("reviewed_by", "reviewed"),
        [":1: reviewed_by: missing", ":4: reviewed: unknown key; known here: name"],
    ),
    (GOOD.replace("local_days:1", "local_days:40"), [":16: rule.0.window.0: longer than the 35 days"]),
    (GOOD.replace("local_days:1", "local_days:0"), [":16: rule.0.window.0: write rolling_hours:N"]),
    (GOOD + HOURS.replace("20:00", "25:00"), [":24: rule.1.monday.0.1: not a time of day", "(is '25:00')"]),
    (GOOD + HOURS.replace("20:00", "07:00"), [":24: rule.1.monday: the band 08:00 to 07:00 is empty"]),
    (GOOD.replace('source = "the agency\'s own rules"\n', ""), [":9: rule.0.source: missing"]),
    (GOOD.replace('sources = ["the agency\'s own rules"]\n', ""), [":1: sources: missing"]),
    (GOOD.replace('["the agency\'s own rules"]', "[]"), [":5: sources: "]),
    (GOOD.replace('"count"', '"counter"'), [":10: rule.0.kind: no such kind of rule (is 'counter'); known: flag,"]),
    (GOOD.replace('kind = "count"\n', ""), [":9: rule.0.kind: missing; known: flag,"]),
    (GOOD + GOOD[GOOD.index("[[rule]]") :], [":20: rule.1.id: two rules have the id 'contacts-per-day'"]),
    (GOOD.replace("max = 2", "max = "), [":17: not TOML"]),
    (GOOD.replace("[[rule]]", "[rule]"), [":9: rule: must be a list; each rule begins with [[rule]]"]),
    (GOOD[: GOOD.index("[[rule]]")] + "rule = [3]\n", [":9: rule.0: "]),
    (GOOD[: GOOD.index("[[rule]]")], [":1: rule: missing"]),
    (GOOD.replace("overlay = true\n", ""), [": rule: no rule of the kind 'hours'"]),
    (GOOD + AGREED, [":24: rule.1.exempts: 'hours' is no rule of this pack"]),
    (GOOD + HOURS + AGREED, [":31: rule.2.exempts: nobody can waive 'hours'"]),
    (
        GOOD + MODE.replace("hours = 24", "hour = 24"),
        [":25: rule.1.after.0.hour: unknown key; known here: event, hours"],
    ),
    (
        GOOD.replace("365\n", "365\nrecordings_least_days = 366\n"),
        [":8: recordings_least_days: is 366, more than the 365 retention_days"],
    ),
    (GOOD.replace('"rang"', '"rung"'), [":14: rule.0.event: no such event; known: reached"]),
    (GOOD.replace('"H"', '"sure"'), [":13: rule.0.confidence: "]),
    (GOOD.replace('"own"', '"other"', 1), [":1: name: is 'other', the file's name is 'own'"]),
    (GOOD.replace("Bianchi", "Nicolò").encode("latin-1"), [":4: not UTF-8"]),
    ("", [":1: the file is empty"]),
    (" \n\n", [":1: the file is empty"]),
    (b"\x00\x01", [":1: not TOML"]),
]


@pytest.mark.parametrize(("text", "words"), BAD, ids=[words[0] for _, words in BAD])
def test_a_bad_pack_is_told_by_line_and_key(tmp_path, text, words):
    path = write(tmp_path, text)
    with pytest.raises(InputError) as caught:
        pack.read(path, "own")
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{path}:") for line in lines), lines
    assert all(any(word in line for line in lines) for word in words), lines
    assert len(lines) <= len(words), "each error once"
    assert caught.value.remedy


def test_a_file_that_isnt_there_or_is_none(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        pack.read(tmp_path / "own.toml", "own")
    (tmp_path / "own.toml").mkdir()
    with pytest.raises(InputError, match="can't be read: Is a directory"):
        pack.read(tmp_path / "own.toml", "own")


def test_a_shelf_without_its_folder_or_with_a_name_that_ships(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        Shelf(tmp_path / "none")
    with pytest.raises(InputError, match="no pack is named 'xx'"):
        Shelf().load("xx")
    shutil.copy(SHIPPED / "fr.toml", tmp_path / "fr.toml")
    with pytest.raises(InputError, match="a pack of the name 'fr' ships"):
        Shelf(tmp_path)
