"""`Client` and `AsyncClient` are one interface, and the examples of its docstrings run."""

from __future__ import annotations

import asyncio
import doctest
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import motionkit as mk
from motionkit.client.aio import AsyncClient
from motionkit.client.client import Client
from motionkit.errors import ConfigError
from motionkit.sandbox import Sandbox
from motionkit.testing.memory import Memory, MemoryStage
from motionkit.testing.stage import ACCOUNT, client_for, options_for, sample_request
from motionkit_pixverse.adapter import PixVerse
from motionkit_segmind.adapter import Segmind

PLAIN = {"account", "as_completed"}
"""What `AsyncClient` has without a coroutine: `as_completed` is an asynchronous iterator."""
WITH_EXAMPLES = {
    "as_completed",
    "compare",
    "download",
    "explain",
    "poll",
    "quote",
    "result",
    "run",
    "submit",
    "wait",
    "wait_all",
}


def verbs(client: type) -> dict[str, Callable[..., Any]]:
    return {
        name: member
        for name, member in vars(client).items()
        if not name.startswith("_") and callable(member)
    }


def parameters(call: Callable[..., Any]) -> list[tuple[str, Any, Any, str]]:
    """Return the parameters of a call: names, kinds, defaults and annotations."""
    return [
        (one.name, one.kind, one.default, str(one.annotation))
        for one in inspect.signature(call).parameters.values()
        if one.name != "self"
    ]


def test_both_clients_have_the_same_verbs() -> None:
    assert set(verbs(Client)) == set(verbs(AsyncClient))
    assert set(verbs(Client)) >= WITH_EXAMPLES


@pytest.mark.parametrize("name", ["__init__", *sorted(verbs(Client))])
def test_a_verb_takes_the_same_parameters_in_both_clients(name: str) -> None:
    assert parameters(getattr(AsyncClient, name)) == parameters(getattr(Client, name))


@pytest.mark.parametrize("name", sorted(verbs(Client)))
def test_a_verb_is_described_alike_in_both_clients(name: str) -> None:
    told, other = (inspect.getdoc(getattr(one, name)) for one in (Client, AsyncClient))
    assert told
    assert other
    assert other == told or f"as `Client.{name}` does" in other or name == "close"


@pytest.mark.parametrize("name", sorted(verbs(AsyncClient)))
def test_a_verb_of_the_other_client_is_a_coroutine(name: str) -> None:
    assert inspect.iscoroutinefunction(getattr(AsyncClient, name)) is (name not in PLAIN)


@pytest.mark.parametrize("name", sorted(verbs(Client)))
def test_a_docstring_describes_every_parameter_where_there_are_several(name: str) -> None:
    told = inspect.getdoc(getattr(Client, name)) or ""
    taken = {one[0] for one in parameters(getattr(Client, name))} - {"options"}
    if len(taken) > 1:
        assert not {one for one in taken if f"    {one}: " not in told and f"`{one}`" not in told}


def test_both_clients_have_configuration_and_journal(tmp_path: Path) -> None:
    options = options_for(MemoryStage(), tmp_path)

    async def main() -> None:
        async with AsyncClient(**options) as client:
            with Client(**options) as plain:
                assert client.config == plain.config
                assert client.jobs.list() == plain.jobs.list() == []

    asyncio.run(main())


def test_each_example_runs_in_the_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOTIONKIT_JOURNAL", str(tmp_path / "journal.db"))
    with Sandbox(speed=1000, job_seconds=1) as sandbox:
        (tmp_path / "studio.toml").write_text(
            '[accounts.studio]\nprovider = "pixverse"\napi_key = "sandbox-pixverse-key"\n'
            f'base_url = "{sandbox.url}"\n'
        )
        with Client("studio.toml") as client:
            request = sample_request()
            job = client.submit(request, via="studio", key="order-1")
            names = {"client": client, "mk": mk, "request": request, "job": job}
            names["result"] = client.wait(job)
            for verb in sorted(WITH_EXAMPLES):
                told = inspect.getdoc(getattr(Client, verb)) or ""
                examples = doctest.DocTestParser().get_examples(told)
                lines = [line for one in examples for line in one.source.splitlines()]
                assert len(lines) == 2, verb
                assert f"client.{verb}(" in "".join(lines)
                exec(compile("\n".join(lines), verb, "exec"), dict(names))  # noqa: S102
    assert capsys.readouterr().out


def test_an_account_has_the_type_that_is_asked_for(tmp_path: Path) -> None:
    with client_for(MemoryStage(), tmp_path) as client:
        assert client.account(ACCOUNT, Memory) is client.account(ACCOUNT)
        assert client.account(ACCOUNT, kind=Memory).name == "memory"
        for kind in (PixVerse, Segmind):
            with pytest.raises(ConfigError) as caught:
                client.account(ACCOUNT, kind)
            message = str(caught.value)
            assert f"account {ACCOUNT!r} has the adapter Memory of provider 'memory'" in message
            assert message.endswith(f"not {kind.__name__}")
