"""Fonts, styles and the few kinds of blocks that the document is made of: the one door to reportlab."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from validation.errors import UsageError

INK, SOFT, RULE, GROUND, WHITE = "#17202a", "#5c6b78", "#d5dce2", "#eef2f5", "#ffffff"
WIDTH_MM, MARGIN_MM = 174.0, 18.0
WHOLE = (0, 0), (-1, -1)


class Press:
    """Makes blocks, and prints a list of them. Raises UsageError if reportlab is not installed."""

    def __init__(self) -> None:
        try:
            import reportlab  # noqa: PLC0415  the one door to an optional dependency
            from reportlab import platypus  # noqa: PLC0415
            from reportlab.lib import colors, pagesizes, styles, units  # noqa: PLC0415
            from reportlab.pdfbase import pdfmetrics, ttfonts  # noqa: PLC0415
        except ImportError as error:
            raise UsageError("a PDF needs the package reportlab: pip install medtorch[validation]") from error
        fonts = Path(reportlab.__file__).parent / "fonts"
        for name, file in (("Text", "Vera"), ("Text-Bold", "VeraBd"), ("Text-Italic", "VeraIt")):
            pdfmetrics.registerFont(ttfonts.TTFont(name, str(fonts / f"{file}.ttf")))
        pdfmetrics.registerFontFamily("Text", "Text", "Text-Bold", "Text-Italic", "Text-Bold")
        self._platypus, self._style = platypus, styles.ParagraphStyle
        self._mm, self._page, self._colour = units.mm, pagesizes.A4, colors.HexColor

    def text(self, markup: str, size: float = 8.2, colour: str = INK, **more: Any) -> Any:
        """A paragraph. `markup` is escaped text with our own <b>, <i> and <font> in it."""
        made = self._style("p", fontName="Text", fontSize=size, leading=size * 1.38, **more)
        made.textColor = self._colour(colour)
        return self._platypus.Paragraph(markup, made)

    def heading(self, text: str) -> Any:
        return self.text(f"<b>{escape(text)}</b>", 12.5, spaceBefore=13, spaceAfter=5, keepWithNext=1)

    def bullets(self, lines: Sequence[str]) -> list[Any]:
        return [self.text(escape(line), leftIndent=9, spaceAfter=2, bulletText="·") for line in lines]

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[float]) -> Any:
        """A table with a head that is repeated on each page; `widths` are shares of the page. Cells are markup."""
        shown = [[self.text(f"<b>{escape(cell)}</b>", 7.4, SOFT) for cell in head]]
        shown += [[self.text(cell, 7.6) for cell in row] for row in rows]
        made = self._platypus.Table(shown, colWidths=[width * WIDTH_MM * self._mm for width in widths], repeatRows=1)
        line = ("LINEBELOW", *WHOLE, 0.4, self._colour(RULE))
        ground = ("BACKGROUND", (0, 0), (-1, 0), self._colour(GROUND))
        made.setStyle([("VALIGN", *WHOLE, "TOP"), ("PADDING", *WHOLE, 3), line, ground])
        return made

    def section(
        self, title: str, head: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[float]
    ) -> list[Any]:
        return [self.heading(title), self.table(head, rows, widths)]

    def banner(self, markup: str, colour: str) -> Any:
        """White on a colour, over the whole width."""
        made = self._platypus.Table([[self.text(markup, 11, WHITE)]], colWidths=[WIDTH_MM * self._mm])
        made.setStyle([("BACKGROUND", *WHOLE, self._colour(colour)), ("PADDING", *WHOLE, 9)])
        return made

    def gap(self, height_mm: float) -> Any:
        return self._platypus.Spacer(1, height_mm * self._mm)

    def print(self, story: list[Any], *, title: str, author: str, foot: str) -> bytes:
        """The document; the same story gives the same bytes."""
        stream = io.BytesIO()
        margin = MARGIN_MM * self._mm
        sides = dict.fromkeys(("leftMargin", "rightMargin", "topMargin", "bottomMargin"), margin)
        document = self._platypus.SimpleDocTemplate(
            stream, pagesize=self._page, title=title, author=author, invariant=1, **sides
        )

        def number(canvas: Any, page: Any) -> None:
            canvas.setFont("Text", 6.6)
            canvas.setFillColor(self._colour(SOFT))
            canvas.drawString(margin, 10 * self._mm, foot)
            canvas.drawRightString(self._page[0] - margin, 10 * self._mm, f"page {page.page}")

        document.build(story, onFirstPage=number, onLaterPages=number)
        return stream.getvalue()
