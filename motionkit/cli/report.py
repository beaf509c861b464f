"""The verb `report`: a page on which the results of each request play in step."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import attrs

from motionkit._support.text import many
from motionkit.cli import exit_codes
from motionkit.cli.options import ConfigFile, Json
from motionkit.cli.parameters import Argument, Option
from motionkit.cli.screen import Screen
from motionkit.client import Client
from motionkit.errors import InvalidRequest
from motionkit.model.labels import read_labels

_FOLDER = "motionkit-report"


def report(
    keys: Annotated[
        list[str] | None,
        Argument(
            metavar="KEY",
            help="Jobs by key or job id, or all whose key begins so. Default: all that the options "
            "choose.",
        ),
    ] = None,
    *,
    label: Annotated[
        list[str] | None,
        Option(metavar="NAME=VALUE", help="Only jobs with this label. Repeatable."),
    ] = None,
    batch: Annotated[str | None, Option(metavar="ID", help="Only jobs of this batch.")] = None,
    since: Annotated[
        str | None,
        Option(
            metavar="WHEN",
            help="Only jobs that were submitted since then: an age such as 12h or 30d, a date or "
            "an ISO time (UTC where no zone is named).",
        ),
    ] = None,
    state: Annotated[
        list[str] | None,
        Option(metavar="STATE", help="Only jobs in this state, as in 'jobs'. Repeatable."),
    ] = None,
    account: Annotated[
        str | None, Option(metavar="NAME", help="Only jobs of this account.")
    ] = None,
    route: Annotated[str | None, Option(metavar="NAME", help="Only jobs of this route.")] = None,
    search: Annotated[
        str | None, Option(metavar="TEXT", help="Only jobs with this text, as in 'jobs'.")
    ] = None,
    out: Annotated[
        str | None,
        Option(metavar="FOLDER", help=f"Where the page goes. Default: {_FOLDER}."),
    ] = None,
    inline: Annotated[
        str | None,
        Option(
            metavar="FILE",
            help="Write one file with the films in it instead, of at most 100 MB, to send it.",
        ),
    ] = None,
    copy: Annotated[
        bool,
        Option("--copy", help="Copy films and media into the folder, so that it can be moved."),
    ] = False,
    title: Annotated[str, Option(metavar="TEXT", help="The page's title.")] = "Report",
    opened: Annotated[bool, Option("--open", help="Open the page in the browser.")] = False,
    overwrite: Annotated[
        bool, Option("--overwrite", help="Replace files that no report wrote.")
    ] = False,
    json: Json = False,
    config: ConfigFile = None,
) -> int:
    """Write a page on which the results of each request play in step. Nothing is sent.

    Per request: the reference clip, the picture and every result side by side, with target,
    quality, duration, quote, cost, and why that target was taken. The page works without a network.
    An earlier report in the same place is replaced. Films are linked where they are; --copy and
    --inline take them along.

    Ratings that are given on the page stay in the browser until they are exported there.

    Examples:
      motionkit report --since 7d --open
      motionkit report --label project=spring --out spring --copy
      motionkit report order-17 order-18 --inline orders.html
    """
    if out is not None and inline is not None:
        raise InvalidRequest("--out and --inline exclude each other", field="inline")
    if inline is not None and copy:
        raise InvalidRequest("--inline holds the films anyway; leave --copy out", field="copy")
    from motionkit.report import in_the_way, write_report  # noqa: PLC0415 - after the options are checked

    given = {
        "batch": batch,
        "since": since,
        "state": state,
        "account": account,
        "route": route,
        "search": search,
        "label": read_labels(label) if label else None,
    }
    filters: dict[str, Any] = {name: value for name, value in given.items() if value}
    screen = Screen(json=json)
    place = Path(inline if inline is not None else out or _FOLDER).expanduser()
    if not overwrite and screen.asks and (other := in_the_way(place, inline=inline is not None)):
        screen.confirm(f"replace {other}, which no report wrote?")
        overwrite = True
    with Client(config) as client:
        made = write_report(
            client,
            place,
            keys or (),
            inline=inline is not None,
            copy=copy,
            overwrite=overwrite,
            title=title,
            **filters,
        )
    data = attrs.asdict(made, recurse=False)
    data |= {"file": str(made.file), "figures": made.figures.to_dict()}
    screen.note(
        f"{many(made.requests, 'request')}, {many(made.jobs, 'job')}, {many(made.films, 'film')}"
        + (f"; {many(made.missing, 'film')} not on this machine" if made.missing else "")
    )
    if inline is not None and made.large:
        screen.note(f"the file has {made.size / 1e6:.0f} MB: too large for most mail")
    if made.others:
        screen.note(
            f"{many(made.others, 'file')} of an earlier report still beside the copies: delete "
            "the folder and write it again before you pass it on"
        )
    screen.answer(data, str(made.file))
    if opened:
        _open(screen, made.file)
    return exit_codes.DONE


def _open(screen: Screen, page: Path) -> None:
    import webbrowser  # noqa: PLC0415 - only with --open

    try:
        found = webbrowser.open(page.as_uri())
    except webbrowser.Error:
        found = False
    if not found:
        screen.note("no browser was found; open the file yourself")
