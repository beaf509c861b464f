"""Clicks act once, at the price that was agreed to, by the client's own rules."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest
from board_support import HOST, TOKEN, Stand, stand
from patience import until

import motionkit as mk
from motionkit.client import journal_of, placing, plan_retry, retry
from motionkit.errors import Billed, InvalidRequest, MotionKitError
from motionkit.journal import NewPurchase
from motionkit.model.job import Job, Status, utcnow
from motionkit.model.submission import Call, Submission
from motionkit.provider import CancelTerms
from motionkit.report.board import board_of
from motionkit.report.board_actions import Actions
from motionkit.sandbox import Sandbox, sample_clip, sample_picture
from motionkit.testing.memory import Memory, MemoryStage
from motionkit.testing.stage import Situation


@attrs.define
class Clicks:
    """The page's clicks."""

    stand: Stand
    number: int = 0

    def __call__(self, action: str, key: str, click: str | None = None) -> dict[str, Any]:
        if click is None:
            self.number += 1
            click = f"click-{self.number}"
        return self.send({"click": click, "action": action, "key": key})

    def agree(self, asked: dict[str, Any], quote: str | None = None) -> dict[str, Any]:
        return self.send({"click": asked["click"], "quote": quote or asked["quote"]})

    def send(self, wanted: dict[str, Any]) -> dict[str, Any]:
        answer = self.stand.post(json.dumps(wanted).encode())
        return {"status": answer.status, **json.loads(answer.body)}


@pytest.fixture
def acting(tmp_path: Path) -> Iterator[Stand]:
    with stand(tmp_path, acts=True) as made:
        yield made


@pytest.fixture
def click(acting: Stand) -> Clicks:
    return Clicks(acting)


def failed(made: Stand, key: str, situation: Situation = Situation.JOB_FAILS) -> None:
    """Buy a job that ends without a film."""
    made.stage.arrange(situation)
    job = made.submit(key)
    made.stage.vendor.pending.clear()
    made.stage.pass_time(1000)
    made.client.poll(job)


# Who may act.


@pytest.mark.parametrize(
    "headers",
    [
        {"x_motionkit_token": None},
        {"x_motionkit_token": "wrong"},
        {"x_motionkit_token": TOKEN[:-1]},
        {"origin": None},
        {"origin": "null"},
        {"origin": "http://evil.test"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": f"https://{HOST}"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"content_type": None},
        {"content_type": "text/plain"},
        {"content_type": "application/x-www-form-urlencoded"},
    ],
)
def test_another_sites_page_and_who_lacks_the_token_cannot_act(
    acting: Stand, headers: dict[str, str | None]
) -> None:
    failed(acting, "k1")
    wanted = {"click": "1", "action": "retry", "key": "k1"}
    assert acting.post(json.dumps(wanted).encode(), **headers).status == 403
    assert acting.board._actions is not None
    assert not acting.board._actions._clicks  # type: ignore[attr-defined]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"1", b'"x"', b"\xff", b"[" * 5000, b"NaN"])
def test_what_is_no_object_is_refused(acting: Stand, body: bytes) -> None:
    assert acting.post(body).status == 400


def test_a_body_that_is_too_long_is_not_read(acting: Stand) -> None:
    assert acting.post(b'{"a": "' + b"x" * 20_000 + b'"}').status == 413


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"click": "", "action": "retry", "key": "k1"},
        {"click": "x" * 101, "action": "retry", "key": "k1"},
        {"click": "1", "action": "delete", "key": "k1"},
        {"click": "1", "action": "post", "key": "k1"},
        {"click": 1, "action": "retry", "key": "k1"},
        {"click": "1", "action": ["retry"], "key": "k1"},
        {"click": "never asked", "quote": "0.20 USD"},
    ],
)
def test_an_action_that_does_not_exist_is_refused_with_what_is_expected(
    click: Clicks, wanted: dict[str, Any]
) -> None:
    answer = click.send(wanted)
    assert answer["status"] == 409
    assert answer["error"]


def test_getting_an_action_changes_nothing(acting: Stand) -> None:
    assert acting.get("/actions?click=1&action=retry&key=k1").status == 405


