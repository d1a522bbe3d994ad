"""Letters: what a template must say, when a letter is due, what follows from it, and how it prints."""

import io
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pypdf
import pytest

from dialer.adapters import pdf
from dialer.cases.debtor import Address
from dialer.cases.letter import (
    Letter,
    LetterContent,
    LetterDates,
    LetterKind,
    Then,
    Unpaid,
    parse_letter_id,
)
from dialer.cases.model import CaseState
from dialer.kernel.errors import InputError
from dialer.kernel.money import Money
from dialer.outcomes.lettering import LetterRules, LetterStep, due_because, letter_words, what_follows
from dialer.texts import wording
from dialer.texts.fields import Agency
from dialer.texts.letters import SHIPPED, LetterShelf

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
CONTENT = LetterContent(
    "Ștefan Țîrlea-Łukasz Gjërë",
    Address("Via Roma 1", "00184", "Roma", "RM"),
    "",
    ("Agenzia & Figli <Srl>", "Via Po 2"),
    "Sollecito",
    "Gentile Ștefan,\n\n| Posizione F1 | 1 gennaio 2026 | |\n| capitale | | 1.234,56 € |\n\nFirma\nAgenzia",
)
LETTER = Letter(
    17, 1, LetterKind.REGISTERED, "demand.it", "a1b2", "b", NOW, NOW.date(), "anna", (1,), Money(123456), 15, Then.CALL,
    CONTENT,
)  # fmt: skip


# -- templates ----------------------------------------------------------------------------------------------


def own(tmp_path, name, **changes):
    """A folder with the shipped template of this name, changed."""
    text = (SHIPPED / name).read_text()
    for before, after in changes.values():
        assert before in text
        text = text.replace(before, after)
    (tmp_path / name).write_text(text)
    return tmp_path


def test_the_shipped_templates_say_what_they_must_in_italian_and_english():
    shelf = LetterShelf.read(None)
    assert set(shelf.templates) == {(name, of) for name in ("reminder", "demand") for of in ("it", "en")}
    assert shelf.pick("demand", ("ro", "it")).name == "demand.it"
    assert shelf.pick("demand", ("ro", "pl")) is None
    assert len({template.version for template in shelf.templates.values()}) == 4


@pytest.mark.parametrize(
    "field",
    ["creditor", "collector", "collector_contact", "licence", "how_to_pay", "pay_within_days", "privacy_notice", "demand",
     "total", "debtor", "date"],
)  # fmt: skip
def test_a_template_that_leaves_out_what_the_law_wants_is_refused_with_its_line(tmp_path, field):
    text = (SHIPPED / "demand.it.toml").read_text()
    (tmp_path / "demand.it.toml").write_text(text.replace(f"{{{{ {field} }}}}", "x"))
    with pytest.raises(InputError, match=rf"demand.it.toml:5: a letter must say {field}") as told:
        LetterShelf.read(tmp_path)
    assert field in told.value.remedy


@pytest.mark.parametrize("lost", ["{{ item.amount }}", "{{ debt.reference }}", "{{ debt.left }}"])
def test_the_parts_of_each_debt_are_compulsory(tmp_path, lost):
    with pytest.raises(InputError, match="a letter must say debts"):
        LetterShelf.read(own(tmp_path, "reminder.it.toml", lost=(lost, "")))


def test_hiding_what_must_be_said_in_a_branch_that_never_comes_helps_nobody(tmp_path):
    hidden = ("{{ licence }}", "{% if false %}{{ licence }}{% endif %}")
    with pytest.raises(InputError, match="must say licence"):
        LetterShelf.read(own(tmp_path, "reminder.it.toml", hidden=hidden))


@pytest.mark.parametrize(
    ("before", "after", "line", "says"),
    [
        ("Gentile {{ debtor }}", "Gentile {{ debitor }}", 7, "debitor: no such field"),
        ("Gentile {{ debtor }}", "Gentile {{ debtor !}}", 7, "not a template"),
        ("Gentile {{ debtor }}", "Gentile {{ debtor.nickname }}", 7, "no attribute 'nickname'"),
        ("Gentile {{ debtor }}", "{{ debtor }} {{ 1 // 0 }}", 7, "ZeroDivisionError"),
        ("Gentile {{ debtor }}", "{{ debtor.__class__.__mro__ }}", 7, "unsafe"),
        ("Gentile {{ debtor }}", "{% include '/etc/passwd' %}", 7, "can't be computed"),
        ("Gentile {{ debtor }}", "{{ debtor * 99999999 }}", 7, "characters"),
        ('name = "Soll', 'colour = "red"\nname = "Soll', 2, "unknown key"),
        ("'''\nprivacy_notice", "''\nprivacy_notice", 1, "not TOML"),
    ],
)
def test_a_template_that_is_none_is_refused_with_file_and_line(tmp_path, before, after, line, says):
    with pytest.raises(InputError) as told:
        LetterShelf.read(own(tmp_path, "reminder.it.toml", change=(before, after)))
    assert str(tmp_path / "reminder.it.toml") in str(told.value)
    assert says in str(told.value)
    if says not in ("not TOML", "characters"):
        assert f"reminder.it.toml:{line}: " in str(told.value)
    assert told.value.remedy


