"""Agents spend within the budget of the server, with consent, and find what they bought again."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cli_support import Account, Cli, process, read_until
from mcp import Client, StdioServerParameters
from mcp.client.session import ClientRequestContext
from mcp_types import CallToolResult, ElicitRequestParams, ElicitResult
from patience import PATIENCE

import motionkit as mk
from motionkit.errors import DownloadFailed
from motionkit.mcp import make_server
from motionkit.purchase import submit
from motionkit.sandbox import Sandbox

MODES = ["auto", "legacy"]
"""The protocol before and after it became stateless."""
MIMIC = {"operation": "mimic", "fields": {"image": "hero.png", "video": "dance.mp4"}}

Answer = Callable[[ClientRequestContext, ElicitRequestParams], Awaitable[ElicitResult]]
Call = Callable[..., Awaitable[dict[str, Any]]]


class Refused(Exception):
    """A tool call that failed, with what the agent reads."""


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    done = await client.call_tool(tool, arguments)
    assert isinstance(done, CallToolResult)
    if done.is_error:
        raise Refused(" ".join(getattr(one, "text", "") for one in done.content))
    assert isinstance(done.structured_content, dict)
    return done.structured_content


@asynccontextmanager
async def agent(
    budget: str = "0", *, mode: str = "auto", answer: Answer | None = None
) -> AsyncIterator[Client]:
    async with mk.AsyncClient() as accounts:
        server = make_server(accounts, budget=Decimal(budget))
        async with Client(server, mode=mode, elicitation_callback=answer) as client:
            yield client


def says(*, buy: bool | None, asked: list[str]) -> Answer:
    async def answer(_: ClientRequestContext, question: ElicitRequestParams) -> ElicitResult:
        asked.append(question.message)
        if buy is None:
            return ElicitResult(action="decline")
        return ElicitResult(action="accept", content={"buy": buy})

    return answer


def test_an_agent_without_a_budget_cannot_spend(account: Account, media: list[str]) -> None:
    async def play() -> None:
        async with agent() as client:
            found = await call(client, "quote", **MIMIC)
            assert found["quote"]["usd_high"] == "0.40"
            with pytest.raises(Refused, match=r"only quotes.*--budget-usd.*nothing was charged"):
                await call(client, "submit", **MIMIC, key="one", confirm=True)

    asyncio.run(play())
    assert account.bought == (0, 0, "0")


@pytest.mark.parametrize("mode", MODES)
def test_one_dollar_buys_two_jobs_of_forty_cents(
    account: Account, media: list[str], mode: str
) -> None:
    async def play() -> None:
        async with agent("1.00", mode=mode) as client:
            for key in ("one", "two"):
                await call(client, "submit", **MIMIC, key=key, confirm=True)
            with pytest.raises(Refused, match=r"0\.20 USD"):
                await call(client, "submit", **MIMIC, key="three", confirm=True)
            again = await call(client, "submit", **MIMIC, key="two", confirm=True)
            assert again["key"] == "two"
            spent = await call(client, "spend")
            assert spent["spend"][0]["account"] == "pixverse"
            assert sum(Decimal(spent["spend"][0][one]) for one in ("charged", "held")) == 80
            own, *_ = spent["budgets"]
            assert (own["limit_usd"], own["left_usd"]) == ("1.00", "0.20")

    asyncio.run(play())
    assert account.bought == (2, 2, "80")


def test_purchases_at_the_same_moment_stay_within_the_budget(
    account: Account, media: list[str]
) -> None:
    async def play() -> list[Any]:
        async with agent("1.00") as client:
            tasks = [
                call(client, "submit", **MIMIC, key=f"at-once-{number}", confirm=True)
                for number in range(6)
            ]
            return await asyncio.gather(*tasks, return_exceptions=True)

    ended = asyncio.run(play())
    assert sum(isinstance(one, dict) for one in ended) == 2
    assert account.bought == (2, 2, "80")


@pytest.mark.parametrize("mode", MODES)
def test_the_user_is_asked_and_nothing_is_bought_without_a_yes(
    account: Account, media: list[str], mode: str
) -> None:
    asked: list[str] = []

    async def play(buy: bool | None) -> dict[str, Any]:
        async with agent("1.00", mode=mode, answer=says(buy=buy, asked=asked)) as client:
            # The agent's own word does not replace the user's.
            try:
                return await call(client, "submit", **MIMIC, key="asked", confirm=True)
            except Refused as refused:
                return {"refused": str(refused)}

    for buy in (False, None):
        assert "did not agree" in asyncio.run(play(buy))["refused"]
    assert account.bought == (0, 0, "0")
    assert asyncio.run(play(True))["key"] == "asked"
    assert asyncio.run(play(False))["key"] == "asked"  # bought already: there is nothing to ask
    assert account.bought == (1, 1, "40")
    assert len(asked) == 3
    assert "mimic at pixverse" in asked[0]
    assert "0.40 USD" in asked[0]


@pytest.mark.parametrize("mode", MODES)
def test_nothing_dearer_is_bought_than_the_user_was_asked_about(  # noqa: PLR0917 - fixtures
    cli: Cli,
    account: Account,
    quick: Sandbox,
    media: list[str],
    own_place: Path,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
) -> None:
    label = uuid.uuid4().hex
    quick.add_account("segmind", f"test-key-{label}", label=label, balance="50")
    (own_place / "both.toml").write_text(f"""
