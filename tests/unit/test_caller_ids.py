"""Which caller id a debtor sees."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer import configured, settings
from dialer.campaigns.caller_id import CallerId, sticky
from dialer.cli import check
from dialer.kernel.errors import InputError

IDS = [CallerId(f"+3906948012{n:02d}", registered=True) for n in range(5)]


@given(st.integers(1, 10**9), st.permutations(IDS))
def test_a_debtor_always_sees_the_same_number_in_whatever_order_they_stand(debtor, ids):
    assert sticky(debtor, ids) == sticky(debtor, IDS)


def test_debtors_are_spread_evenly():
    counts = Counter(sticky(debtor, IDS).number for debtor in range(10_000))
    assert all(1_800 < counts[one.number] < 2_200 for one in IDS)


@given(st.integers(1, 10**9), st.sampled_from(IDS))
def test_only_the_debtors_of_a_number_that_is_rested_or_taken_out_see_another_and_they_get_it_back(debtor, gone):
    own = sticky(debtor, IDS)
    for left in ([one for one in IDS if one != gone], [replace(one, rested=one == gone) for one in IDS]):
        now = sticky(debtor, left)
        assert (now == own) is (own != gone)
        assert not now.rested
        assert now.number != gone.number


TEXT = """\
[trunk]
country = "IT"

[collector]
licence_valid_until = 2099-12-31

[campaigns.luce]

[[campaigns.luce.caller_ids]]
number = "+390694801234"
registered = true

[[campaigns.luce.caller_ids]]
number = "+390694801235"

[[mandates]]
creditor = "Luce e Gas S.p.A."

[[mandates.caller_ids]]
number = "+390245678901"
registered = true
"""


@pytest.fixture
def load(tmp_path):
    def load(text):
        (tmp_path / "dialer.toml").write_text(text)
        return settings.load(tmp_path / "dialer.toml")

    return load


def test_a_campaign_has_several_and_a_mandate_its_own(load):
    campaign = configured.campaign(load(TEXT), "luce")
    assert [(one.number, one.registered) for one in campaign.caller_ids] == [
        ("+390694801234", True),
        ("+390694801235", False),
    ]
    seen = {campaign.caller_id_of(debtor, "Acqua").number for debtor in range(100)}
    assert seen == {"+390694801234", "+390694801235"}
    assert {campaign.caller_id_of(debtor, "Luce e Gas S.p.A.").number for debtor in range(100)} == {"+390245678901"}


def test_one_alone_stays_one_line(load):
    loaded = load('[campaigns.luce]\ncaller_id = "+390694801234"\ncaller_id_registered = true\n')
    assert configured.campaign(loaded, "luce").caller_id_of(7, "Acqua") == CallerId("+390694801234", registered=True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[campaigns.luce]\n", "caller_id: missing"),
        (TEXT.replace("[campaigns.luce]\n", '[campaigns.luce]\ncaller_id = "+390694801234"\n'), "put all of them into"),
        (TEXT.replace("801235", "801234"), "+390694801234 stands twice"),
        (TEXT.replace("+390694801235", "0694801235"), "not in E.164"),
        (TEXT.replace("+390694801235", "+390844123456"), "0843 is for statistics"),
        (TEXT.replace("+390694801235", "+39899123456"), "whoever calls it back pays"),
        (
            TEXT.replace("registered = true", "registred = true", 1),
            "unknown key; known here: number, registered, rested",
        ),
        (TEXT + "rested = true\n", "every one is rested"),
    ],
)
def test_a_wrong_one_is_told(load, text, words):
    with pytest.raises(InputError) as caught:
        load(text)
    assert words in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('country = "IT"', 'country = "FR"', "+390694801234 over the trunk trunk: it-unirec requires trunk_domestic"),
        ('number = "+390694801235"', 'number = "+390694801235"\nregistered = false', "+390694801235 over the trunk"),
        ('"+390245678901"\nregistered = true', '"+390245678901"', "+390245678901 over the trunk"),
    ],
)
def test_check_names_the_number_and_the_trunk_that_would_be_refused(load, old, new, words):
    good = TEXT.replace('"+390694801235"\n', '"+390694801235"\nregistered = true\n')
    (well,) = [one for one in check._local(load(good)) if one.what == "facts"]
    assert well.well
    bad = (TEXT if old.startswith("number") else good).replace(old, new)
    (facts,) = [one for one in check._local(load(bad)) if one.what == "facts"]
    assert not facts.well
    assert words in facts.seen
    assert facts.remedy
