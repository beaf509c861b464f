"""The verbs that buy: announced, asked about, bought once, delivered."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from pathlib import Path

import av
import pytest
from cli_support import Account, Cli

from motionkit.cli.screen import Screen
from motionkit.sandbox import Sandbox

CHARGES = {"pixverse": Decimal(40), "segmind": Decimal("0.5")}
"""What four seconds at 540p cost in the sandbox, in each vendor's own unit."""


def frames(path: Path) -> int:
    with av.open(path) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        return sum(1 for _ in container.decode(video=0))


@pytest.fixture
def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Somebody sits there and has typed this."""
    typed = io.StringIO()
    monkeypatch.setattr(Screen, "asks", property(lambda _: True))
    monkeypatch.setattr("sys.stdin", typed)
    return typed


@pytest.fixture
def dear(account: Account, monkeypatch: pytest.MonkeyPatch, own_place: Path) -> Account:
    """An account whose credits are worth so much that 40 of them cost 8 USD."""
    config = own_place / "dear.toml"
    config.write_text(
        f'[accounts.pixverse]\napi_key = "{account.key}"\nbase_url = "{account.sandbox.url}"\n'
        'usd_per_credit = "0.20"\n'
    )
    monkeypatch.setenv("MOTIONKIT_CONFIG", str(config))
    return account


def test_one_command_makes_a_video_and_announces_the_price(
    cli: Cli, account: Account, media: list[str]
) -> None:
    told = cli("mimic", *media, "--quality", "540p", "--via", "pixverse", "--out", "out.mp4")

    assert (told.code, told.out) == (0, "out.mp4\n")
    assert frames(Path("out.mp4")) > 0
    assert account.bought == (1, 1, "40")
    progress = told.err.splitlines()
    assert "quote     40 credits = 0.40 USD" in progress
    assert "at        pixverse/mimic (SANDBOX, loopback)" in progress
    assert any(line.startswith("basis     listed, read 20") for line in progress)
    assert progress.index("quote     40 credits = 0.40 USD") < next(
        number for number, line in enumerate(progress) if line.startswith("submitted")
    )
    assert "cost      40 credits = 0.40 USD (reported)" in progress


def test_the_last_line_of_json_is_the_answer(cli: Cli, account: Account, media: list[str]) -> None:
    told = cli("mimic", *media, "--json", "--key", "order-17", "--out", "out.mp4")

    assert told.one == told.events[-1]
    assert told.one == {
        "event": "delivered",
        "time": told.one["time"],
        "key": "order-17",
        "job": account.ledger["jobs"][0]["id"],
        "account": "pixverse",
        "model": "mimic",
        "operation": "mimic",
        "state": "succeeded",
        "seconds": told.one["seconds"],
        "cost": {"amount": "40", "unit": "credit", "usd": "0.40", "basis": "reported"},
        "file": str(Path("out.mp4").absolute()),
    }


def test_without_out_the_file_is_named_after_the_media_and_never_over_another(
    cli: Cli, account: Account, media: list[str]
) -> None:
    Path("hero-dance.mp4").write_bytes(b"mine")

    told = cli("mimic", *media)

    assert told.out == "hero-dance-2.mp4\n"
    assert Path("hero-dance.mp4").read_bytes() == b"mine"


def test_overwrite_replaces_the_file(cli: Cli, account: Account, media: list[str]) -> None:
    Path("out.mp4").write_bytes(b"old")

    assert cli("mimic", *media, "--out", "out.mp4", "--overwrite").code == 0
    assert frames(Path("out.mp4")) > 0


def test_a_dry_run_shows_the_requests_and_the_quote_and_sends_nothing(
    cli: Cli, account: Account, media: list[str]
) -> None:
    shown = cli("mimic", *media, "--dry-run")
    told = cli("submit", "mimic", *media, "--dry-run", "--json").one

    assert f"POST {account.sandbox.url}/openapi/v2/video/mimic/generate" in shown.out
    assert "quote     40 credits = 0.40 USD" in shown.out
    assert "pixverse/mimic (SANDBOX, loopback)" in shown.out
    assert account.key not in shown.out + shown.err + json.dumps(told)
    assert [call["paid"] for call in told["calls"]] == [False, False, True]
    assert told["calls"][2]["json"]["quality"] == "540p"
    assert (told["quote"]["likely"], told["quote"]["usd_high"]) == ("40", "0.40")
    assert account.ledger["calls"] == {}


def test_extra_options_reach_the_request_of_their_provider_only(
    cli: Cli, account: Account, media: list[str]
) -> None:
    extra = ["--extra", "water_mark=true", "--extra", "pixverse.webhook_id=w-1"]

    told = cli("mimic", *media, *extra, "--dry-run", "--json").one

    body = told["calls"][2]["json"]
    assert (body["water_mark"], body["webhook_id"]) == (True, "w-1")


def test_submit_prints_the_job_and_leaves(cli: Cli, account: Account, media: list[str]) -> None:
    told = cli("submit", "mimic", *media, "--key", "order-17", "--json")

    assert told.one["id"] == account.ledger["jobs"][0]["id"]
    assert told.one["key"] == "order-17"
    assert account.ledger["polls"] == 0


def test_no_wait_is_a_submit(cli: Cli, account: Account, media: list[str]) -> None:
    told = cli("mimic", *media, "--key", "order-17", "--no-wait")

    assert told.out == "order-17\n"
    assert account.ledger["polls"] == 0


def test_the_same_command_again_goes_on_and_buys_nothing(
    cli: Cli, account: Account, media: list[str]
) -> None:
    first = cli("mimic", *media, "--no-wait")
    again = cli("mimic", *media, "--out", "out.mp4")

    assert again.code == 0
    assert "ago as" in again.err
    assert first.out[:8] in again.err
    assert "resuming it without paying again; --new submits a new job" in again.err
    assert account.bought == (1, 1, "40")


def test_the_same_command_after_delivery_buys_nothing_and_names_the_file(
    cli: Cli, account: Account, media: list[str]
) -> None:
    assert cli("mimic", *media).out == "hero-dance.mp4\n"
    again = cli("mimic", *media)
    assert (again.code, again.out) == (0, f"{Path('hero-dance.mp4').absolute()}\n")
    assert "the same request was submitted" in again.err
    assert str(Path("hero-dance.mp4").absolute()) in again.err
    assert "resuming it without paying again; --new submits a new job" in again.err
    assert account.bought == (1, 1, "40")
    assert {path.name for path in Path().glob("*.mp4")} == {"dance.mp4", "hero-dance.mp4"}


def test_a_key_that_exists_fetches_again_and_buys_nothing(
    cli: Cli, account: Account, media: list[str]
) -> None:
    cli("mimic", *media, "--key", "order-17", "--out", "a.mp4")
    again = cli("mimic", *media, "--key", "order-17", "--out", "b.mp4")

    assert (again.code, again.out) == (0, "b.mp4\n")
    assert account.bought == (1, 1, "40")


def test_a_key_that_names_another_request_is_refused(
    cli: Cli, account: Account, media: list[str]
) -> None:
    cli("submit", "mimic", *media, "--key", "order-17")
    told = cli("submit", "mimic", *media, "--key", "order-17", "--quality", "720p")

    assert told.code == 2
    assert "key 'order-17' names another request" in told.err
    assert account.bought == (1, 1, "40")


def test_a_key_whose_purchase_was_refused_can_be_tried_again(
    cli: Cli, account: Account, media: list[str]
) -> None:
    account.sandbox.fault("refuse:submit:code=500090")
    assert cli("submit", "mimic", *media, "--key", "order-17").code == 4
    assert cli("submit", "mimic", *media, "--key", "order-17").code == 0
    assert len(account.ledger["jobs"]) == 1


def test_new_buys_again(cli: Cli, account: Account, media: list[str]) -> None:
    cli("submit", "mimic", *media)
    assert cli("submit", "mimic", *media, "--new").code == 0
    assert account.bought == (2, 2, "80")


@pytest.mark.parametrize(("typed", "jobs"), [("\n", 1), ("resume\n", 1), ("buy\n", 2)])
def test_at_a_terminal_the_open_job_is_offered(
    *,
    cli: Cli,
    account: Account,
    media: list[str],
    at_a_terminal: io.StringIO,
    typed: str,
    jobs: int,
) -> None:
    cli("submit", "mimic", *media)
    at_a_terminal.write(typed)
    at_a_terminal.seek(0)

    told = cli("submit", "mimic", *media)

    assert "resume it, or submit again" in told.err
    assert len(account.ledger["jobs"]) == jobs


@pytest.mark.parametrize(("typed", "jobs"), [("y\n", 1), ("n\n", 0), ("", 0)])
def test_above_five_dollars_a_terminal_asks(
    *,
    cli: Cli,
    dear: Account,
    media: list[str],
    at_a_terminal: io.StringIO,
    typed: str,
    jobs: int,
) -> None:
    at_a_terminal.write(typed)
    at_a_terminal.seek(0)

    told = cli("submit", "mimic", *media)

    assert "submit this for up to 8.00 USD?" in told.err
    assert told.code == (0 if jobs else 1)
    assert ("stopped; nothing further was submitted" in told.err) is not bool(jobs)
    assert len(dear.ledger["jobs"]) == jobs


def test_above_five_dollars_without_a_terminal_says_the_words_to_use(
    cli: Cli, dear: Account, media: list[str]
) -> None:
    refused = cli("submit", "mimic", *media)

    assert refused.code == 2
    assert "this costs up to 8.00 USD, above 5.00 USD" in refused.err
    assert "--yes" in refused.err
    assert dear.ledger["calls"] == {}
    assert cli("submit", "mimic", *media, "--yes").code == 0


def test_an_unknown_price_is_refused_under_a_cap_and_without_a_terminal_unless_yes_is_said(
    cli: Cli, account: Account, media: list[str]
) -> None:
    remote = [*media[:3], "https://example.com/dance.mp4?signature=abc"]

    capped = cli("submit", "mimic", *remote, "--max-usd", "2")
    assert capped.code == 4
    assert "the price is unknown" in capped.err
    assert account.ledger["calls"] == {}

    told = cli("submit", "mimic", *remote)
    assert told.code == 2
    assert "quote     unknown" in told.err
    assert "this costs an unknown amount: confirmation required; pass --yes" in told.err
    assert "--yes" in told.err
    assert account.ledger["calls"] == {}

    assert cli("submit", "mimic", *remote, "--yes").code == 0
    assert len(account.ledger["jobs"]) == 1
    assert "signature=abc" not in told.err


def test_a_submit_that_may_have_arrived_is_told_as_such(
    cli: Cli, account: Account, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("motionkit.purchase.submit.RESEND_PAUSE", 0.0)
    monkeypatch.setattr("motionkit.purchase.submit.resend_at", lambda *_: 0.0)
    account.sandbox.fault("accept_then_reset:submit:times=0")

    told = cli("mimic", *media, "--json", "--key", "order-17")

    assert told.code == 10
    assert told.one["error"] == "SubmitUncertain"
    assert told.one["key"] == "order-17"
    assert told.one["billed"] == "unknown"
    assert "money:    this may have been charged" in told.err
    assert len(account.ledger["jobs"]) == 1


def test_a_vendors_words_cannot_command_the_terminal(
    cli: Cli, account: Account, media: list[str]
) -> None:
    words = "\x1b[31mred\x1b]0;title\x07 [bold]not markup[/bold] \u202egnol\n\x9bline"
    account.sandbox.fault({"name": "refuse", "phase": "submit", "code": 400017, "message": words})

    told = cli("mimic", *media)

    assert told.code == 2
    assert not set(told.err) & set("\x1b\x07\x9b\u202e")
    assert "[bold]not markup[/bold]" in told.err


@pytest.mark.parametrize(
    ("faults", "code", "money"),
    [
        (["refuse:submit:code=500090"], 4, None),
        (["moderate:submit"], 5, "nothing was charged (refunded)"),
        (["fail:submit"], 6, "nothing was charged (refunded)"),
        (
            ["fail:submit", "http:history:status=500:times=0"],
            6,
            "this may have been charged: 40 credits = 0.40 USD (reported)",
        ),
    ],
    ids=["credits", "moderation", "failed, refund listed", "failed, no statement"],
)
def test_a_vendors_no_ends_with_its_code_and_a_word_about_money(
    *, cli: Cli, account: Account, media: list[str], faults: list[str], code: int, money: str | None
) -> None:
    for fault in faults:
        account.sandbox.fault(fault)

    told = cli("mimic", *media)

    assert told.code == code
    assert ("money:" in told.err) is (money is not None)
    assert money is None or money in told.err
    assert ("hint:     repeat its submit with --new, without --key," in told.err) is (code == 6)


def test_a_busy_account_is_waited_for_by_every_verb_that_buys_unless_told_otherwise(
    cli: Cli, account: Account, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("motionkit._support.backoff.slot_delay", lambda *_, **__: 0.0)
    account.sandbox.fault("refuse:submit:code=500044:times=3")
    refused = cli("submit", "mimic", *media, "--key", "order-17", "--wait-for-slot", "0")
    assert refused.code == 7
    assert cli("submit", "mimic", *media, "--key", "order-17").code == 0
    assert account.bought == (4, 1, "40")
    account.sandbox.fault("refuse:submit:code=500044")
    told = cli("mimic", *media, "--key", "order-18")
    assert told.code == 0
    (line,) = [line for line in told.err.splitlines() if "waiting up to 600 s for a slot" in line]
    assert line.startswith("pixverse: ")
    assert "nothing was bought" in line


def test_a_download_that_fails_keeps_the_paid_result(
    cli: Cli, account: Account, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("motionkit.http.retry.ATTEMPTS", 1)
    account.sandbox.fault("http:download:status=500:times=0")
    failed = cli("mimic", *media, "--out", "out.mp4")
    assert failed.code == 11
    assert "motionkit resume" in failed.err

    account.sandbox.clear_faults()
    resumed = cli("resume")

    assert (resumed.code, resumed.out.strip()) == (0, str(Path("out.mp4").absolute()))
    assert account.bought == (1, 1, "40")


def test_what_nobody_foresaw_is_one_line_without_secrets(
    cli: Cli, account: Account, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(f"broken at https://example.com/?token=1 with {account.key}")

    monkeypatch.setattr("motionkit.client.client.Client.explain", fail)

    told = cli("mimic", *media)
    traced = cli("--debug", "mimic", *media)

    assert told.code == 1
    assert "unexpected error: broken at https://example.com/?*** with" in told.err
    assert "Traceback" not in told.err
    assert "--debug" in told.err
    assert "Traceback" in traced.err
    assert account.key not in told.err + traced.err


def test_vendors_are_swapped_by_one_word(
    cli: Cli, quick: Sandbox, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but ``--via`` differs; both files are there, one charge each."""
    for vendor in ("pixverse", "segmind"):
        key = f"SG_swapped-{vendor}"
        quick.add_account(vendor, key, label="swapped", balance="500")
        monkeypatch.setenv(f"{vendor.upper()}_API_KEY", key)
        monkeypatch.setenv(f"{vendor.upper()}_BASE_URL", quick.url)

        out = f"{vendor}.mp4"
        told = cli("mimic", *media, "--quality", "540p", "--via", vendor, "--out", out, "--json")

        assert told.code == 0
        assert told.one["account"] == vendor
        assert frames(Path(out)) > 0
        submits, jobs, charged = Account(quick, vendor, "swapped", key).bought
        assert (submits, jobs) == (1, 1)
        assert Decimal(charged) == Decimal(told.one["cost"]["amount"]) == CHARGES[vendor]


def test_five_awaited_jobs_teach_how_long_the_next_will_take(
    cli: Cli, account: Account, media: list[str]
) -> None:
    for number in range(5):
        told = cli("mimic", *media, "--key", f"k{number}", "--out", f"{number}.mp4")
        assert told.code == 0, told.err
    row = cli("compare", "mimic", *media, "--via", "pixverse", "--offline", "--json").one
    assert row["p90"] is not None
