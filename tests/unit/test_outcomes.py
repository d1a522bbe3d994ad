"""Outcomes as data: the shipped set, an agency's own, and what a wrong file is told."""

import re

import pytest

from dialer.compliance.entry import EntryResult
from dialer.compliance.reasons import Reason
from dialer.kernel.errors import InputError
from dialer.outcomes.catalogue import Blank, Do, shipped, with_own

OWN = """
[[outcome]]
code = "sold_house"
it = "Vende casa"
en = "Sells the house"
right_party = true
counts_as = "conversation"
needs = ["evidence"]
flag = { name = "dispute", on = "debt", days = 30 }
next = { do = "retry", after_hours = 24, most = 2, beyond = "letter" }
"""
FLAGS = frozenset({"dispute", "do-not-call"})
COUNTED_BEFORE = {
    "promise_to_pay": "conversation", "paid_already": "conversation", "refuses": "conversation",
    "call_back": "conversation", "do_not_call": "conversation", "third_party": "third_party",
    "wrong_number": "third_party", "machine": "machine", "fax": "machine", "network_tone": "machine",
    "no_voice": "machine", "hung_up": "hung_up",
}  # fmt: skip


def test_the_first_outcomes_count_as_they_always_did():
    assert {code: shipped()[code].counts_as.value for code in COUNTED_BEFORE} == COUNTED_BEFORE
    flags = {code: shipped()[code].flag.name for code in COUNTED_BEFORE if shipped()[code].flag}
    assert flags == {"do_not_call": "do-not-call", "wrong_number": "wrong_number"}


def test_the_shipped_set_covers_what_a_collector_hears_and_flags_only_what_the_gate_knows():
    wanted = """promise_to_pay plan_agreed paid_already partial_payment refuses disputes cannot_pay call_back third_party
    wrong_number refuses_identity lawyer deceased insolvency vulnerable language machine message_left hung_up no_voice"""
    assert set(wanted.split()) <= set(shipped())
    for outcome in shipped().values():
        assert outcome.flag is None or outcome.flag.name in set(Reason), outcome.code
        # only who certainly was no person, or somebody else, counts as less than a conversation
        lesser = outcome.counts_as is not EntryResult.CONVERSATION
        assert not (lesser and outcome.right_party), outcome.code


def test_whoever_must_not_be_called_is_not_planned_to_be():
    for outcome in shipped().values():
        if outcome.flag and outcome.flag.on != "number":
            assert outcome.next.do in (Do.ESCALATE, Do.LETTER, Do.STOP), outcome.code
        if outcome.flag and outcome.flag.on == "number":
            assert outcome.next.number == "another", outcome.code
            assert outcome.next.beyond, outcome.code


def test_an_agency_adds_its_own_and_words_a_known_one_anew(tmp_path):
    anew = OWN.replace("sold_house", "refuses").replace('\nflag = { name = "dispute", on = "debt", days = 30 }', "")
    own = tmp_path / "own.toml"
    own.write_text(OWN + anew)
    known = with_own(shipped(), own, FLAGS)
    assert known["sold_house"].flag.days == 30
    assert known["refuses"].needs == (Blank.EVIDENCE,)
    assert shipped()["refuses"].needs == ()
    assert list(known)[: len(shipped())] == list(shipped())


@pytest.mark.parametrize(
    ("change", "line", "message"),
    [
        (('counts_as = "conversation"', 'counts_as = "machine"'), 7, "counts_as: with the right party it is a"),
        (('counts_as = "conversation"', 'counts_as = "busy"'), 7, "counts_as"),
        (("right_party = true", 'right_party = "perhaps"'), 6, "right_party"),
        (('code = "sold_house"', 'code = "Sold house"'), 3, "code"),
        (('it = "Vende casa"\n', ""), 2, "it: missing"),
        (('needs = ["evidence"]', 'needs = ["shoe_size"]'), 8, "needs"),
        (('needs = ["evidence"]', 'needs = ["evidence"]\nmay = ["evidence"]'), 9, "may: evidence is needed already"),
        (('needs = ["evidence"]', 'needs = ["evidence"]\ncolour = "red"'), 9, "unknown key; known here: code, it"),
        (('do = "retry"', 'do = "pray"'), 10, "next.do"),
        (('do = "retry"', 'do = "call_back"'), 10, "call_back knows its time"),
        (('do = "retry", after_hours = 24, most = 2, beyond = "letter"', 'do = "promise"'), 8, "needs the field"),
        ((', beyond = "letter"', ""), 10, "next.most: most: says how often"),
        (("days = 30", "days = 0"), 9, "flag.days"),
        (("days = 30", "years = 1"), 9, "known here: name, on, days"),
        (('name = "dispute"', 'name = "do_not_call"'), 9, "no pack knows the flag 'do_not_call'"),
        (('on = "debt"', 'on = "moon"'), 9, "flag.on"),
        (("[[outcome]]\n", "[[outcome]\n"), 2, "not TOML"),
        (("[[outcome]]", "[outcome]"), 2, "must be a list; each outcome begins with [[outcome]]"),
        (('code = "sold_house"', 'code = "refuses"'), 9, "'refuses' is known, and its flag can't be changed"),
        (('code = "sold_house"', 'code = "third_party"'), 6, "'third_party' is known, and its right_party can't"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_told_its_line_and_what_to_do(tmp_path, change, line, message):
    assert change[0] in OWN
    own = tmp_path / "own.toml"
    own.write_text(OWN.replace(*change))
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        with_own(shipped(), own, FLAGS)
    assert str(caught.value).startswith(f"{own}:{line}: ")
    assert caught.value.remedy


def test_two_outcomes_of_one_code_or_no_file_are_told(tmp_path):
    own = tmp_path / "own.toml"
    own.write_text(OWN + OWN)
    with pytest.raises(InputError, match=re.escape(f"{own}:13: outcome.1.code: two outcomes have the code")):
        with_own(shipped(), own, FLAGS)
    with pytest.raises(InputError, match="no such file"):
        with_own(shipped(), tmp_path / "nowhere.toml", FLAGS)
    own.write_text("")
    with pytest.raises(InputError, match="empty"):
        with_own(shipped(), own, FLAGS)