def test_a_purchase_that_does_not_exist_is_said(click: Clicks) -> None:
    for action in ("cancel", "resume", "retry"):
        answer = click(action, "nothing")
        assert (answer["state"], answer["status"]) == ("failed", 200)
        assert "no job matches 'nothing'" in answer["text"]


# Retry.


def test_a_retry_shows_its_price_and_buys_when_that_is_agreed_to(
    acting: Stand, click: Clicks
) -> None:
    failed(acting, "k1")
    assert acting.stage.bought() == 1
    asked = click("retry", "k1")
    assert asked["state"] == "asking"
    assert asked["quote"] == "0.20 USD"
    assert asked["text"].startswith("Buy k1 again at stage/")
    assert acting.stage.bought() == 1
    done = click.agree(asked)
    assert done["state"] == "done"
    assert acting.stage.bought() == 2
    bought = acting.entry("k1")  # names what was paid last
    assert bought.key == "k1~1"
    assert bought.request == acting.client.jobs.list()[0].request


def test_the_same_click_again_buys_nothing_more(acting: Stand, click: Clicks) -> None:
    failed(acting, "k1")
    asked = click("retry", "k1", "one")
    assert click("retry", "k1", "one")["quote"] == asked["quote"]
    for _ in range(3):
        assert click.agree(asked)["state"] == "done"
    assert acting.stage.bought() == 2


def test_two_pages_that_agree_at_once_buy_one_job(acting: Stand, click: Clicks) -> None:
    failed(acting, "k1")
    asked = [click("retry", "k1", f"page-{number}") for number in range(6)]
    assert {one["state"] for one in asked} == {"asking"}
    actions = acting.board._actions
    assert actions is not None

    async def agree() -> Any:
        agreed = [{"click": one["click"], "quote": one["quote"]} for one in asked]
        return await asyncio.gather(*(actions.post(one) for one in agreed))

    answers = asyncio.run(agree())
    assert {one["state"] for one in answers} == {"done"}
    assert acting.stage.bought() == 2
    assert acting.entry("k1").key == "k1~1"


@pytest.mark.parametrize("quote", ["0.01 USD", "yes", "0.20 USD "])
def test_another_price_than_the_one_that_was_shown_buys_nothing(
    acting: Stand, click: Clicks, quote: str
) -> None:
    failed(acting, "k1")
    asked = click("retry", "k1")
    assert click.agree(asked, quote)["status"] == 409
    assert acting.stage.bought() == 1


def test_a_question_that_is_too_old_buys_nothing(tmp_path: Path) -> None:
    now = [0.0]
    with stand(tmp_path) as made:
        failed(made, "k1")
        actions = Actions(made.client, lambda: None, clock=lambda: now[0])
        wanted = {"click": "1", "action": "retry", "key": "k1"}
        asked = asyncio.run(actions.post(wanted))
        now[0] += 601
        with pytest.raises(InvalidRequest, match="too old"):
            asyncio.run(actions.post({"click": "1", "quote": asked["quote"]}))
        actions.stop()
        assert made.stage.bought() == 1