[accounts.pixverse]
api_key = "{account.key}"
base_url = "{quick.url}"
[accounts.segmind]
api_key = "test-key-{label}"
base_url = "{quick.url}"
[routes.default]
targets = ["pixverse", "segmind/pixverse-mimic"]
fall_back_on = ["credits"]
""")
    monkeypatch.setenv("MOTIONKIT_CONFIG", str(own_place / "both.toml"))
    dearer = Account(quick, "segmind", label, f"test-key-{label}")
    asked: list[str] = []

    async def answer(_: ClientRequestContext, question: ElicitRequestParams) -> ElicitResult:
        asked.append(question.message)
        if len(asked) > 1:
            return ElicitResult(action="decline")
        # While the user thinks, another command finds that the cheaper account has no credits.
        quick.fault("refuse:submit:vendor=pixverse:code=500090:times=0")
        options = ("--max-usd", "0.40", "--key", "other", "--no-wait", "--yes")
        assert (await asyncio.to_thread(cli, "mimic", *media, *options)).code
        return ElicitResult(action="accept", content={"buy": True})

    async def play() -> None:
        async with agent("2.00", mode=mode, answer=answer) as client:
            with pytest.raises(Refused, match=r"nothing was (bought|charged)"):
                await call(client, "submit", **MIMIC, key="thought")

    asyncio.run(play())
    assert "0.40 USD" in asked[0]
    assert not dearer.ledger["jobs"]


def test_a_client_that_cannot_ask_has_to_confirm(account: Account, media: list[str]) -> None:
    async def play() -> None:
        async with agent("1.00") as client:
            with pytest.raises(Refused, match=r"nothing was bought.*0\.40 USD.*confirm=true"):
                await call(client, "submit", **MIMIC, key="unsaid")

    asyncio.run(play())
    assert account.bought == (0, 0, "0")


def test_a_wait_tells_its_progress_and_saves_the_file(
    account: Account, media: list[str], own_place: Path
) -> None:
    heard: list[str | None] = []

    async def progress(_: float, __: float | None, message: str | None) -> None:
        heard.append(message)

    async def play() -> dict[str, Any]:
        async with agent("1.00") as client:
            await call(client, "submit", **MIMIC, key="filmed", out="film.mp4", confirm=True)
            waited = await client.call_tool("wait", {"key": "filmed"}, progress_callback=progress)
            assert isinstance(waited, CallToolResult)
            assert not waited.is_error
            assert await call(client, "result", key="filmed") == waited.structured_content
            return await call(client, "status", key="filmed")

    found = asyncio.run(play())
    assert found["state"] == "succeeded"
    assert found["cost"]["usd"] == "0.40"
    assert Path(found["file"]) == own_place / "film.mp4"
    assert (own_place / "film.mp4").stat().st_size
    assert heard[-1] == "succeeded"


def test_a_file_that_a_command_saved_during_the_wait_is_not_saved_again(
    account: Account, media: list[str], own_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait = mk.AsyncClient.wait

    async def saved_meanwhile(client: mk.AsyncClient, job: mk.Job, **more: Any) -> mk.Result:
        result = await wait(client, job, **more)
        await client.deliver(result, f"{own_place}/{{key}}.{{ext}}")
        return result

    monkeypatch.setattr(mk.AsyncClient, "wait", saved_meanwhile)

    async def play() -> None:
        async with agent("1.00") as client:
            await call(client, "submit", **MIMIC, key="filmed", confirm=True)
            await call(client, "wait", key="filmed")

    asyncio.run(play())
    assert [one.name for one in own_place.glob("filmed*")] == ["filmed.mp4"]


def test_a_job_that_still_runs_is_no_error(slow_account: Account, media: list[str]) -> None:
    async def play() -> None:
        async with agent("1.00") as client:
            await call(client, "submit", **MIMIC, key="slow", confirm=True)
            found = await call(client, "wait", key="slow", seconds=0.1)
            assert found["state"] in {"queued", "running"}
            assert (await call(client, "result", key="slow"))["state"] == found["state"]

    asyncio.run(play())


def test_a_submit_that_may_have_arrived_is_called_uncertain(
    account: Account, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submit, "RESEND_PAUSE", 0.0)
    monkeypatch.setattr(submit, "resend_at", lambda *_: 0.0)
    account.sandbox.fault("reset:submit:times=3")

    async def play() -> tuple[dict[str, Any], dict[str, Any]]:
        async with agent("1.00") as client:
            with pytest.raises(Refused, match="it may have been charged"):
                await call(client, "submit", **MIMIC, key="lost", confirm=True)
            with pytest.raises(Refused, match="may have been charged") as waited:
                await call(client, "wait", key="lost")
            assert "nothing was charged" not in str(waited.value)
            await call(client, "submit", **MIMIC, key="other", confirm=True)
            return await call(client, "status", key="lost"), await call(
                client, "status", key="other"
            )

    lost, other = asyncio.run(play())
    assert (lost["state"], lost["uncertain"]) == ("uncertain", True)
    assert other["uncertain"] is False
    assert not [name for name in lost if "charged" in name]


def test_a_paid_job_whose_file_cannot_be_saved_is_not_called_free(
    account: Account, media: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def deliver(*_: Any, **__: Any) -> None:
        raise DownloadFailed("the disk is full")

    monkeypatch.setattr(mk.AsyncClient, "deliver", deliver)

    async def play() -> str:
        async with agent("1.00") as client:
            await call(client, "submit", **MIMIC, key="paid", confirm=True)
            with pytest.raises(Refused, match="the disk is full") as refused:
                await call(client, "wait", key="paid")
            return str(refused.value)

    assert "nothing was charged" not in asyncio.run(play())
    assert account.bought == (1, 1, "40")


def test_an_agent_sends_and_writes_files_of_its_folder_alone(
    account: Account, media: list[str], own_place: Path
) -> None:
    (own_place.parent / "private.png").write_bytes((own_place / "hero.png").read_bytes())
    (own_place / "link.png").symlink_to(own_place.parent / "private.png")

    async def play() -> None:
        async with agent("1.00") as client:
            for name in ("../private.png", str(own_place.parent / "private.png"), "link.png"):
                fields = {"image": name, "video": "dance.mp4"}
                with pytest.raises(Refused, match="outside the folder"):
                    await call(client, "quote", operation="mimic", fields=fields)
            with pytest.raises(Refused, match="outside the folder"):
                await call(client, "submit", **MIMIC, key="k", out="../film.mp4", confirm=True)

    asyncio.run(play())
    assert account.bought == (0, 0, "0")


@pytest.mark.parametrize("key", ["../outside", "/outside", "a/b", ".."])
def test_a_key_leads_no_file_out_of_the_folder(
    account: Account, media: list[str], own_place: Path, key: str
) -> None:
    async def play() -> dict[str, Any]:
        async with agent("1.00") as client:
            await call(client, "submit", **MIMIC, key=key, confirm=True)
            return await call(client, "wait", key=key)

    assert Path(asyncio.run(play())["file"]).parent == own_place


def test_a_place_of_another_command_is_filled_in_and_may_be_a_store(
    cli: Cli, account: Account, media: list[str], own_place: Path
) -> None:
    places = {"store": "memory://films/{key}.{ext}", "named": "films/{key}-{model}"}
    for key, out in places.items():
        options = ("--key", key, "--out", out, "--no-wait", "--yes")
        assert cli("mimic", *media, *options).code == 0

    async def play() -> list[str]:
        async with agent() as client:
            return [(await call(client, "wait", key=key))["file"] for key in places]

    store, named = asyncio.run(play())
    assert store == "memory://films/store.mp4"
    assert Path(named) == own_place / "films" / "named-mimic.mp4"
    assert not (own_place / "memory:").exists()


@pytest.mark.parametrize(
    ("operation", "fields", "said"),
    [
        ("dance", {}, "there is no 'dance'.*mimic"),
        ("mimic", {"image": "hero.png"}, "needs video"),
        ("mimic", {"image": "hero.png", "video": "dance.mp4", "sped": 2}, "has no 'sped'"),
        ("mimic", {"image": "hero.png", "video": "none.mp4"}, "none.mp4"),
    ],
)
def test_a_wrong_request_says_what_is_wrong(
    account: Account, media: list[str], operation: str, fields: dict[str, Any], said: str
) -> None:
    async def play() -> None:
        async with agent("1.00") as client:
            with pytest.raises(Refused, match=said):
                await call(client, "quote", operation=operation, fields=fields)

    asyncio.run(play())


def test_no_answer_holds_a_key(account: Account, media: list[str]) -> None:
    async def play() -> list[Any]:
        async with agent("1.00") as client:
            return [
                await call(client, "offers"),
                await call(client, "quote", **MIMIC),
                await call(client, "compare", **MIMIC),
                await call(client, "submit", **MIMIC, key="one", confirm=True),
                await call(client, "balance"),
                await call(client, "spend"),
                await call(client, "wait", key="one"),
                await call(client, "status"),
            ]

    told = str(asyncio.run(play()))
    assert account.key not in told
    assert "0.4" in told


def _stdio(*options: str) -> StdioServerParameters:
    return StdioServerParameters(
        command=sys.executable, args=["-m", "motionkit", "mcp", *options], env=dict(os.environ)
    )


def test_a_later_session_over_standard_input_resumes_what_an_interrupted_one_bought(
    slow_account: Account, media: list[str], own_place: Path
) -> None:
    async def buy() -> None:
        async with Client(_stdio("--budget-usd", "0.50")) as client:
            tools = {one.name for one in (await client.list_tools()).tools}
            assert tools >= {"quote", "compare", "submit", "status", "wait", "result", "balance"}
            await call(client, "submit", **MIMIC, key="left", confirm=True)

    async def resume() -> dict[str, Any]:
        async with Client(_stdio()) as client:
            (left,) = (await call(client, "status"))["unfinished"]
            assert left["key"] == "left"
            return await call(client, "wait", key="left", seconds=PATIENCE)

    asyncio.run(buy())
    slow_account.finish_jobs()
    assert Path(asyncio.run(resume())["file"]) == own_place / "left.mp4"
    assert slow_account.bought == (1, 1, "40")


def test_a_purchase_that_is_corrupt_in_the_journal_hides_no_other(
    account: Account, media: list[str]
) -> None:
    async def play() -> dict[str, Any]:
        async with agent("1.00") as client:
            await call(client, "submit", **MIMIC, key="odd", confirm=True)
            await call(client, "submit", **MIMIC, key="left", confirm=True)
            with closing(sqlite3.connect(os.environ["MOTIONKIT_JOURNAL"])) as db, db:
                db.execute("UPDATE purchases SET state='bogus' WHERE key='odd'")
            return await call(client, "status")

    told = asyncio.run(play())
    assert [one["key"] for one in told["unfinished"]] == ["left"]
    assert "the purchase 'odd' is corrupt" in told["corrupt"][0]


def test_streamable_http_serves_the_same_tools(account: Account, media: list[str]) -> None:
    async def play(url: str) -> None:
        async with Client(url) as client:
            await call(client, "submit", **MIMIC, key="http", confirm=True)
            assert (await call(client, "wait", key="http"))["state"] == "succeeded"

    with process("mcp", "--http", "--port", 0, "--budget-usd", "0.40") as running:
        line = read_until(running, "serving")
        assert "budget 0.40 USD" in line
        asyncio.run(play(line.removeprefix("serving ").partition(";")[0]))
    assert account.bought == (1, 1, "40")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--budget-usd", "lots"], "budget_usd"),
        (["--folder", "nowhere"], "no folder"),
        (["--http", "--host", "0.0.0.0"], "other machines"),  # noqa: S104 - it is refused
    ],
)
def test_a_wrong_option_starts_no_server(
    cli: Cli, account: Account, options: list[str], said: str
) -> None:
    ended = cli("mcp", *options)
    assert ended.code == 2
    assert said in ended.err
