"""The report as a PDF for files and printers: the same words as the page, as text that can be searched and copied."""

from validation.pdf.document import render_pdf

__all__ = ["render_pdf"]
