"""Check what a text can be used for, and write counts, durations and verdicts for people."""

from __future__ import annotations


def is_text(value: str) -> bool:
    """Return whether a text can be sent: undecodable bytes of a command line cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_name(value: str) -> bool:
    """Return whether a text can name something in every database: it has no NUL character."""
    return is_text(value) and "\0" not in value


def many(count: int, noun: str) -> str:
    """Return a number of things: "1 item", "1,500 items"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def verdict_text(verdict: str) -> str:
    """Return the verdict of a route's decision as people read it."""
    return {"passed_over": "not tried", "ruled_out": "ruled out"}.get(verdict, verdict)


def duration(seconds: float) -> str:
    """Return seconds in a suitable unit."""
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest and minutes < 10 else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d"
