"""Letters as PDF: A4, the address where a window envelope shows it, pages numbered.

Set in Source Sans Pro (SIL Open Font License), embedded: it has the letters of Romanian, Albanian and Polish names and
the euro sign, which the fonts that every PDF reader has don't.
"""

import io
import re
import unicodedata
from functools import cache
from importlib import resources
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate, Paragraph, Spacer, Table, TableStyle
from reportlab.platypus.flowables import Flowable

from dialer.cases.debtor import Address
from dialer.cases.letter import Letter, LetterContent

FONT, BOLD = "SourceSansPro-Regular", "SourceSansPro-Bold"
MARGIN = 22 * mm
WINDOW_LEFT, WINDOW_TOP, WINDOW_WIDTH = 110 * mm, 50 * mm, 80 * mm
"""Of the address, from the sheet's upper left corner: the window of an Italian envelope stands at the right."""
BODY_TOP = 95 * mm
_PLAIN = ParagraphStyle("plain", fontName=FONT, fontSize=10.5, leading=14)
_RIGHT = ParagraphStyle("right", parent=_PLAIN, alignment=TA_RIGHT)
_SUBJECT = ParagraphStyle("subject", parent=_PLAIN, fontName=BOLD, spaceAfter=10)
_COLUMN = re.compile(r"\s*\|\s*")


def missing_signs(content: LetterContent) -> list[str]:
    """The signs of a letter that its font lacks, as U+4E2D: it would print empty boxes."""
    glyphs = _fonts()
    found = {
        sign for line in _lines(content) for sign in _composed(line) if not sign.isspace() and ord(sign) not in glyphs
    }
    return [f"U+{ord(sign):04X}" for sign in sorted(found)]


def render(letter: Letter) -> bytes:
    """The letter as PDF; the same letter gives the same bytes."""
    _fonts()
    content, out = letter.content, io.BytesIO()
    width, height = A4
    first = Frame(MARGIN, MARGIN, width - 2 * MARGIN, height - BODY_TOP - MARGIN, 0, 0, 0, 0)
    later = Frame(MARGIN, MARGIN, width - 2 * MARGIN, height - 2 * MARGIN, 0, 0, 0, 0)
    document = BaseDocTemplate(out, pagesize=A4, invariant=1, title=content.subject, author=content.sender[0])
    document.addPageTemplates(
        [
            PageTemplate(
                "first", [first], onPage=lambda canvas, _: _head(canvas, letter), autoNextPageTemplate="later"
            ),
            PageTemplate("later", [later], onPage=lambda canvas, _: _foot(canvas, letter)),
        ]
    )
    document.build([Paragraph(_escaped(content.subject), _SUBJECT), *_body(content.body)])
    return out.getvalue()


def address_lines(name: str, address: Address | None) -> tuple[str, ...]:
    """As they stand on the envelope."""
    if address is None:
        return (name,)
    city = f"{address.postal_code} {address.city} {address.province}".strip()
    return (name, address.street, city, *([address.country] if address.country not in ("", "IT") else []))


@cache
def _fonts() -> frozenset[int]:
    """Registers the fonts; the signs that both have."""
    files = resources.files("font_source_sans_pro") / "files"
    known: list[set[int]] = []
    for name in (FONT, BOLD):
        with resources.as_file(files / f"{name}.ttf") as path:
            font = TTFont(name, str(path))
        pdfmetrics.registerFont(font)
        known.append(set(font.face.charToGlyph))
    return frozenset(known[0] & known[1])


def _body(text: str) -> list[Flowable]:
    """Paragraphs, parted by empty lines; lines between bars are the rows of a table."""
    found: list[Flowable] = []
    for block in re.split(r"\n\s*\n", text):
        rows = [line.strip() for line in block.splitlines() if line.strip()]
        if rows and all(row.startswith("|") and row.endswith("|") for row in rows):
            found.append(_table([_COLUMN.split(row[1:-1].strip()) for row in rows]))
        else:
            found.append(Paragraph("<br/>".join(map(_escaped, rows)), _PLAIN))
        found.append(Spacer(0, 8))
    return found


def _table(rows: list[list[str]]) -> Table:
    """The last column stands at the right: amounts."""
    columns = max(len(row) for row in rows)
    cells: list[list[Any]] = [
        [Paragraph(_escaped(cell), _RIGHT if column == columns - 1 else _PLAIN) for column, cell in enumerate(row)]
        + [""] * (columns - len(row))
        for row in rows
    ]
    width = A4[0] - 2 * MARGIN
    narrow = min(35 * mm, width / columns)
    table = Table(cells, colWidths=[width - narrow * (columns - 1), *[narrow] * (columns - 1)])
    lines = ("LINEBELOW", (0, 0), (-1, -1), 0.25, "#bbbbbb")
    table.setStyle(TableStyle([lines, ("VALIGN", (0, 0), (-1, -1), "TOP"), ("TOPPADDING", (0, 0), (-1, -1), 1)]))
    return table


def _head(canvas: Canvas, letter: Letter) -> None:
    content = letter.content
    _write(canvas, content.sender, MARGIN, 25 * mm, A4[0] - 2 * MARGIN)
    _write(canvas, address_lines(content.name, content.address), WINDOW_LEFT, WINDOW_TOP, WINDOW_WIDTH)
    _foot(canvas, letter)


def _write(canvas: Canvas, lines: tuple[str, ...], left: float, top: float, width: float) -> None:
    paragraph = Paragraph("<br/>".join(map(_escaped, lines)), _PLAIN)
    _, height = paragraph.wrap(width, A4[1])
    paragraph.drawOn(canvas, left, A4[1] - top - height)


def _foot(canvas: Canvas, letter: Letter) -> None:
    canvas.setFont(FONT, 8)
    canvas.drawString(MARGIN, 12 * mm, letter.id)
    canvas.drawRightString(A4[0] - MARGIN, 12 * mm, str(canvas.getPageNumber()))


def _lines(content: LetterContent) -> list[str]:
    return [*content.sender, *address_lines(content.name, content.address), content.subject, content.body]


def _composed(text: str) -> str:
    """A letter and its accent as one sign, as fonts have it."""
    return unicodedata.normalize("NFC", text)


def _escaped(text: str) -> str:
    return escape(_composed(text))
