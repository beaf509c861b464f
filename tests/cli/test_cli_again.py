"""The same command again: what was bought is found, its file is kept, and nothing is bought."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_support import Account, Cli, Ended, process
from cli_support import ended as result_of
from ledger import change

import motionkit as mk
from motionkit._support import process as processes
from motionkit.cli import checkout
from motionkit.cli.screen import Screen
from motionkit.journal.journal import Journal
from motionkit.sandbox import Sandbox, sample_clip
from motionkit.testing.stage import Time

SLOTS = 5
JOB_SECONDS = 120
PICTURES = 12
ONCE = (1, 1, "40")


def order(cli: Cli, media: list[str], *more: str) -> Ended:
    return cli("mimic", *media, "--key", "order-17", "--out", "out.mp4", *more)


def test_a_finished_purchase_changes_nothing_where_its_file_is(
    cli: Cli, account: Account, media: list[str]
) -> None:
    order(cli, media)
    before = Path("out.mp4").stat()

    again = order(cli, media)

    assert (again.code, again.out) == (0, "out.mp4\n")
    assert "ago as order-17 at pixverse/mimic (SANDBOX, loopback): succeeded" in again.err
    assert "resuming it without paying again; another --key submits a new job" in again.err
    after = Path("out.mp4").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert account.bought == ONCE
    assert account.ledger["polls"] == 1
    told = order(cli, media, "--json").one
    assert (told["file"], told["cost"]["usd"]) == (str(Path("out.mp4").absolute()), "0.40")


def test_a_finished_purchase_fetches_a_file_that_is_missing(
    cli: Cli, account: Account, media: list[str]
) -> None:
    order(cli, media)
    film = Path("out.mp4").read_bytes()
    Path("out.mp4").unlink()

    assert order(cli, media).out == "out.mp4\n"

    assert Path("out.mp4").read_bytes() == film
    assert account.bought == ONCE


def test_a_finished_purchase_is_not_put_over_another_file(
    cli: Cli, account: Account, media: list[str]
) -> None:
    order(cli, media)
    film = Path("out.mp4").read_bytes()
    Path("out.mp4").write_bytes(b"mine")

    refused = order(cli, media)

    assert refused.code == 2
    assert "'out.mp4' exists and is not the file that order-17 delivered" in refused.err
    assert Path("out.mp4").read_bytes() == b"mine"
    assert order(cli, media, "--overwrite").code == 0
    assert Path("out.mp4").read_bytes() == film
    assert account.bought == ONCE


def test_a_file_that_the_vendor_no_longer_gives_is_copied_from_where_it_was_delivered(
    cli: Cli, account: Account, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("motionkit.http.retry.ATTEMPTS", 1)
    order(cli, media)
    account.sandbox.fault("http:poll:status=500:times=0")

    told = cli("mimic", *media, "--key", "order-17", "--out", "copy.mp4")

    assert (told.code, told.out) == (0, "copy.mp4\n")
    assert "copying" in told.err
    assert Path("copy.mp4").read_bytes() == Path("out.mp4").read_bytes()
    Path("copy.mp4").unlink()
    Path("out.mp4").unlink()
    assert cli("mimic", *media, "--key", "order-17", "--out", "copy.mp4").code == 8
    assert not Path("copy.mp4").exists()


def test_without_a_key_the_same_command_is_a_finished_purchase_for_a_week(
    cli: Cli, account: Account, media: list[str], tmp_path: Path
) -> None:
    cli("mimic", *media, "--out", "out.mp4")
    again = cli("mimic", *media, "--out", "out.mp4")
    assert (again.code, again.out) == (0, "out.mp4\n")
    assert "resuming it without paying again; --new submits a new job" in again.err
    left = cli("submit", "mimic", *media)
    assert left.code == 0
    assert "resuming it without paying again; --new submits a new job" in left.err
    assert account.bought == ONCE

    change(tmp_path / "state" / "journal.db", "UPDATE attempts SET first_sent=first_sent-604801")
    assert cli("mimic", *media, "--out", "later.mp4").code == 0
    assert account.bought == (2, 2, "80")


def test_new_buys_what_was_delivered_again(cli: Cli, account: Account, media: list[str]) -> None:
    cli("mimic", *media, "--out", "out.mp4")
    assert cli("mimic", *media, "--new", "--out", "out.mp4").code == 2  # the file is in the way
    assert account.bought == ONCE
    assert cli("mimic", *media, "--new", "--out", "second.mp4").code == 0
    assert account.bought == (2, 2, "80")


@pytest.mark.parametrize("fault", ["moderate:submit", "fail:submit"])
def test_what_ended_without_a_film_is_bought_again_without_a_question(
    cli: Cli, account: Account, media: list[str], fault: str
) -> None:
    account.sandbox.fault(fault)
    assert cli("mimic", *media, "--out", "out.mp4").code in {5, 6}
    assert cli("mimic", *media, "--out", "out.mp4").code == 0
    assert len(account.ledger["jobs"]) == 2


class Killed(BaseException):
    """The end of a process."""


def killed_before_the_call(cli: Cli, monkeypatch: pytest.MonkeyPatch, *command: str) -> None:
    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(Journal, "sending", die)
        with pytest.raises(Killed):
            cli(*command)
    monkeypatch.setattr(processes, "alive", lambda _: False)


@pytest.mark.parametrize("more", [[], ["--key", "order-17"]], ids=["no key", "a key"])
def test_after_a_crash_before_the_call_left_the_same_command_buys_at_once(
    cli: Cli,
    account: Account,
    media: list[str],
    monkeypatch: pytest.MonkeyPatch,
    more: list[str],
) -> None:
    killed_before_the_call(cli, monkeypatch, "mimic", *media, *more)

    told = cli("mimic", *media, *more, "--out", "out.mp4")

    assert told.code == 0
    assert "submitting it now" in told.err
    assert "quote     40 credits = 0.40 USD" in told.err
    assert account.bought == ONCE


def test_after_such_a_crash_two_that_run_the_same_command_at_once_buy_one_job(
    cli: Cli, account: Account, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_before_the_call(cli, monkeypatch, "submit", "mimic", *media)
    announce = checkout.announce

    def announced(screen: Screen, request: mk.Request, explanation: mk.Explanation) -> None:
        with mk.Client() as other:  # it is faster, and finds nothing bought either
            other.submit(request)
        announce(screen, request, explanation)

    monkeypatch.setattr(checkout, "announce", announced)

    assert cli("submit", "mimic", *media).code == 0
    assert account.bought == ONCE


def test_ctrl_c_while_a_slot_is_waited_for_buys_nothing(
    cli: Cli, account: Account, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def press(*_: object, **__: object) -> float:
        raise KeyboardInterrupt

    account.sandbox.fault("refuse:submit:code=500044:times=0")
    monkeypatch.setattr("motionkit._support.backoff.slot_delay", press)

    told = cli("submit", "mimic", *media)

    assert told.code == 1
    assert "nothing further was submitted" in told.err
    assert account.ledger["jobs"] == []


def test_after_a_paid_retry_every_verb_takes_the_key_for_the_job_that_was_paid_last(
    cli: Cli, account: Account, media: list[str], own_place: Path
) -> None:
    own = own_place / "own.toml"
    own.write_text('[routes.r]\ntargets = ["pixverse"]\npaid_retries = 1\n')
    account.sandbox.fault("fail:submit")
    with mk.Client(own) as client:
        request = mk.Mimic(image="hero.png", video="dance.mp4")
        paid = client.run(request, via="r", key="order-17").job
    assert len(account.ledger["jobs"]) == 2

    more = ["--config", own]
    assert cli("result", "order-17", "--json", *more).one["job"] == paid.id
    assert cli("poll", "order-17", "--json", *more).one["job"] == paid.id
    assert cli("jobs", "show", "order-17", "--json", *more).one["job"] == paid.id
    assert cli("submit", "mimic", *media, "--via", "r", "--key", "order-17", *more).code == 0
    assert order(cli, media, "--via", "r", *map(str, more)).out == "out.mp4\n"
    assert cli("wait", "order-17", "--out", "waited.mp4", *more).code == 0
    assert cli("resume", "order-17", *more).code == 0
    assert len(account.ledger["jobs"]) == 2


# Many pictures, few slots.


@pytest.fixture
def heroes(own_place: Path, media: list[str]) -> list[str]:
    """Twelve pictures that differ, beside the clip."""
    picture = (own_place / "hero.png").read_bytes()
    names = [f"hero-{number:02}.png" for number in range(PICTURES)]
    for name in names:
        (own_place / name).write_bytes(picture + name.encode())
    return names


@pytest.fixture(scope="module")
def timed() -> Iterator[Sandbox]:
    """Jobs take two minutes of vendor time, which passes when a test says so."""
    with Sandbox(speed=1, job_seconds=JOB_SECONDS) as running:
        yield running


@pytest.fixture
def crowded(timed: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Account:
    """An account with five slots."""
    return opened(timed, monkeypatch, "pixverse", concurrency=SLOTS)


def opened(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, vendor: str, **fields: int
) -> Account:
    label = uuid.uuid4().hex
    key = f"SG_{label}"
    sandbox.add_account(vendor, key, label=label, balance="5000", **fields)
    monkeypatch.setenv(f"{vendor.upper()}_API_KEY", key)
    monkeypatch.setenv(f"{vendor.upper()}_BASE_URL", sandbox.url)
    return Account(sandbox, vendor, label, key)


def in_a_loop(cli: Cli, heroes: list[str], *verb: str) -> list[Ended]:
    clip = ["--video", "dance.mp4"]
    return [
        cli(*verb, "--image", hero, *clip, "--key", hero, "--out", f"{hero}.mp4") for hero in heroes
    ]


def test_a_shell_loop_over_twelve_pictures_is_run_twice_and_buys_once(
    cli: Cli, account: Account, heroes: list[str]
) -> None:
    for _ in range(2):
        assert [told.code for told in in_a_loop(cli, heroes, "mimic")] == [0] * PICTURES
        films = {Path(f"{hero}.mp4").stat().st_ino for hero in heroes}
        assert len(films) == PICTURES
        assert account.bought == (PICTURES, PICTURES, "480")


def test_twelve_submits_that_nobody_waits_for_get_through_five_slots(
    cli: Cli, crowded: Account, heroes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def wait(*_: object, **__: object) -> float:
        crowded.sandbox.advance(JOB_SECONDS)
        return 0.0

    monkeypatch.setattr("motionkit._support.backoff.slot_delay", wait)
    for _ in range(2):
        told = in_a_loop(cli, heroes, "submit", "mimic")
        assert [one.code for one in told] == [0] * PICTURES
        _, jobs, charged = crowded.bought
        assert (jobs, charged) == (PICTURES, "480")


@pytest.mark.parametrize(("keys", "slots"), [(1, None), (2, None), (2, SLOTS)])
def test_the_readmes_example_of_many_jobs_takes_twelve_pictures(
    *,
    crowded: Account,
    heroes: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    keys: int,
    slots: int | None,
) -> None:
    accounts = [crowded]
    if keys == 2:
        accounts.append(opened(crowded.sandbox, monkeypatch, "segmind"))
    if slots is not None:
        limits = tmp_path / "limits.toml"
        limits.write_text(
            "".join(
                f'[accounts.{one.vendor}]\napi_key = "{one.key}"\n'
                f'base_url = "{one.sandbox.url}"\nmax_concurrent = {slots}\n'
                for one in accounts
            )
        )
        limits.chmod(0o600)
        monkeypatch.setenv("MOTIONKIT_CONFIG", str(limits))
    time = Time(crowded.sandbox.advance)
    requests = [mk.Mimic(image=hero, video="dance.mp4") for hero in heroes]

    with mk.Client(sleep=time.sleep, clock=time) as client:
        quote = client.quote(requests[0])
        jobs = [
            client.submit(request, key=hero) for request, hero in zip(requests, heroes, strict=True)
        ]
        for job, ending in client.as_completed(jobs, timeout=1800):
            assert isinstance(ending, mk.Result), ending
            assert quote is not None
            assert ending.cost is not None
            assert ending.cost.usd == quote.usd_high
            client.download(ending, f"{job.key}.mp4")
        again = [
            client.submit(request, key=hero) for request, hero in zip(requests, heroes, strict=True)
        ]

    assert again == jobs
    assert all(Path(f"{hero}.mp4").is_file() for hero in heroes)
    assert [one.bought[1:] for one in accounts] == [(PICTURES, "480"), (0, "0")][:keys]


@pytest.mark.soak
def test_twelve_processes_at_once_get_through_five_slots_twice_and_buy_once(
    monkeypatch: pytest.MonkeyPatch, own_place: Path, heroes: list[str]
) -> None:
    (own_place / "dance.mp4").write_bytes(sample_clip(4.0, height=64))
    with Sandbox(speed=60, job_seconds=120) as served:
        key = "crowded-by-processes"
        served.add_account("pixverse", key, label="many", balance="5000", concurrency=SLOTS)
        monkeypatch.setenv("PIXVERSE_API_KEY", key)
        monkeypatch.setenv("PIXVERSE_BASE_URL", served.url)
        account = Account(served, "pixverse", "many", key)
        for _ in range(2):
            told = [
                process("mimic", "--image", hero, "--video", "dance.mp4", "--key", hero,
                        "--out", f"{hero}.mp4")
                for hero in heroes
            ]  # fmt: skip
            running = [one.__enter__() for one in told]
            codes = [result_of(one).code for one in running]
            for one in told:
                one.__exit__(None, None, None)
            assert codes == [0] * PICTURES
            assert account.bought[1:] == (PICTURES, "480")
