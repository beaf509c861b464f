"""Pages, tables and charts for people, from the journal. Needs the extra ``motionkit[report]``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from motionkit._support.exports import exports

if TYPE_CHECKING:
    from motionkit.report.board import Board, board_of
    from motionkit.report.board import serve as serve_board
    from motionkit.report.charts import Chart, draw_charts
    from motionkit.report.figures import Figures, read_figures
    from motionkit.report.page import Report, in_the_way, write_report
    from motionkit.report.ratings import Imported, import_ratings
    from motionkit.report.views import (
        DecisionView,
        FilmView,
        MediaView,
        MoneyView,
        PurchaseView,
        RequestView,
        Tone,
        purchase_view,
        request_views,
    )

__all__ = [
    "Board",
    "Chart",
    "DecisionView",
    "Figures",
    "FilmView",
    "Imported",
    "MediaView",
    "MoneyView",
    "PurchaseView",
    "Report",
    "RequestView",
    "Tone",
    "board_of",
    "draw_charts",
    "import_ratings",
    "in_the_way",
    "purchase_view",
    "read_figures",
    "request_views",
    "serve_board",
    "write_report",
]

__getattr__, __dir__ = exports(
    __name__,
    {
        "motionkit.report.board": "Board board_of serve_board=serve",
        "motionkit.report.charts": "Chart draw_charts",
        "motionkit.report.figures": "Figures read_figures",
        "motionkit.report.ratings": "Imported import_ratings",
        "motionkit.report.page": "Report in_the_way write_report",
        "motionkit.report.views": (
            "DecisionView FilmView MediaView MoneyView PurchaseView RequestView Tone "
            "purchase_view request_views"
        ),
    },
)
