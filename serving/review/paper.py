"""Sheets of paper: headings, pairs, tables and signed bars, in one typeface, as PDF."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import distribution
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import FontFace

FACE = "DejaVu"
INK, SOFT, RULE = (28, 32, 38), (92, 98, 108), (208, 212, 218)
UP, DOWN = (178, 86, 20), (28, 98, 168)
"""Ink of what raises and what lowers; they also lie on different sides and carry a sign."""

_MARGIN_MM, _BODY_PT, _LINE_MM = 18.0, 9.0, 4.6
_FOLDER = "matplotlib/mpl-data/fonts/ttf"


class Paper(FPDF):
    """An A4 document whose foot says on each sheet what it is of; the same content gives the same bytes."""

    def __init__(self, title: str, made: datetime, foot: Sequence[str]) -> None:
        super().__init__(format="A4")
        self._foot = tuple(foot)
        for style, name in (("", "DejaVuSans.ttf"), ("B", "DejaVuSans-Bold.ttf")):
            self.add_font(FACE, style, _font(name))
        self.set_margins(_MARGIN_MM, _MARGIN_MM)
        self.set_auto_page_break(True, _MARGIN_MM + len(self._foot) * 3.6)
        self.set_title(title)
        self.set_lang("en")
        self.set_creation_date(made)
        self.set_producer("Rxplain")
        self.add_page()

    def footer(self) -> None:
        """What fpdf2 calls at the end of each sheet."""
        self.set_y(-(_MARGIN_MM - 4.0) - len(self._foot) * 3.6)
        self._ink(SOFT, 6.5)
        for line in self._foot:
            self.cell(0, 3.4, line, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.cell(0, 3.4, f"Page {self.page_no()} of {{nb}}", align="R")

    def heading(self, text: str, size: float = 11.0) -> None:
        """A heading, kept with what follows it."""
        if self.will_page_break(24.0):
            self.add_page()
        self.ln(3.0)
        self._ink(INK, size, "B")
        self.multi_cell(0, size * 0.5, text, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(1.0)

    def said(self, text: str, size: float = _BODY_PT, soft: bool = False, bold: bool = False) -> None:
        """A paragraph; none for no text."""
        if text:
            self._ink(SOFT if soft else INK, size, "B" if bold else "")
            self.multi_cell(0, size * 0.51, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def pairs(self, rows: Sequence[tuple[str, str]]) -> None:
        """Names and what they are, in two columns."""
        if rows:
            self.table_of((), [list(row) for row in rows], (38, 62))

    def table_of(
        self,
        head: Sequence[str],
        rows: Sequence[Sequence[str]],
        widths: Sequence[int],
        n_texts: int = 1,
    ) -> None:
        """A table; with a head, columns after the first `n_texts` hold figures and are set to the right."""
        self._ink(INK, 8.0)
        self.set_draw_color(*RULE)
        self.set_fill_color(255)
        n_figures = len(widths) - n_texts if head else 0
        align = ("LEFT",) * (len(widths) - n_figures) + ("RIGHT",) * n_figures
        with self.table(
            col_widths=tuple(widths),
            text_align=align,
            borders_layout="HORIZONTAL_LINES",
            first_row_as_headings=bool(head),
            headings_style=FontFace(emphasis="BOLD", color=SOFT, size_pt=7.5),
            line_height=_LINE_MM,
            padding=(0.5, 1.0),
        ) as table:
            for row in [head, *rows] if head else rows:
                cells = table.row()
                for text in row:
                    cells.cell(text)
        self.ln(1.5)

    def bars(self, rows: Sequence[tuple[str, str, float, str]]) -> None:
        """Rows of a label, a value, a signed amount drawn as a bar from the middle, and what it reaches."""
        largest = max((abs(amount) for _, _, amount, _ in rows), default=0.0) or 1.0
        left, width = self.l_margin, self.epw
        middle, reach = left + 0.66 * width, 0.13 * width
        for label, value, amount, reached in rows:
            if self.will_page_break(_LINE_MM + 1.0):
                self.add_page()
            top = self.get_y()
            self._ink(INK, 8.0)
            self.cell(0.36 * width, _LINE_MM, self._fitting(label, 0.35 * width))
            self._ink(SOFT, 8.0)
            self.cell(0.16 * width, _LINE_MM, self._fitting(value, 0.15 * width))
            length = reach * abs(amount) / largest
            self.set_fill_color(*(UP if amount > 0 else DOWN))
            if length > 0:
                self.rect(middle if amount > 0 else middle - length, top + 1.0, length, 2.6, style="F")
            self.set_draw_color(*RULE)
            self.line(middle, top, middle, top + _LINE_MM)
            self._ink(INK, 8.0)
            self.set_xy(left + 0.80 * width, top)
            self.cell(0.20 * width, _LINE_MM, reached, align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(1.5)

    def _fitting(self, text: str, width: float) -> str:
        """The text, or as much of its beginning as has room."""
        if self.get_string_width(text) <= width:
            return text
        while text and self.get_string_width(f"{text}…") > width:
            text = text[:-1]
        return f"{text}…"

    def _ink(self, colour: tuple[int, int, int], size: float, style: str = "") -> None:
        self.set_text_color(*colour)
        self.set_font(FACE, style, size)


def _font(name: str) -> Path:
    """A font that matplotlib's distribution carries; it is read as a file, matplotlib is not imported."""
    return Path(str(distribution("matplotlib").locate_file(f"{_FOLDER}/{name}")))