def test_a_price_that_has_risen_meanwhile_is_not_paid(
    acting: Stand, click: Clicks, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed(acting, "k1")
    asked = click("retry", "k1")
    plan = acting.board._actions._clicks[asked["click"]].plan  # type: ignore[union-attr]
    acting.board._actions._clicks[asked["click"]].plan = attrs.evolve(plan, cap=Decimal("0.05"))  # type: ignore[union-attr]
    done = click.agree(asked)
    assert done["state"] == "failed"
    assert "exceeds max_usd of 0.05 USD" in done["text"]
    assert acting.stage.bought() == 1


def test_a_budget_that_does_not_hold_the_price_refuses_before_the_question(
    tmp_path: Path,
) -> None:
    stage = MemoryStage()
    with stand(tmp_path, stage) as made:
        failed(made, "k1")
    limited = {"budget_usd": {"total": Decimal("0.05")}}
    with stand(tmp_path, stage, acts=True, defaults=limited) as made:
        answer = Clicks(made)("retry", "k1")
        assert answer["state"] == "failed"
        assert "0.05 USD" in answer["text"]
        assert "No budget is configured" not in made.page()
    assert stage.bought() == 1


@pytest.mark.parametrize(
    "situation", [Situation.JOB_FAILS, Situation.JOB_BLOCKED, Situation.JOB_GONE]
)
def test_whatever_ended_without_a_film_is_bought_under_a_key_of_its_own(
    acting: Stand, click: Clicks, situation: Situation
) -> None:
    failed(acting, "k1", situation)
    click.agree(click("retry", "k1"))
    assert [one.key for one in acting.client.jobs.list()] == ["k1", "k1~1"]
    assert click.agree(click("retry", "k1"))["status"] == 409  # nothing is asked any more
    assert acting.stage.bought() == 2


def test_a_refused_submit_is_made_again_under_its_own_key(acting: Stand, click: Clicks) -> None:
    acting.stage.arrange(Situation.INVALID)
    with pytest.raises(InvalidRequest):
        acting.submit("k1", out=acting.folder / "film.mp4", labels={"project": "spring"})
    asked = click("retry", "k1")
    assert "first time" not in asked["text"]
    assert click.agree(asked)["state"] == "done"
    bought = acting.entry("k1")
    assert (bought.key, len(bought.attempts)) == ("k1", 2)
    assert bought.labels == {"project": "spring"}
    assert bought.out == str(acting.folder / "film.mp4")


def test_what_may_have_been_bought_is_never_bought_again(acting: Stand, click: Clicks) -> None:
    acting.stage.arrange(Situation.SUBMIT_5XX)
    with pytest.raises(MotionKitError):
        acting.submit("k1")
    answer = click("retry", "k1")
    assert answer["state"] == "failed"
    assert "may have been bought" in answer["text"]
    assert "client." not in answer["text"]


def test_what_runs_or_has_a_film_is_not_bought_again(acting: Stand, click: Clicks) -> None:
    acting.submit("runs")
    assert (
        "is queued" in click("retry", "runs")["text"] or "running" in click("retry", "runs")["text"]
    )
    acting.delivered("done", acting.folder / "x.mp4")
    assert "is succeeded" in click("retry", "done")["text"]
    assert acting.stage.bought() == 2


def test_the_same_request_under_another_key_is_said_before_it_is_bought_once_more(
    acting: Stand, click: Clicks
) -> None:
    failed(acting, "k1")
    acting.submit("k2")
    asked = click("retry", "k1")
    assert "was bought as k2, which is queued: this buys it once more" in asked["text"]
    assert acting.stage.bought() == 2
    for _ in range(2):
        click.agree(asked)
    assert acting.entry("k1").key == "k1~1"
    assert acting.stage.bought() == 3


def test_what_was_bought_again_is_not_bought_a_third_time(acting: Stand, click: Clicks) -> None:
    failed(acting, "k1", Situation.JOB_BLOCKED)
    click.agree(click("retry", "k1"))
    assert "k1 was bought again as k1~1, which is " in click("retry", "k1")["text"]
    assert acting.stage.bought() == 2


def test_the_same_request_bought_between_question_and_answer_is_continued(
    acting: Stand, click: Clicks
) -> None:
    failed(acting, "k1")
    asked = click("retry", "k1")
    acting.submit("k2")
    done = click.agree(asked)
    assert "k2 was bought before; nothing was bought now" in done["text"]
    assert acting.stage.bought() == 2


def test_a_retry_that_fails_too_can_be_made_again(acting: Stand, click: Clicks) -> None:
    failed(acting, "k1")
    acting.stage.arrange(Situation.JOB_FAILS)
    click.agree(click("retry", "k1"))
    acting.stage.vendor.pending.clear()
    acting.stage.pass_time(1000)
    again = acting.entry("k1")
    assert again.job is not None
    acting.client.poll(again.job)
    click.agree(click("retry", "k1"))
    assert acting.entry("k1").key == "k1~2"
    assert acting.stage.bought() == 3


def test_other_media_under_the_same_name_are_another_request(acting: Stand, click: Clicks) -> None:
    failed(acting, "k1")
    (acting.folder / "hero.png").write_bytes(sample_picture())
    answer = click("retry", "k1")
    assert "image: hero.png has another content now" in answer["text"]
    (acting.folder / "hero.png").unlink()
    assert "there is no file" in click("retry", "k1")["text"]
    assert acting.stage.bought() == 1


def test_a_request_that_the_journal_does_not_have_whole_is_not_bought(
    acting: Stand, click: Clicks
) -> None:
    acting.stage.arrange(Situation.JOB_FAILS)
    job = acting.client.submit(
        acting.request(extra={"memory": {"secret_option": 1}}), via="stage", key="k1"
    )
    acting.stage.pass_time(1000)
    acting.client.poll(job)
    assert "options of a vendor" in click("retry", "k1")["text"]
    acting.change("UPDATE purchases SET media=NULL")
    assert "older motionkit" in click("retry", "k1")["text"]
    assert acting.stage.bought() == 1


def test_a_batchs_row_is_left_to_its_batch(acting: Stand, click: Clicks) -> None:
    failed(acting, "k1")
    acting.change("UPDATE purchases SET batch='b-1', item=3")
    answer = click("retry", "k1")
    assert "row 3 of batch b-1" in answer["text"]
    assert "mk." not in answer["text"].lower()
    assert "<button" not in acting.page().replace('<button type="button" id="ask', "")


def test_a_take_is_bought_again_as_that_take(acting: Stand, click: Clicks) -> None:
    acting.stage.arrange(Situation.JOB_FAILS)
    jobs = acting.client.submit_takes(acting.request(), 2, via="stage", key="t")
    acting.stage.vendor.pending.clear()
    acting.stage.pass_time(1000)
    first = jobs[0]
    assert isinstance(first, mk.Job)
    acting.client.poll(first)
    click.agree(click("retry", "t-1"))
    again = acting.entry("t-1")
    assert (again.key, again.take, again.family) == ("t-1~1", 1, "t")


def test_a_plan_never_buys_twice(acting: Stand) -> None:
    failed(acting, "k1")
    plan = plan_retry(acting.client, acting.entry("k1"))
    assert retry(acting.client, plan) == retry(acting.client, plan)
    assert acting.stage.bought() == 2


# Cancel.


@pytest.fixture
def cancelling(tmp_path: Path) -> Iterator[Stand]:
    class Cancelling(Memory):
        """It answers a request to cancel with the job, cancelled and charged."""

        cancel_terms = CancelTerms({mk.State.RUNNING: Billed.YES}, "tests", "Time is charged.")
        asked: ClassVar[list[str]] = []

        def poll(self, job: Job) -> Status:
            return self.end() if job.id in self.asked else super().poll(job)

        def cancel(self, job: Job) -> Status:
            self.asked.append(job.id)
            return self.end()

        @staticmethod
        def end() -> Status:
            return Status(mk.State.FAILED, "canceled", utcnow(), billed=Billed.YES, cancelled=True)

    with stand(tmp_path, MemoryStage(provider_class=Cancelling), acts=True) as made:
        yield made


def test_a_cancel_says_what_is_charged_and_cancels_when_agreed_to(cancelling: Stand) -> None:
    click = Clicks(cancelling)
    cancelling.submit("k1")
    assert 'data-action="cancel"' in cancelling.page()
    asked = click("cancel", "k1")
    assert asked["state"] == "asking"
    assert "It is charged all the same. Time is charged." in asked["text"]
    vendor = cancelling.stage.provider_class
    assert vendor.asked == []
    done = click.agree(asked)
    assert (done["state"], len(vendor.asked)) == ("done", 1)
    assert "is cancelled" in done["text"]
    assert click.agree(asked) == done
    assert len(vendor.asked) == 1
    assert cancelling.entry("k1").cancelled


def test_a_vendor_that_cannot_cancel_has_no_button_and_says_so(
    acting: Stand, click: Clicks
) -> None:
    acting.submit("k1")
    assert 'data-action="cancel"' not in acting.page()
    said = click("cancel", "k1")["text"]
    assert "memory cannot cancel a job" in said
    assert "client." not in said  # a page has no Python


def unsent(made: Stand, key: str) -> Callable[[], object]:
    """Write a purchase that another process is about to send; return what sends it."""
    journal = journal_of(made.client)
    submission = Submission("memory", "stage", "mimic", "m1", Call("POST", "/jobs"))
    attempt = journal.intend(
        NewPurchase(key=key, request=key, via="stage", description={"operation": "mimic"}),
        f"a-{key}",
        submission,
        made.client.account("stage").fingerprint,
    )
    job = attrs.evolve(
        submission.job("7", fingerprint=attempt.fingerprint, attempt_id=attempt.id), key=key
    )
    return lambda: journal.accepted(journal.sending(attempt), job)


def test_what_has_not_been_sent_is_cancelled_free_of_charge(acting: Stand, click: Clicks) -> None:
    unsent(acting, "k1")
    assert 'data-action="cancel"' in acting.page()
    asked = click("cancel", "k1")
    assert "nothing is charged" in asked["text"]
    assert "nothing is charged" in click.agree(asked)["text"]
    assert acting.entry("k1").cancelled


def test_a_cancel_that_costs_nothing_does_not_end_a_job_that_was_sent_meanwhile(
    cancelling: Stand,
) -> None:
    send, click = unsent(cancelling, "k1"), Clicks(cancelling)
    asked = click("cancel", "k1")
    send()
    done = click.agree(asked)
    assert done["state"] == "failed"
    assert "was sent meanwhile" in done["text"]
    assert cancelling.stage.provider_class.asked == []


def test_what_may_have_been_sent_is_never_said_to_be_free(acting: Stand, click: Clicks) -> None:
    acting.stage.arrange(Situation.SUBMIT_5XX)
    with pytest.raises(MotionKitError, match="server error"):
        acting.submit("k1")
    said = click("cancel", "k1")
    assert said["state"] == "failed"
    assert "may be charged" in said["text"]
    assert acting.entry("k1").ambiguous


def test_a_job_that_has_ended_is_too_late_to_cancel(cancelling: Stand) -> None:
    click = Clicks(cancelling)
    cancelling.submit("k1")
    cancelling.stage.pass_time(1000)
    done = click("cancel", "k1")
    assert (done["state"], cancelling.stage.provider_class.asked) == ("done", [])
    assert "had succeeded before" in done["text"]


# Resume, over the sandbox.


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(speed=1, job_seconds=0.001) as running:
        yield running


@attrs.define
class Bought:
    """A client at the sandbox with a board that acts."""

    sandbox: Sandbox
    client: mk.Client
    actions: Actions
    folder: Path

    def post(self, **wanted: str) -> dict[str, Any]:
        return dict(asyncio.run(self.actions.post(wanted)))

    @property
    def ledger(self) -> tuple[int, int, str]:
        """Paid calls, jobs, and what was charged."""
        accounts = self.sandbox.ledger()["vendors"]["pixverse"]["accounts"].values()
        (told,) = (one for one in accounts if one["submits"])
        return told["submits"], len(told["jobs"]), told["charged"]

    def submit(self, key: str, **options: Any) -> mk.Job:
        request = mk.Mimic(self.folder / "hero.png", self.folder / "dance.mp4")
        return self.client.submit(request, via="pixverse", key=key, **options)


@pytest.fixture
def bought(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bought]:
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MOTIONKIT_JOURNAL", str(tmp_path / "journal.db"))
    monkeypatch.delenv("MOTIONKIT_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hero.png").write_bytes(sample_picture())
    (tmp_path / "dance.mp4").write_bytes(sample_clip(4.0, height=64))
    with mk.Client() as client, board_of(client, acts=True) as board:
        actions = board._actions
        assert isinstance(actions, Actions)
        yield Bought(sandbox, client, actions, tmp_path)


def test_resume_follows_a_job_and_saves_its_film_where_the_submit_said(bought: Bought) -> None:
    bought.submit("k1", out=bought.folder / "film.mp4")
    answer = bought.post(click="1", action="resume", key="k1")
    assert answer["state"] == "done"
    until(lambda: bought.client.jobs.get("k1").delivered)
    assert bought.client.jobs.get("k1").delivered == str(bought.folder / "film.mp4")
    until(lambda: not bought.actions.busy)
    (shown,) = bought.actions.shown()
    assert shown.text == f"the film of k1 is saved: {bought.folder / 'film.mp4'}"
    again = bought.post(click="2", action="resume", key="k1")
    assert "nothing is left to do" in again["text"]
    assert bought.ledger == (1, 1, "40")


def test_a_film_that_a_command_saves_meanwhile_is_not_saved_again(bought: Bought) -> None:
    job = bought.submit("k1", out=str(bought.folder / "film-{key}.{ext}"))
    with placing.alone(journal_of(bought.client), job):
        bought.post(click="1", action="resume", key="k1")
        bought.client.deliver(bought.client.wait(job))
    until(lambda: not bought.actions.busy)
    (shown,) = bought.actions.shown()
    assert shown.text == f"the film of k1 was saved: {bought.folder / 'film-k1.mp4'}"
    assert [one.name for one in bought.folder.glob("film*")] == ["film-k1.mp4"]


def test_a_film_without_a_place_is_saved_under_a_free_name_in_the_folder(bought: Bought) -> None:
    (bought.folder / "hero-dance.mp4").write_bytes(b"mine")
    bought.submit("k1")
    bought.post(click="1", action="resume", key="k1")
    until(lambda: bought.client.jobs.get("k1").delivered)
    saved = Path(bought.client.jobs.get("k1").delivered or "")
    assert saved.parent == bought.folder
    assert saved.name.startswith("hero-dance-")
    assert (bought.folder / "hero-dance.mp4").read_bytes() == b"mine"


def test_a_file_in_the_way_of_a_film_is_kept(bought: Bought) -> None:
    bought.submit("k1", out=bought.folder / "film.mp4")
    (bought.folder / "film.mp4").write_bytes(b"mine")
    bought.post(click="1", action="resume", key="k1")
    until(lambda: bought.client.jobs.get("k1").delivered)
    assert (bought.folder / "film.mp4").read_bytes() == b"mine"
    assert Path(bought.client.jobs.get("k1").delivered or "").name.startswith("film-")


def test_a_failed_job_is_bought_again_once_and_its_film_comes(bought: Bought) -> None:
    bought.sandbox.fault("fail:submit:times=1")
    job = bought.submit("k1", out=bought.folder / "film.mp4")
    with pytest.raises(mk.errors.JobFailed):
        bought.client.wait(job)
    submits, jobs, _ = bought.ledger
    assert (submits, jobs) == (1, 1)
    asked = bought.post(click="1", action="retry", key="k1")
    assert asked["quote"] == "0.40 USD"
    assert bought.ledger[0] == 1
    for _ in range(3):
        assert bought.post(click="1", quote=asked["quote"])["state"] == "done"
    until(lambda: bought.client.jobs.get("k1~1").delivered)
    assert bought.ledger[:2] == (2, 2)
    assert (bought.folder / "film.mp4").stat().st_size > 1000


def test_a_submit_that_may_have_arrived_is_not_made_again(acting: Stand, click: Clicks) -> None:
    acting.stage.arrange(Situation.SUBMIT_5XX)
    with pytest.raises(MotionKitError):
        acting.submit("k1")
    answer = click("resume", "k1")
    assert answer["state"] == "failed"
    assert acting.entry("k1").state is mk.KeyState.UNCERTAIN
    assert acting.stage.bought() == 1


def test_a_board_that_closes_leaves_jobs_running_and_says_so(
    sandbox: Sandbox, bought: Bought
) -> None:
    bought.sandbox.fault("stuck:submit")
    bought.submit("k1")
    bought.post(click="1", action="resume", key="k1")
    assert bought.actions.busy
    bought.actions.stop()
    bought.client.close()
    bought.actions.join()
    assert not bought.actions.busy
    (shown,) = bought.actions.shown()
    assert "still runs; the board no longer follows it" in shown.text
