"""The router as a literal table of situations, and what must hold in every situation."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionkit import errors
from motionkit._support import backoff
from motionkit.errors import Billed
from motionkit.http import NotSent
from motionkit.model import codec
from motionkit.model.money import Balance, Basis, Quote, Unit
from motionkit.routing import (
    CAUSES,
    SENTENCES,
    SHORT,
    Breaker,
    Candidate,
    Decision,
    Reason,
    Route,
    Row,
    Stage,
    Stop,
    Tried,
    Try,
    Verdict,
    Wait,
    cause_of,
    claim,
    decide,
    follow,
    suffices,
    trip,
)
from motionkit.routing.circuit_breaker import Gate, cooldown
from motionkit.routing.reasons import VERDICTS
from motionkit.routing.router import _RULED_OUT_ERRORS

NOW = 1000.0
NO, YES, UNKNOWN = Billed.NO, Billed.YES, Billed.UNKNOWN


def quote(high: str | None, likely: str | None = None, low: str | None = None) -> Quote:
    amounts = [None if text is None else Decimal(text) for text in (low, likely or high, high)]
    low_, likely_, high_ = amounts
    return Quote(
        low=low_,
        likely=likely_,
        high=high_,
        unit=Unit.USD,
        usd_low=low_,
        usd_likely=likely_,
        usd_high=high_,
        basis=Basis.LISTED,
        source="a page",
        as_of=dt.date(2026, 1, 2),
    )


POOR, RICH = (Balance(Decimal(held), Unit.USD, Decimal(held)) for held in (0, 1_000_000))


def can(target: str, **facts: Any) -> Candidate:
    usual = {"quote": quote("1.00", low="1.00"), "expected_seconds": 60.0}
    return Candidate(**{"target": target} | usual | facts)


def route(**rules: Any) -> Route:
    """Return a route with these rules; by default it falls back on every cause."""
    usual: dict[str, Any] = {"name": "route", "targets": ("a", "b"), "fall_back_on": tuple(CAUSES)}
    return Route(**usual | rules)


def had(
    target: str,
    stage: str,
    error: str | None = None,
    billed: Billed = NO,
    at: float = NOW,
    **more: Any,
) -> Tried:
    kind = getattr(errors, error) if error else None
    return Tried(target=target, stage=Stage(stage), error=kind, billed=billed, at=at, **more)


def shut(cause: str, until: float, probe_until: float = 0.0) -> Breaker:
    return Breaker(cause, 1, until, probe_until)


def told(decision: Decision) -> tuple[str, str]:
    """Return the action and the rows as one line each."""
    action = decision.action
    if isinstance(action, Try):
        word = " ".join(["try", action.target, *action.probes])
    elif isinstance(action, Wait):
        word = f"wait {action.target} {action.seconds:g}"
    else:
        raised = action.error.__name__ if action.error else "-"
        word = f"{action.reason.value} {raised}"
    return word, " ".join(f"{row.target}:{row.reason.value}" for row in decision.rows)


AB = (can("a"), can("b"))
A = (can("a"),)
LOST = had("a", "submit", "ProviderUnavailable", UNKNOWN)
FAILED = had("a", "wait", "JobFailed", UNKNOWN)
DIRECT: dict[str, Any] = {"fall_back_on": ()}
HELD = "b:not_reached"

SITUATIONS: dict[str, tuple[dict[str, Any], Iterable[Candidate], list[Tried], str, str]] = {
    # Nothing has happened yet.
    "the first goes first": ({}, AB, [], "try a", "a:chosen_first b:stands_by"),
    "the cheapest by its likely price": (
        {"choose": "cheapest"},
        (can("a", quote=quote("2.00", "0.90")), can("b", quote=quote("5.00", "0.80"))),
        [],
        "try b",
        "a:stands_by b:cheapest",
    ),
    "an unknown price is the dearest": (
        {"choose": "cheapest"},
        (can("a", quote=None), can("b", quote=quote("9.00"))),
        [],
        "try b",
        "a:stands_by b:cheapest",
    ),
    "equal prices keep the route's order": (
        {"choose": "cheapest"},
        AB,
        [],
        "try a",
        "a:cheapest b:stands_by",
    ),
    "the fastest": (
        {"choose": "fastest"},
        (can("a", expected_seconds=None), can("b", expected_seconds=90.0)),
        [],
        "try b",
        "a:stands_by b:fastest",
    ),
    "equal durations keep the route's order": (
        {"choose": "fastest"},
        AB,
        [],
        "try a",
        "a:fastest b:stands_by",
    ),
    # Capability comes before price, and price before credits.
    "what cannot do it is left out": (
        {},
        (can("a", problem="no seed"), can("b")),
        [],
        "try b",
        "a:not_capable b:chosen_first",
    ),
    "incapable counts before too dear": (
        {"max_usd": Decimal("0.50")},
        (can("a", problem="no seed"), can("b", quote=quote("0.50"))),
        [],
        "try b",
        "a:not_capable b:chosen_first",
    ),
    "the cheapest of those that can": (
        {"choose": "cheapest"},
        (can("a", quote=quote("0.10"), problem="no seed"), can("b")),
        [],
        "try b",
        "a:not_capable b:cheapest",
    ),
    "no target can": (
        {},
        (can("a", problem="no seed"), can("b", problem="no 4k")),
        [],
        "stop_invalid_everywhere InvalidRequest",
        "a:not_capable b:not_capable",
    ),
    "max_usd looks at the high": (
        {"max_usd": Decimal("1.50")},
        (can("a", quote=quote("1.51", "0.10")), can("b", quote=quote("1.50", "1.40"))),
        [],
        "try b",
        "a:price_above_max b:chosen_first",
    ),
    "an unknown price under a cap is refused": (
        {"max_usd": Decimal("1.50")},
        (can("a", quote=None), can("b", quote=quote(None, "0.10"))),
        [],
        "stop_over_budget BudgetExceeded",
        "a:price_unknown_under_cap b:price_unknown_under_cap",
    ),
    "an unknown price without a cap is tried": (
        {},
        (can("a", quote=None),),
        [],
        "try a",
        "a:chosen_first",
    ),
    "the budget's rest is a cap": (
        {"left": "0.99"},
        (can("a"), can("b", quote=quote("0.99"))),
        [],
        "try b",
        "a:budget_spent b:chosen_first",
    ),
    "an unknown price under a budget is refused": (
        {"left": "10"},
        (can("a", quote=None), can("b")),
        [],
        "try b",
        "a:price_unknown_under_cap b:chosen_first",
    ),
    "the budget is spent": (
        {"left": "0"},
        AB,
        [],
        "stop_over_budget BudgetExceeded",
        "a:budget_spent b:budget_spent",
    ),
    "incapable or too dear ends as too dear": (
        {"max_usd": Decimal("0.10")},
        (can("a", problem="no seed"), can("b")),
        [],
        "stop_over_budget BudgetExceeded",
        "a:not_capable b:price_above_max",
    ),
    "known to lack credits is passed over": (
        {},
        (can("a", balance=POOR), can("b")),
        [],
        "try b",
        "a:no_credits b:chosen_first",
    ),
    "an unknown balance is tried": (
        {},
        (can("a", balance=None), can("b")),
        [],
        "try a",
        "a:chosen_first b:stands_by",
    ),
    "no account can pay": (
        {},
        (can("a", balance=POOR), can("b", balance=POOR)),
        [],
        "stop_no_credits InsufficientCredits",
        "a:no_credits b:no_credits",
    ),
    "lacking credits is no reason where the route does not fall back on it": (
        {"fall_back_on": {"busy"}},
        (can("a", balance=POOR), can("b")),
        [],
        "try a",
        "a:chosen_first b:stands_by",
    ),
    "too dear here, too poor there": (
        {"max_usd": Decimal(2)},
        (can("a", quote=quote("3")), can("b", balance=POOR)),
        [],
        "no_target_left NoTargetLeft",
        "a:price_above_max b:no_credits",
    ),
    # Cooldowns.
    "a resting account is passed over": (
        {},
        (can("a", breakers=(shut("unavailable", NOW + 1),)), can("b")),
        [],
        "try b",
        "a:cooling_down b:chosen_first",
    ),
    "a rest for a cause outside the rules does not count": (
        {"fall_back_on": {"busy"}},
        (can("a", breakers=(shut("unavailable", NOW + 1),)), can("b")),
        [],
        "try a",
        "a:chosen_first b:stands_by",
    ),
    "after its rest one try tells": (
        {},
        (can("a", breakers=(shut("unavailable", NOW),)), can("b")),
        [],
        "try a unavailable",
        "a:half_open_probe b:stands_by",
    ),
    "while another process probes it is passed over": (
        {},
        (can("a", breakers=(shut("credits", NOW - 9, NOW + 9),)), can("b")),
        [],
        "try b",
        "a:cooling_down b:chosen_first",
    ),
    "a probe that ran out lets another one in": (
        {},
        (can("a", breakers=(shut("credits", NOW - 9, NOW),)), can("b")),
        [],
        "try a credits",
        "a:half_open_probe b:stands_by",
    ),
    "with nothing else left a resting account is tried": (
        {},
        (can("a", breakers=(shut("credits", NOW + 99),)), can("b", problem="no seed")),
        [],
        "try a",
        "a:last_resort b:not_capable",
    ),
    "after the other failed a resting account is tried": (
        {},
        (can("a", breakers=(shut("credits", NOW + 99),)), can("b")),
        [had("b", "canary", "ProviderUnavailable")],
        "try a",
        "b:fell_back_unavailable a:last_resort",
    ),
    "a resting account without a slot is not forced": (
        {},
        (can("a", breakers=(shut("credits", NOW + 99),), busy=True),),
        [],
        "stop_all_busy Busy",
        "a:cooling_down",
    ),
    # Busy before a try.
    "a busy account is passed over": (
        {},
        (can("a", busy=True), can("b")),
        [],
        "try b",
        "a:busy_passed_over b:chosen_first",
    ),
    "a busy account is waited for": (
        {"wait_for_slot": 60.0},
        (can("a", busy=True), can("b")),
        [],
        "wait a 5",
        "a:busy_waited_for b:stands_by",
    ),
    "the last bit of the wait is shorter": (
        {"wait_for_slot": 60.0},
        (can("a", busy=True, waited=58.0), can("b")),
        [],
        "wait a 2",
        "a:busy_waited_for b:stands_by",
    ),
    "on_busy next does not wait while another one can": (
        {"wait_for_slot": 60.0, "on_busy": "next"},
        (can("a", busy=True), can("b")),
        [],
        "try b",
        "a:busy_passed_over b:chosen_first",
    ),
    "on_busy next waits when all are busy": (
        {"wait_for_slot": 60.0, "on_busy": "next"},
        (can("a", busy=True), can("b", busy=True)),
        [],
        "wait a 5",
        "a:busy_waited_for b:stands_by",
    ),
    "on_busy next leaves a target that said it was busy": (
        {"wait_for_slot": 60.0, "on_busy": "next"},
        AB,
        [had("a", "submit", "Busy")],
        "try b",
        "a:fell_back_busy b:chosen_first",
    ),
    "on_busy next asks the first one again when all have said so": (
        {"wait_for_slot": 60.0, "on_busy": "next"},
        AB,
        [had("a", "submit", "Busy", at=NOW - 9), had("b", "submit", "Busy")],
        "try a",
        "a:busy_tried_again b:busy_tried_again a:chosen_first",
    ),
    "an overload that passes is waited for": (
        {"wait_for_slot": 60.0},
        AB,
        [had("a", "submit", "ProviderUnavailable", passing=True)],
        "wait a 5",
        "a:busy_tried_again a:busy_waited_for b:stands_by",
    ),
    "an overload that lasts falls back": (
        {"wait_for_slot": 4.0},
        AB,
        [had("a", "submit", "ProviderUnavailable", passing=True)],
        "try b",
        "a:fell_back_unavailable b:chosen_first",
    ),
    "an outage is not waited for": (
        {"wait_for_slot": 60.0},
        AB,
        [had("a", "submit", "ProviderUnavailable")],
        "try b",
        "a:fell_back_unavailable b:chosen_first",
    ),
    "waited long enough": (
        {"wait_for_slot": 60.0},
        (can("a", busy=True, waited=60.0), can("b")),
        [],
        "try b",
        "a:busy_passed_over b:chosen_first",
    ),
    "all are busy": (
        {},
        (can("a", busy=True), can("b", busy=True)),
        [],
        "stop_all_busy Busy",
        "a:busy_passed_over b:busy_passed_over",
    ),
    "busy is tried where the route does not fall back on it": (
        {"fall_back_on": {"unavailable"}},
        (can("a", busy=True), can("b")),
        [],
        "try a",
        "a:chosen_first b:stands_by",
    ),
    "a rate-limited account is waited for until then": (
        {"wait_for_slot": 60.0},
        (can("a", breakers=(shut("rate_limited", NOW + 3),)), can("b")),
        [],
        "wait a 3",
        "a:busy_waited_for b:stands_by",
    ),
    "no wait that cannot be long enough": (
        {"wait_for_slot": 60.0},
        (can("a", breakers=(shut("rate_limited", NOW + 61),)), can("b")),
        [],
        "try b",
        "a:busy_passed_over b:chosen_first",
    ),
    "a rate-limited only target is tried all the same": (
        {},
        (can("a", breakers=(shut("rate_limited", NOW + 61),)),),
        [],
        "try a",
        "a:last_resort",
    ),
    # A free refusal, by cause and stage.
    **{
        f"{error} at {stage} falls back": (
            {},
            AB,
            [had("a", stage, error)],
            "try b",
            f"a:fell_back_{word} b:chosen_first",
        )
        for stage in ("prepare", "canary", "submit")
        for error, word in {
            "ProviderUnavailable": "unavailable",
            "ProtocolError": "unavailable",
            "Busy": "busy",
            "RateLimited": "rate_limited",
            "InsufficientCredits": "credits",
            "AuthenticationError": "authentication",
            "PermissionDenied": "permission",
        }.items()
    },
    **{
        f"{error} at {stage} is the same elsewhere": (
            {},
            AB,
            [had("a", stage, error)],
            f"stop_not_in_fall_back_on {error}",
            f"a:stop_not_in_fall_back_on {HELD}",
        )
        for stage in ("prepare", "submit")
        for error in (
            "InvalidRequest",
            "MediaRejected",
            "ContentBlocked",
            "ConfigError",
            "JournalError",
            "MotionKitError",
        )
    },
    **{
        f"{error} does not fall back unless the rules say so": (
            {"fall_back_on": set(CAUSES) - {word}},
            AB,
            [had("a", "canary", error)],
            f"stop_not_in_fall_back_on {error}",
            f"a:stop_not_in_fall_back_on {HELD}",
        )
        for error, word in {
            "ProviderUnavailable": "unavailable",
            "Busy": "busy",
            "RateLimited": "rate_limited",
            "InsufficientCredits": "credits",
            "AuthenticationError": "authentication",
            "PermissionDenied": "permission",
        }.items()
    },
    "a field that the target cannot express is known late": (
        {},
        AB,
        [had("a", "prepare", "Unsupported")],
        "try b",
        "a:not_capable b:chosen_first",
    ),
    "a budget that another process took": (
        {},
        AB,
        [had("a", "prepare", "BudgetExceeded"), had("b", "prepare", "BudgetExceeded")],
        "stop_over_budget BudgetExceeded",
        "a:budget_spent b:budget_spent",
    ),
    "all failed": (
        {},
        AB,
        [had("a", "canary", "AuthenticationError"), had("b", "submit", "InsufficientCredits")],
        "no_target_left NoTargetLeft",
        "a:fell_back_authentication b:fell_back_credits",
    ),
    "one failed, the other cannot": (
        {},
        (can("a"), can("b", problem="no seed")),
        [had("a", "canary", "ProviderUnavailable")],
        "no_target_left NoTargetLeft",
        "a:fell_back_unavailable b:not_capable",
    ),
    "the only target keeps its own error": (
        {},
        A,
        [had("a", "canary", "AuthenticationError")],
        "stop_only_target AuthenticationError",
        "a:fell_back_authentication",
    ),
    "a direct target keeps its own error": (
        DIRECT,
        A,
        [had("a", "submit", "InsufficientCredits")],
        "stop_not_in_fall_back_on InsufficientCredits",
        "a:stop_not_in_fall_back_on",
    ),
    # Busy after a try.
    "a busy answer is waited for": (
        {"wait_for_slot": 60.0},
        AB,
        [had("a", "submit", "Busy", at=NOW - 1)],
        "wait a 4",
        "a:busy_tried_again a:busy_waited_for b:stands_by",
    ),
    "a direct target waits too": (
        DIRECT | {"wait_for_slot": 60.0},
        A,
        [had("a", "submit", "Busy")],
        "wait a 5",
        "a:busy_tried_again a:busy_waited_for",
    ),
    "after the wait the same target is asked again": (
        {"wait_for_slot": 60.0},
        (can("a", waited=5.0), can("b")),
        [had("a", "submit", "Busy", at=NOW - 5)],
        "try a",
        "a:busy_tried_again a:chosen_first b:stands_by",
    ),
    "the second pause is longer": (
        {"wait_for_slot": 60.0},
        (can("a", waited=8.0), can("b")),
        [had("a", "submit", "Busy", at=NOW - 9), had("a", "submit", "Busy", at=NOW - 3)],
        "wait a 5",
        "a:busy_tried_again a:busy_tried_again a:busy_waited_for b:stands_by",
    ),
    "a pause beyond the wait is not begun": (
        {"wait_for_slot": 14.0},
        (can("a", waited=5.0), can("b")),
        [had("a", "submit", "Busy", at=NOW - 9), had("a", "submit", "Busy")],
        "try b",
        "a:busy_tried_again a:fell_back_busy b:chosen_first",
    ),
    "the vendor's own pause goes first": (
        {"wait_for_slot": 60.0},
        AB,
        [had("a", "submit", "RateLimited", retry_after=3.0)],
        "wait a 3",
        "a:busy_tried_again a:busy_waited_for b:stands_by",
    ),
    "a pause of more than the wait falls back": (
        {"wait_for_slot": 60.0},
        AB,
        [had("a", "submit", "RateLimited", retry_after=61.0)],
        "try b",
        "a:fell_back_rate_limited b:chosen_first",
    ),
    "our own attempt knows the pause better than the account's cooldown": (
        {"wait_for_slot": 60.0},
        (can("a", breakers=(shut("busy", NOW + 500),)), can("b")),
        [had("a", "submit", "Busy")],
        "wait a 5",
        "a:busy_tried_again a:busy_waited_for b:stands_by",
    ),
    "busy, and then put to rest by another process": (
        {"wait_for_slot": 60.0},
        (can("a", breakers=(shut("unavailable", NOW + 500),)),),
        [had("a", "submit", "Busy")],
        "stop_only_target Busy",
        "a:busy_tried_again a:cooling_down",
    ),
    "a direct target's wait is over": (
        DIRECT | {"wait_for_slot": 4.0},
        A,
        [had("a", "submit", "Busy")],
        "stop_not_in_fall_back_on Busy",
        "a:stop_not_in_fall_back_on",
    ),
    # What may have arrived is sticky.
    **{
        f"{error} on the paid call may have bought": (
            {"paid_retries": 5},
            AB,
            [had("a", "submit", error, UNKNOWN)],
            "stop_maybe_bought SubmitUncertain",
            f"a:stop_maybe_bought {HELD}",
        )
        for error in (
            "ProviderUnavailable",
            "ProtocolError",
            "SubmitUncertain",
            "JournalError",
            "Busy",
            "JobFailed",
        )
    },
    "uncertain whatever the error says of money": (
        {},
        AB,
        [had("a", "submit", "SubmitUncertain", NO)],
        "stop_maybe_bought SubmitUncertain",
        f"a:stop_maybe_bought {HELD}",
    ),
    "the flag alone is enough": (
        {},
        AB,
        [had("a", "submit", "Busy", NO, maybe_arrived=True)],
        "stop_maybe_bought SubmitUncertain",
        f"a:stop_maybe_bought {HELD}",
    ),
    "a later refusal for a slot clears nothing": (
        {"wait_for_slot": 600.0},
        AB,
        [LOST, had("a", "submit", "Busy")],
        "stop_maybe_bought SubmitUncertain",
        f"a:stop_maybe_bought a:busy_tried_again {HELD}",
    ),
    "a later refusal of the request clears nothing": (
        {},
        AB,
        [LOST, had("a", "submit", "InvalidRequest")],
        "stop_maybe_bought SubmitUncertain",
        f"a:stop_maybe_bought a:stop_not_in_fall_back_on {HELD}",
    ),
    "a later refusal elsewhere clears nothing": (
        {},
        (can("a"), can("b"), can("c")),
        [LOST, had("b", "submit", "InsufficientCredits")],
        "stop_maybe_bought SubmitUncertain",
        "a:stop_maybe_bought b:fell_back_credits c:not_reached",
    ),
    "a later time-out elsewhere clears nothing": (
        {},
        AB,
        [LOST, had("b", "wait", "WaitTimeout", UNKNOWN)],
        "stop_maybe_bought SubmitUncertain",
        "a:stop_maybe_bought b:stop_wait_timeout",
    ),
    "a later success elsewhere clears nothing": (
        {},
        AB,
        [LOST, had("b", "wait")],
        "stop_maybe_bought SubmitUncertain",
        "a:stop_maybe_bought b:stop_succeeded",
    ),
    "a later job elsewhere clears nothing": (
        {},
        AB,
        [LOST, had("b", "run")],
        "stop_maybe_bought SubmitUncertain",
        "a:stop_maybe_bought b:stop_job_running",
    ),
    "after a fallback the next one may have bought": (
        {},
        (can("a"), can("b"), can("c")),
        [had("a", "canary", "ProviderUnavailable"), had("b", "submit", "ProtocolError", UNKNOWN)],
        "stop_maybe_bought SubmitUncertain",
        "a:fell_back_unavailable b:stop_maybe_bought c:not_reached",
    ),
    "paid_retries do not cover what may have arrived": (
        {"paid_retries": 9},
        AB,
        [FAILED, had("b", "submit", "ProviderUnavailable", UNKNOWN)],
        "stop_maybe_bought SubmitUncertain",
        "a:failed_paid b:stop_maybe_bought",
    ),
    # A job is there.
    "a job was accepted": (
        {},
        AB,
        [had("a", "submit")],
        "stop_job_running -",
        f"a:stop_job_running {HELD}",
    ),
    "a job runs": ({}, AB, [had("a", "run")], "stop_job_running -", f"a:stop_job_running {HELD}"),
    **{
        f"{error} while a job runs says nothing of it": (
            {"paid_retries": 1},
            AB,
            [had("a", "wait", error, billed)],
            f"stop_job_running {error}",
            f"a:stop_job_running {HELD}",
        )
        for error, billed in {
            "ProviderUnavailable": UNKNOWN,
            "RateLimited": UNKNOWN,
            "AuthenticationError": UNKNOWN,
            "ProtocolError": YES,
            "JobNotFound": UNKNOWN,
            "NotReady": UNKNOWN,
            "InsufficientCredits": NO,
        }.items()
    },
    "our deadline passed": (
        {"paid_retries": 1},
        AB,
        [had("a", "wait", "WaitTimeout", UNKNOWN)],
        "stop_wait_timeout WaitTimeout",
        f"a:stop_wait_timeout {HELD}",
    ),
    "it succeeded": ({}, AB, [had("a", "wait")], "stop_succeeded -", f"a:stop_succeeded {HELD}"),
    "it is here": ({}, AB, [had("a", "download")], "stop_succeeded -", f"a:stop_succeeded {HELD}"),
    "it succeeded after a fallback": (
        {},
        AB,
        [had("a", "canary", "ProviderUnavailable"), had("b", "wait")],
        "stop_succeeded -",
        "a:fell_back_unavailable b:stop_succeeded",
    ),
    "a failed download loses nothing": (
        {},
        AB,
        [had("a", "download", "DownloadFailed", YES)],
        "stop_result_safe DownloadFailed",
        f"a:stop_result_safe {HELD}",
    ),
    "an outage at the download loses nothing": (
        {},
        AB,
        [had("a", "download", "ProviderUnavailable", NO)],
        "stop_result_safe ProviderUnavailable",
        f"a:stop_result_safe {HELD}",
    ),
    # A job ended without a result.
    "a charged failure is not paid for again": (
        {},
        AB,
        [had("a", "wait", "JobFailed", YES)],
        "stop_billed JobFailed",
        f"a:stop_billed {HELD}",
    ),
    "nor is one that was cancelled, whatever the route pays for": (
        {"paid_retries": 1},
        AB,
        [had("a", "wait", "JobCancelled", NO)],
        "stop_cancelled JobCancelled",
        f"a:stop_cancelled {HELD}",
    ),
    "nor one that may be charged": (
        {},
        AB,
        [FAILED],
        "stop_billed JobFailed",
        f"a:stop_billed {HELD}",
    ),
    "a free failure keeps its own error": (
        {},
        AB,
        [had("a", "wait", "JobFailed", NO)],
        "stop_not_in_fall_back_on JobFailed",
        f"a:stop_not_in_fall_back_on {HELD}",
    ),
    "moderated elsewhere is moderated here": (
        {"paid_retries": 1},
        AB,
        [had("a", "wait", "ContentBlocked", NO)],
        "stop_not_in_fall_back_on ContentBlocked",
        f"a:stop_not_in_fall_back_on {HELD}",
    ),
    "moderated and charged": (
        {"paid_retries": 1},
        AB,
        [had("a", "wait", "ContentBlocked", UNKNOWN)],
        "stop_billed ContentBlocked",
        f"a:stop_billed {HELD}",
    ),
    "a job that is gone": (
        {},
        AB,
        [had("a", "wait", "JobGone", UNKNOWN)],
        "stop_billed JobGone",
        f"a:stop_billed {HELD}",
    ),
    "a billed refusal": (
        {},
        AB,
        [had("a", "submit", "Busy", YES)],
        "stop_billed Busy",
        f"a:stop_billed {HELD}",
    ),
    # Paid retries: that many, and then exactly that.
    "a paid retry goes to the next target": (
        {"paid_retries": 1},
        AB,
        [FAILED],
        "try b",
        "a:failed_paid b:paid_retry",
    ),
    "a paid retry after a job that is gone": (
        {"paid_retries": 1},
        AB,
        [had("a", "wait", "JobGone", UNKNOWN)],
        "try b",
        "a:failed_paid b:paid_retry",
    ),
    "with one target it goes there again": (
        {"paid_retries": 1},
        A,
        [FAILED],
        "try a",
        "a:failed_paid a:paid_retry",
    ),
    "one is one": (
        {"paid_retries": 1},
        AB,
        [FAILED, had("b", "wait", "JobFailed", YES)],
        "stop_billed JobFailed",
        "a:failed_paid b:stop_billed",
    ),
    "two are two, the one tried least goes first": (
        {"paid_retries": 2},
        AB,
        [FAILED, had("b", "wait", "JobFailed", YES)],
        "try a",
        "a:failed_paid b:failed_paid a:paid_retry",
    ),
    "of three the third goes to the one tried least": (
        {"paid_retries": 3},
        AB,
        [FAILED, had("b", "wait", "JobFailed", YES), FAILED],
        "try b",
        "a:failed_paid b:failed_paid a:failed_paid b:paid_retry",
    ),
    "a free failure uses one up as well": (
        {"paid_retries": 1},
        A,
        [had("a", "wait", "JobFailed", NO), had("a", "wait", "JobFailed", NO)],
        "stop_not_in_fall_back_on JobFailed",
        "a:failed_paid a:stop_not_in_fall_back_on",
    ),
    "a refusal uses none up": (
        {"paid_retries": 1},
        AB,
        [FAILED, had("b", "canary", "ProviderUnavailable")],
        "try a",
        "a:failed_paid b:fell_back_unavailable a:paid_retry",
    ),
    "a paid retry keeps the cap": (
        {"paid_retries": 1, "left": "0.50"},
        AB,
        [FAILED],
        "stop_billed JobFailed",
        "a:failed_paid a:budget_spent b:budget_spent",
    ),
    "a paid retry waits for a slot": (
        {"paid_retries": 1, "wait_for_slot": 60.0},
        (can("a"), can("b", busy=True)),
        [FAILED],
        "wait b 5",
        "a:failed_paid b:busy_waited_for",
    ),
    "no paid retry while the next job runs": (
        {"paid_retries": 2},
        AB,
        [FAILED, had("b", "run")],
        "stop_job_running -",
        "a:failed_paid b:stop_job_running",
    ),
    "no paid retry after a success": (
        {"paid_retries": 2},
        AB,
        [FAILED, had("b", "wait")],
        "stop_succeeded -",
        "a:failed_paid b:stop_succeeded",
    ),
}


def with_left(candidates: Iterable[Candidate], left: Decimal | None) -> tuple[Candidate, ...]:
    """Return candidates whose budget has so much left."""
    return tuple(attrs.evolve(one, budget_left=left) for one in candidates)


@pytest.mark.parametrize("name", SITUATIONS)
def test_each_situation_has_its_decision(name: str) -> None:
    said, candidates, tried, action, rows = SITUATIONS[name]
    rules = {field: value for field, value in said.items() if field != "left"}
    left = Decimal(said["left"]) if "left" in said else None
    decision = decide(route(**rules), with_left(candidates, left), tried, now=NOW)
    assert told(decision) == (action, rows)


def test_the_table_is_long_enough_and_meets_every_reason() -> None:
    assert len(SITUATIONS) >= 60
    met = " ".join(" ".join(row[3:]) for row in SITUATIONS.values())
    assert [reason.value for reason in Reason if reason.value not in met] == []


def test_a_stop_names_the_attempt_whose_error_is_raised() -> None:
    tried = [had("a", "canary", "Busy"), LOST, had("b", "submit", "Busy")]
    assert decide(route(), AB, tried, now=NOW).action == Stop(
        Reason.STOP_MAYBE_BOUGHT, errors.SubmitUncertain, 1
    )
    assert decide(route(), AB, tried[:1] + tried[2:], now=NOW).action == Stop(
        Reason.NO_TARGET_LEFT, errors.NoTargetLeft, None
    )


def test_rows_say_verdict_quote_time_and_what_is_missing() -> None:
    candidates = (can("a", problem="no seed"), can("b"), can("c"))
    first = had("b", "canary", "Busy", at=7.0, quote=quote("3"))
    assert decide(route(), candidates, [first], now=NOW).rows == (
        Row("b", Verdict.FAILED, Reason.FELL_BACK_BUSY, quote("3"), 7.0),
        Row("a", Verdict.RULED_OUT, Reason.NOT_CAPABLE, can("a").quote, NOW, "no seed"),
        Row("c", Verdict.CHOSEN, Reason.CHOSEN_FIRST, can("a").quote, NOW),
    )


@pytest.mark.parametrize(
    ("reason", "verdict"),
    [
        ("busy_waited_for", Verdict.WAITING),
        ("busy_passed_over", Verdict.PASSED_OVER),
        ("cooling_down", Verdict.PASSED_OVER),
        ("not_reached", Verdict.PASSED_OVER),
        ("price_above_max", Verdict.RULED_OUT),
        ("stop_wait_timeout", Verdict.WAITING),
        ("stop_succeeded", Verdict.CHOSEN),
        ("stop_maybe_bought", Verdict.FAILED),
        ("failed_paid", Verdict.FAILED),
        ("paid_retry", Verdict.CHOSEN),
    ],
)
def test_each_reason_means_one_verdict(reason: str, verdict: Verdict) -> None:
    seen = set()
    for said, candidates, tried, _, _ in SITUATIONS.values():
        rules = {field: value for field, value in said.items() if field != "left"}
        rows = decide(route(**rules), tuple(candidates), tried, now=NOW).rows
        seen |= {row.verdict for row in rows if row.reason.value == reason}
    assert seen == {verdict}


def test_every_reason_has_one_sentence() -> None:
    assert list(SENTENCES) == list(Reason)
    assert all(SENTENCES[reason].endswith(".") for reason in Reason)
    assert len({SENTENCES[reason] for reason in Reason}) == len(Reason)


def test_every_way_to_fall_out_of_a_route_has_a_few_words() -> None:
    fell = {reason for reason in Reason if reason.name.startswith("FELL_BACK_")}
    passed = {reason for reason, one in VERDICTS.items() if one is Verdict.PASSED_OVER}
    fell |= passed - {Reason.STANDS_BY, Reason.NOT_REACHED} | set(_RULED_OUT_ERRORS)
    assert fell <= set(SHORT)
    assert all(words == words.strip() and not words.endswith(".") for words in SHORT.values())


def test_rows_and_breakers_survive_json() -> None:
    rows = decide(route(), AB, [had("a", "canary", "Busy")], now=NOW).rows
    for record in (*rows, Breaker("busy", 2, 5.5, 6.5)):
        assert codec.structure(codec.unstructure(record), type(record)) == record
    assert codec.unstructure(rows[1])["reason"] == "chosen_first"


def test_a_record_grows_by_what_is_new() -> None:
    first = decide(route(), AB, now=1.0)
    record = follow(follow((), first), decide(route(), AB, now=2.0))
    assert record == first.rows
    tried = [had("a", "canary", "Busy", at=3.0)]
    record = follow(record, decide(route(), AB, tried, now=3.0))
    record = follow(record, decide(route(), AB, [*tried, had("b", "wait", at=9.0)], now=9.0))
    assert [(row.target, row.reason.value, row.at) for row in record] == [
        ("a", "chosen_first", 1.0),
        ("b", "stands_by", 1.0),
        ("a", "fell_back_busy", 3.0),
        ("b", "chosen_first", 3.0),
        ("b", "stop_succeeded", 9.0),
    ]


# Money that an account holds.


@pytest.mark.parametrize(
    ("held", "expected"), [("3.00", True), ("2.99", None), ("1.00", None), ("0.99", False)]
)
def test_a_balance_suffices_from_the_high_and_fails_below_the_low(
    held: str, expected: bool | None
) -> None:
    asked = quote("3.00", "2.00", "1.00")
    assert suffices(Balance(Decimal(held), Unit.USD, Decimal(held)), asked) is expected
    assert suffices(Balance(Decimal(held) * 100, Unit.CREDIT, Decimal(held)), asked) is expected


def test_an_unknown_balance_or_price_says_nothing() -> None:
    asked = quote("3.00", "2.00", "1.00")
    assert suffices(None, asked) is None
    assert suffices(Balance(Decimal(1), Unit.USD, Decimal(1)), None) is None
    assert suffices(Balance(Decimal(1), Unit.CREDIT, None), asked) is None


# Cooldowns.


@pytest.mark.parametrize(
    ("cause", "seconds"),
    [
        ("unavailable", [30, 60, 120, 240, 480, 600, 600]),
        ("busy", [5, 10, 20, 40, 60, 60]),
        ("rate_limited", [15, 30, 60, 120, 240, 300]),
        ("credits", [300, 600, 1200, 2400, 3600]),
        ("authentication", [300, 600, 1200, 2400, 3600]),
        ("permission", [300, 600, 1200, 2400, 3600]),
    ],
)
def test_a_cooldown_doubles_up_to_its_limit(cause: str, seconds: list[int]) -> None:
    assert [cooldown(cause, n) for n in range(1, len(seconds) + 1)] == seconds
    assert cooldown(cause, 10**9) == seconds[-1]


def test_the_causes_are_the_words_of_the_configuration() -> None:
    assert list(CAUSES) == [
        "unavailable",
        "busy",
        "rate_limited",
        "credits",
        "authentication",
        "permission",
    ]


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (errors.ProviderUnavailable, "unavailable"),
        (NotSent, "unavailable"),
        (errors.ProtocolError, "unavailable"),
        (errors.Busy, "busy"),
        (errors.RateLimited, "rate_limited"),
        (errors.InsufficientCredits, "credits"),
        (errors.AuthenticationError, "authentication"),
        (errors.PermissionDenied, "permission"),
        (errors.InvalidRequest, None),
        (errors.JobFailed, None),
        (errors.SubmitUncertain, None),
        (errors.MotionKitError, None),
    ],
)
def test_an_errors_class_names_its_cause(
    error: type[errors.MotionKitError], cause: str | None
) -> None:
    assert cause_of(error) == cause


def test_a_breaker_opens_rests_lets_one_probe_in_and_opens_for_longer() -> None:
    first = trip(None, "unavailable", now=100.0)
    assert first == Breaker("unavailable", 1, 130.0)
    assert first.gate(129.9) is Gate.OPEN
    assert claim(first, now=129.9) is None
    assert first.gate(130.0) is Gate.HALF_OPEN
    probing = claim(first, now=130.0)
    assert probing == Breaker("unavailable", 1, 130.0, 160.0)
    assert probing.gate(159.9) is Gate.PROBING
    assert probing.shut_until == 160.0
    assert claim(probing, now=159.9) is None
    assert claim(probing, now=160.0) == Breaker("unavailable", 1, 130.0, 190.0)
    assert trip(probing, "unavailable", now=140.0) == Breaker("unavailable", 2, 200.0)


def test_late_news_of_the_same_outage_does_not_count_again() -> None:
    first = trip(None, "unavailable", now=100.0)
    assert trip(first, "unavailable", now=101.0) == Breaker("unavailable", 1, 131.0)


def test_an_outage_of_long_ago_is_forgotten() -> None:
    old = Breaker("unavailable", 7, 100.0)
    assert trip(old, "unavailable", now=3700.0) == Breaker("unavailable", 8, 4300.0)
    assert trip(old, "unavailable", now=3701.0) == Breaker("unavailable", 1, 3731.0)


@pytest.mark.parametrize(("asked", "until"), [(0.0, 101.0), (42.0, 142.0), (1e9, 400.0)])
def test_the_vendors_own_pause_goes_before_the_table(asked: float, until: float) -> None:
    made = trip(None, "rate_limited", now=100.0, retry_after=asked)
    assert made == Breaker("rate_limited", 1, until)


def test_a_short_pause_does_not_shorten_an_open_rest() -> None:
    open_ = Breaker("rate_limited", 1, 200.0)
    assert trip(open_, "rate_limited", now=100.0, retry_after=5.0).until == 200.0


# What holds in every situation.

NAMES = ("a", "b", "c")
CLASSES = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.MotionKitError)
]
breakers = st.builds(
    Breaker,
    st.sampled_from(list(CAUSES)),
    st.integers(1, 4),
    st.floats(NOW - 100, NOW + 100),
    st.floats(NOW - 100, NOW + 30),
)
amounts = st.none() | st.sampled_from([quote("0.50"), quote("1.50"), quote(None, "1")])


def facts(target: str) -> st.SearchStrategy[Candidate]:
    return st.builds(
        Candidate,
        target=st.just(target),
        problem=st.none() | st.none() | st.just("no seed"),
        quote=amounts,
        expected_seconds=st.none() | st.floats(1, 900),
        balance=st.sampled_from([None, RICH, POOR]),
        breakers=st.lists(breakers, max_size=2).map(tuple),
        busy=st.booleans(),
        waited=st.floats(0, 60),
    )


candidates = st.integers(1, 3).flatmap(lambda n: st.tuples(*(facts(name) for name in NAMES[:n])))
attempts = st.builds(
    Tried,
    target=st.sampled_from(NAMES),
    stage=st.sampled_from(list(Stage)),
    at=st.floats(NOW - 100, NOW),
    error=st.none() | st.sampled_from(CLASSES),
    billed=st.sampled_from(list(Billed)),
    maybe_arrived=st.booleans(),
    retry_after=st.none() | st.floats(0, 100),
    passing=st.booleans(),
)
rules = st.builds(
    route,
    choose=st.sampled_from(["first", "cheapest", "fastest"]),
    max_usd=st.none() | st.just(Decimal(1)),
    wait_for_slot=st.sampled_from([0.0, 30.0, 600.0]),
    on_busy=st.sampled_from(["wait", "next"]),
    fall_back_on=st.sets(st.sampled_from(list(CAUSES))).map(tuple),
    paid_retries=st.integers(0, 2),
)
budgets = st.none() | st.sampled_from([Decimal(0), Decimal(1), Decimal(9)])
open_ended = st.sampled_from(
    [
        had("a", "submit", "ProviderUnavailable", UNKNOWN),
        had("a", "submit", "Busy", NO, maybe_arrived=True),
        had("a", "submit", "SubmitUncertain", UNKNOWN),
        had("a", "submit"),
        had("a", "run"),
        had("a", "wait"),
        had("a", "wait", "ProviderUnavailable", UNKNOWN),
        had("a", "wait", "WaitTimeout", UNKNOWN),
        had("a", "wait", "JobNotFound", UNKNOWN),
        had("a", "wait", "ContentBlocked", YES),
        had("a", "download", "DownloadFailed", YES),
        had("a", "submit", "InvalidRequest", NO),
    ]
)


@given(
    rules, candidates, st.lists(attempts, max_size=3), open_ended, st.lists(attempts, max_size=3)
)
def test_after_what_is_open_bought_or_uncertain_there_is_never_a_try(
    rules: Route,
    candidates: tuple[Candidate, ...],
    before: list[Tried],
    it: Tried,
    after: list[Tried],
) -> None:
    decision = decide(rules, candidates, [*before, it, *after], now=NOW)
    assert isinstance(decision.action, Stop)
    assert decision.action.attempt is not None


@given(rules, candidates, st.lists(attempts, max_size=4), budgets)
def test_every_target_and_attempt_is_in_the_record_and_the_same_facts_decide_the_same(
    rules: Route,
    candidates: tuple[Candidate, ...],
    tried: list[Tried],
    budget: Decimal | None,
) -> None:
    candidates = with_left(candidates, budget)
    decision = decide(rules, candidates, tried, now=NOW)
    assert decision == decide(rules, candidates, list(tried), now=NOW)
    targets = [row.target for row in decision.rows]
    assert targets[: len(tried)] == [one.target for one in tried]
    assert {one.target for one in candidates} <= set(targets)
    chosen = {r.target for r in decision.rows[len(tried) :] if r.verdict is Verdict.CHOSEN}
    assert chosen == ({decision.action.target} if isinstance(decision.action, Try) else set())


@given(rules, candidates, st.lists(attempts, max_size=3), budgets)
def test_a_try_is_capable_and_within_every_cap(
    rules: Route,
    candidates: tuple[Candidate, ...],
    tried: list[Tried],
    budget: Decimal | None,
) -> None:
    action = decide(rules, with_left(candidates, budget), tried, now=NOW).action
    if isinstance(action, Wait):
        assert 0 < action.seconds <= 5
    if isinstance(action, Try):
        one = next(one for one in candidates if one.target == action.target)
        assert one.problem is None
        for cap in (rules.max_usd, budget):
            assert cap is None or (one.quote and one.quote.usd_high <= cap)


@given(rules, candidates, st.data())
def test_every_run_ends_and_pays_no_more_than_allowed(
    rules: Route, candidates: tuple[Candidate, ...], data: st.DataObject
) -> None:
    """Play runs whose attempts end in any way; a clock that stands still must not hang them."""
    now, tried, paid, moves = NOW, [], 0, data.draw(st.booleans())
    waited = {one.target: one.waited for one in candidates}
    for _ in range(1000):
        fresh = [attrs.evolve(c, waited=waited[c.target]) for c in candidates]
        action = decide(rules, fresh, tried, now=now).action
        if isinstance(action, Stop):
            break
        if isinstance(action, Wait):
            waited[action.target] += action.seconds
            now += action.seconds * moves
            continue
        stage, error, billed = data.draw(
            st.sampled_from(
                [
                    ("canary", "ProviderUnavailable", NO),
                    ("submit", "Busy", NO),
                    ("submit", "RateLimited", NO),
                    ("submit", "ProviderUnavailable", NO),
                    ("submit", "InsufficientCredits", NO),
                    ("submit", "ProviderUnavailable", UNKNOWN),
                    ("wait", "JobFailed", NO),
                    ("wait", "JobFailed", UNKNOWN),
                    ("wait", "JobGone", UNKNOWN),
                    ("wait", None, YES),
                ]
            )
        )
        paid += stage == "wait" or billed is UNKNOWN
        passing = error == "ProviderUnavailable" and stage == "submit" and data.draw(st.booleans())
        tried.append(had(action.target, stage, error, billed, at=now, passing=passing))
    else:
        pytest.fail("it never ended")
    assert paid <= 1 + rules.paid_retries


def test_a_wait_for_a_slot_ends_by_the_same_pauses_as_everywhere() -> None:
    pauses, tried, waited, now = [], [], 0.0, NOW
    while True:
        one = [can("a", waited=waited)]
        action = decide(route(wait_for_slot=100.0, fall_back_on=()), one, tried, now=now).action
        if isinstance(action, Stop):
            break
        if isinstance(action, Wait):
            waited += action.seconds
            now += action.seconds
            pauses[-1] += action.seconds
        else:
            tried.append(had("a", "submit", "Busy", at=now))
            pauses.append(0.0)
    assert pauses == [backoff.slot_delay(1), backoff.slot_delay(2), 20.0, 40.0, 0.0]
    assert action == Stop(Reason.STOP_NOT_IN_FALL_BACK_ON, errors.Busy, 4)