def test_an_own_template_wins_and_another_language_is_added(tmp_path):
    own(tmp_path, "reminder.it.toml", change=("Gentile", "Egregio"))
    (tmp_path / "demand.ro.toml").write_text((SHIPPED / "demand.it.toml").read_text())
    shelf = LetterShelf.read(tmp_path)
    assert shelf.pick("reminder", ("it",)).version != LetterShelf.read(None).pick("reminder", ("it",)).version
    assert shelf.pick("demand", ("ro", "it")).name == "demand.ro"
    (tmp_path / "sollecito.it.toml").write_text("x = 1")
    with pytest.raises(InputError, match="not the name of a letter"):
        LetterShelf.read(tmp_path)
    with pytest.raises(InputError, match="No such file"):
        LetterShelf.read(tmp_path / "nowhere")


def test_a_reminder_demands_nothing_formally_and_a_demand_does(tmp_path):
    (tmp_path / "reminder.it.toml").write_text((SHIPPED / "demand.it.toml").read_text())
    with pytest.raises(InputError, match="demand: not in a reminder"):
        LetterShelf.read(tmp_path)


def test_amounts_and_days_are_written_as_the_language_has_it():
    assert wording.amount(Money(123456789), "it") == "1.234.567,89 €"
    assert wording.amount(Money(-5, "CHF"), "it") == "-0,05 CHF"
    assert wording.amount(Money(123456), "en") == "€1,234.56"
    assert wording.amount(Money(5, "CHF"), "en") == "CHF 0.05"
    days = [wording.day(date(2026, 3, 1), of) for of in ("it", "en", "ro")]
    assert days == ["1 marzo 2026", "1 March 2026", "01/03/2026"]
    assert wording.day(None, "it") == ""


# -- when one is due ----------------------------------------------------------------------------------------

LADDER = (
    LetterStep(LetterKind.REMINDER, 5, 15, Then.CALL),
    LetterStep(LetterKind.REGISTERED, 10, 20, Then.ESCALATE),
)
RULES = LetterRules(LADDER, LetterShelf({}), Agency(), "it")


def talked(days_ago, letters=0, over_on=None):
    return Unpaid(17, "k", "Luce", "Europe/Rome", NOW - days_ago * DAY, over_on, 0, letters)


@pytest.mark.parametrize(
    ("case", "due"),
    [
        (talked(4), False),
        (talked(5), True),
        (talked(9, letters=1), False),
        (talked(10, letters=1), True),
        (talked(99, letters=2), False),  # the ladder is at its end: no letter after letter
        (talked(30, over_on=date(2026, 11, 20)), False),  # what was promised has its own time
        (talked(30, over_on=date(2026, 11, 19)), True),
    ],
)
def test_a_letter_is_due_some_days_after_a_call_without_payment(case, due):
    why = due_because(case, RULES, NOW)
    assert (why is not None) is due
    if why:
        assert "a letter is due: nothing was paid within" in why


def test_none_is_due_by_itself_where_nothing_is_configured():
    rules = replace(RULES, ladder=(replace(LADDER[0], after_days=None),))
    assert due_because(talked(999), rules, NOW) is None


def test_the_day_is_the_debtors_own():
    late = datetime(2026, 11, 18, 23, 30, tzinfo=UTC)  # the 19th in Rome
    case = replace(talked(0), talked_at=late)
    assert due_because(case, RULES, datetime(2026, 11, 23, 22, 0, tzinfo=UTC)) is None
    assert due_because(case, RULES, datetime(2026, 11, 23, 23, 30, tzinfo=UTC)) is not None


# -- what follows -------------------------------------------------------------------------------------------


def told(**dates):
    return what_follows(replace(LETTER, dates=LetterDates(**dates)), "Europe/Rome", NOW)


def test_the_case_comes_back_by_itself_after_the_letter_and_says_when_and_why():
    assert told() is None
    sent = told(sent_on=date(2026, 11, 24))
    assert (sent.state, sent.due_at.astimezone(UTC)) == (CaseState.OPEN, datetime(2027, 1, 12, 8, 0, tzinfo=UTC))
    assert sent.why == "letter 17-1 (registered) sent on 2026-11-24: called again from 2027-01-12 unless it is paid"
    received = told(sent_on=date(2026, 11, 24), received_on=date(2026, 11, 27))
    assert (received.state, f"{received.due_at:%Y-%m-%d %H}") == (CaseState.OPEN, "2026-12-16 09")
    assert "received on 2026-11-27: called again from 2026-12-16" in received.why
    assert received.why.startswith(letter_words(LETTER))


def test_or_a_person_decides():
    later = what_follows(replace(LETTER, then=Then.ESCALATE, dates=LetterDates(date(2026, 11, 24))), "", NOW)
    assert (later.state, "a person decides from 2027-01-12" in later.why) == (CaseState.ESCALATED, True)
    back = told(sent_on=date(2026, 11, 24), returned_on=date(2026, 11, 30))
    assert (back.state, back.due_at) == (CaseState.ESCALATED, NOW)
    again = told(cancelled_on=date(2026, 11, 24))
    assert (again.state, again.due_at) == (CaseState.LETTER, NOW)


@pytest.mark.parametrize(
    ("dates", "says"),
    [
        ({"sent_on": date(2026, 11, 23)}, "before the letter was written"),
        ({"received_on": date(2026, 11, 26)}, "hasn't come yet"),
        ({"sent_on": date(2026, 11, 25), "received_on": date(2026, 11, 24)}, "before it was sent"),
        ({"received_on": date(2026, 11, 24), "returned_on": date(2026, 11, 24)}, "it was received"),
        ({"sent_on": date(2026, 11, 24), "cancelled_on": date(2026, 11, 24)}, "it was sent"),
    ],
)
def test_days_that_cannot_be_are_refused(dates, says):
    with pytest.raises(InputError, match=says):
        LetterDates(**dates).check(date(2026, 11, 24), date(2026, 11, 24))


@pytest.mark.parametrize("tracking", ["4111 1111 1111 1111", "x" * 101, "a\nb"])
def test_a_tracking_number_is_one_short_line_and_no_card(tracking):
    with pytest.raises(InputError):
        LetterDates(tracking=tracking)


@pytest.mark.parametrize("text", ["", "17", "17-", "-1", "a-1", "17-1-1", "²-1", "9999999999-1", "17-99999"])
def test_what_names_no_letter(text):
    with pytest.raises(LookupError):
        parse_letter_id(text)


# -- the PDF ------------------------------------------------------------------------------------------------


def printed(letter):
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf.render(letter))).pages]


def test_a_letter_prints_every_sign_of_a_name_from_romania_poland_albania_and_the_euro():
    (page,) = printed(LETTER)
    for words in ("Ștefan Țîrlea-Łukasz Gjërë", "1.234,56 €", "Agenzia & Figli <Srl>", "00184 Roma RM", "17-1"):
        assert words in page
    assert pdf.missing_signs(CONTENT) == []
    fonts = pypdf.PdfReader(io.BytesIO(pdf.render(LETTER))).pages[0]["/Resources"]["/Font"]
    embedded = [font["/FontDescriptor"] for of in fonts.values() if "/FontDescriptor" in (font := of.get_object())]
    assert any("/FontFile2" in descriptor for descriptor in embedded)


def test_an_accent_that_comes_apart_from_its_letter_prints_as_one_sign():
    apart = replace(CONTENT, name="Nicolo\u0300")
    assert pdf.missing_signs(apart) == []
    assert "Nicolò" in printed(replace(LETTER, content=apart))[0]


def test_a_sign_that_the_font_lacks_is_told_and_never_printed_as_a_box():
    assert pdf.missing_signs(replace(CONTENT, name="王 Wang")) == ["U+738B"]


def test_a_long_letter_goes_on_on_further_pages_with_their_numbers():
    rows = "\n".join(f"| fattura {n} | | {n},00 € |" for n in range(120))
    pages = printed(replace(LETTER, content=replace(CONTENT, body=f"Gentile,\n\n{rows}\n\nFine")))
    assert len(pages) > 2
    assert "fattura 119" in pages[-1]
    assert [page.split()[1] if page.startswith("17-1") else page.rstrip().split()[-1] for page in pages]
    assert "Via Roma 1" in pages[0]
    assert "Via Roma 1" not in pages[1]


def test_the_same_letter_gives_the_same_bytes():
    assert pdf.render(LETTER) == pdf.render(LETTER)
