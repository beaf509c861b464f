"""Many jobs at once: done, threads, memory, processor time, lateness; ours, and others' clients.

Every client is a process of its own and does the same: submit so many jobs over Segmind's wire and
wait for all of them. Threads and memory are read from outside, lateness and polls are noted at the
server, and the clients take turns. Jobs take 20 s and are believed to; the plain client and the
Segmind SDK look every second, motionkit wishes a lateness of 0.5 s. A thousand threads of the plain
client get into each other's way where cores are few: the SDK's processor time says more there.

``python tests/bench/jobs.py [--rounds N] [--many] [--json]``
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import importlib.util
import json
import logging
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import server
from figures import ROUNDS, Figure, options, told

KEY = "bench-key-0123456789"
SLUG = "pixverse-mimic"
SUBMITTING = 8
"""Threads that submit; waiting is what is measured."""
INTERVAL = 1.0
"""Seconds between two polls of the plain client, as of Segmind's own."""
SAMPLE = 0.05
"""Seconds between two looks at a client's threads and memory."""
PATIENCE = 1800.0

# The clients. Each is made, then told to go; what is used before that is idle.

Ready = Callable[[], None]


@contextlib.contextmanager
def shop(url: str, belief: float, lateness: float) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Give a configuration with a journal on the disk, and what else a client takes."""
    from motionkit_segmind.adapter import Segmind

    class Believing(Segmind):
        """Segmind, of which a duration is believed."""

        offers = tuple(attrs.evolve(one, expected_seconds=belief) for one in Segmind.offers)

    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "motionkit.toml"
        file.write_text(
            f'journal = "journal.db"\n[accounts.segmind]\napi_key = "{KEY}"\nbase_url = "{url}"\n'
            f"[defaults]\nlateness = {lateness}\ntimeout = {PATIENCE}\n"
        )
        file.chmod(0o600)
        yield file, {"provider_classes": {"segmind": Believing}}


def wanted() -> Any:
    """Return a request whose media the vendor holds."""
    import motionkit as mk

    media = mk.Uploaded("https://files.invalid/a.png"), mk.Uploaded("https://files.invalid/b.mp4")
    return mk.Mimic(*media, quality="540p")


def ours(url: str, jobs: int, belief: float, lateness: float, ready: Ready) -> int:
    """motionkit: submits with a journal on the disk, then each job as it ends."""
    import motionkit as mk

    request = wanted()
    with shop(url, belief, lateness) as (file, more), mk.Client(file, **more) as client:
        client.account("segmind")
        ready()

        def buy(first: int) -> list[mk.Job]:
            numbers = range(first, jobs, SUBMITTING)
            return [client.submit(request, via="segmind", key=f"k{number}") for number in numbers]

        with concurrent.futures.ThreadPoolExecutor(SUBMITTING) as pool:
            bought = [job for some in pool.map(buy, range(SUBMITTING)) for job in some]
        return sum(isinstance(one, mk.Result) for _, one in client.as_completed(bought))


def coroutines(url: str, jobs: int, belief: float, lateness: float, ready: Ready) -> int:
    """motionkit: the same with a coroutine a job."""
    import motionkit as mk

    request = wanted()
    gate = asyncio.Semaphore(SUBMITTING)

    async def one(client: mk.AsyncClient, number: int) -> bool:
        async with gate:
            job = await client.submit(request, via="segmind", key=f"k{number}")
        return bool((await client.wait(job)).url)

    async def every(file: Path, more: Mapping[str, Any]) -> int:
        async with mk.AsyncClient(file, **more) as client:
            client.account("segmind")
            ready()
            return sum(await asyncio.gather(*(one(client, number) for number in range(jobs))))

    with shop(url, belief, lateness) as (file, more):
        return asyncio.run(every(file, more))


def plain(url: str, jobs: int, _belief: float, _lateness: float, ready: Ready) -> int:
    """A thread a job, with requests, polling at a fixed interval."""
    import requests

    def one(_: int) -> bool:
        with requests.Session() as session:
            session.headers["x-api-key"] = KEY
            begun = session.post(f"{url}/v2/{SLUG}", json={"quality": "540p"}, timeout=60).json()
            address = f"{url}/v2/requests/{begun['request_id']}"
            while session.get(f"{address}/status", timeout=60).json()["status"] != "COMPLETED":
                time.sleep(INTERVAL)
            return bool(session.get(address, timeout=60).json()["output"])

    requests.Session().close()
    ready()
    return _a_thread_a_job(one, jobs)


def segmind_sdk(url: str, jobs: int, _belief: float, _lateness: float, ready: Ready) -> int:
    """Segmind's own client: a thread a job, its own interval."""
    import segmind

    client = segmind.SegmindClient(api_key=KEY, base_url=f"{url}/v1")

    def one(_: int) -> bool:
        told = client.submit_async(SLUG, quality="540p").wait(timeout=PATIENCE)
        return bool(told["output"])

    ready()
    return _a_thread_a_job(one, jobs)


def _a_thread_a_job(one: Callable[[int], bool], jobs: int) -> int:
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        running = [pool.submit(one, number) for number in range(jobs)]
        return sum(f.exception() is None and f.result() for f in running)


CLIENTS: Mapping[str, tuple[str, Callable[..., int]]] = {
    "motionkit": ("motionkit", ours),
    "coroutines": ("motionkit, a coroutine a job", coroutines),
    "requests": ("a thread a job, requests", plain),
    "segmind": ("Segmind SDK", segmind_sdk),
}


def play(name: str, url: str, jobs: int, belief: float, lateness: float) -> None:
    """Be a client: say ready, wait for the word, do it, and tell what it took."""
    used = 0.0

    def ready() -> None:
        nonlocal used
        print("ready", flush=True)  # noqa: T201 - the parent reads it
        sys.stdin.readline()
        used = _cpu()

    done = CLIENTS[name][1](url, jobs, belief, lateness, ready)
    print(json.dumps({"done": done, "cpu": _cpu() - used}), flush=True)  # noqa: T201


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


# Watching them.


@attrs.define(kw_only=True)
class Run:
    """What one run of one client took."""

    done: int
    threads: int
    megabytes: float
    cpu: float
    lateness: float
    polls: float
    seconds: float


def watched(
    host: server.Running, name: str, jobs: int, *, plan: Mapping[str, float], lateness: float,
    core: int | None = None,
) -> Run:  # fmt: skip
    """Run a client against a fresh plan and watch it from outside."""
    host.plan(**plan)
    command = [sys.executable, __file__, "--play", name, "--url", host.url, "--jobs", str(jobs)]
    command += ["--belief", str(plan["seconds"]), "--lateness", str(lateness)]
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith("MOTIONKIT_")
    }
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdout.readline()
        if core is not None:
            os.sched_setaffinity(child.pid, {core})
        idle = _status(child.pid)
        begun = time.monotonic()
        child.stdin.write("go\n")
        child.stdin.flush()
        peak = dict(idle)
        over = threading.Event()
        said: list[str] = []

        def listen() -> None:
            said.append(child.stdout.readline())  # type: ignore[union-attr]
            over.set()

        listener = threading.Thread(target=listen)
        listener.start()
        while not over.wait(SAMPLE):
            now = _status(child.pid)
            peak = {key: max(value, now.get(key, 0)) for key, value in peak.items()}
        seconds = time.monotonic() - begun
        listener.join()
    result, noted = json.loads(said[0]), host.told()
    return Run(
        done=min(result["done"], noted["done"]),
        threads=peak["Threads"],
        megabytes=(peak["VmRSS"] - idle["VmRSS"]) / 1024,
        cpu=result["cpu"],
        lateness=noted["lateness"] or float("nan"),
        polls=noted["polls"] / jobs,
        seconds=seconds,
    )


def _status(pid: int) -> dict[str, int]:
    """Return a process's threads and kilobytes of memory."""
    found = {}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in {"Threads", "VmRSS"}:
            found[name] = int(value.split()[0])
    return found


def middle(runs: list[Run]) -> Run:
    """Return the median of every figure."""
    return Run(
        **{
            field.name: statistics.median(getattr(run, field.name) for run in runs)
            for field in attrs.fields(Run)
        }
    )


def installed() -> list[str]:
    """Return the clients that can be run here."""
    return [name for name in CLIENTS if name != "segmind" or importlib.util.find_spec("segmind")]


def crowd(host: server.Running, rounds: int, jobs: int) -> list[Figure]:
    """Measure jobs of 20 s that are believed to take 20 s, with every client."""
    names = installed()
    runs: dict[str, list[Run]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            runs[name].append(watched(host, name, jobs, plan={"seconds": 20.0}, lateness=0.5))
        names.append(names.pop(0))
    made = {name: middle(found) for name, found in runs.items()}
    bars = {"done": jobs, "threads": 20, "memory": 8, "cpu": 0.6, "lateness": 0.8}
    found = [one for name in CLIENTS if name in made for one in lines(jobs, name, made, bars)]
    if "segmind" not in made:
        found.append(Figure(what=f"{jobs} jobs of 20 s: Segmind SDK", ours=0, note="not installed"))
    return found


def far_away(host: server.Running, rounds: int, jobs: int) -> list[Figure]:
    """Measure the same with a vendor that is 100 ms away."""
    plan = {"seconds": 20.0, "delay": 0.1}
    runs = [watched(host, "motionkit", jobs, plan=plan, lateness=0.5) for _ in range(rounds)]
    return lines(jobs, "motionkit", {"motionkit": middle(runs)}, {"done": jobs, "threads": 130},
                 where=" 100 ms away")  # fmt: skip


def many(host: server.Running, jobs: int) -> list[Figure]:
    """Measure, once, many jobs of two minutes with one process on one core."""
    plan = {"seconds": 132.0, "sigma": 0.3}
    run = watched(host, "motionkit", jobs, plan=plan, lateness=2.0, core=0)
    bars = {"done": jobs, "threads": 40, "memory": 25, "lateness": 3.0}
    note = f"on one core, {run.seconds:.0f} s in all"
    return lines(jobs, "motionkit", {"motionkit": run}, bars, where=" of about 132 s", note=note)


def lines(
    jobs: int,
    name: str,
    made: Mapping[str, Run],
    bars: Mapping[str, float],
    *,
    where: str = "",
    note: str = "",
) -> list[Figure]:
    """Return a client's figures; bars are ours alone."""
    run, floor = made[name], made.get("requests")
    bars = bars if name == "motionkit" else {}
    what = f"{jobs} jobs{where}, {CLIENTS[name][0]}"
    told = "; ".join(filter(None, (note, f"{run.polls:.1f} polls a job")))
    base = None if floor is None else round(floor.cpu, 2)
    return [
        Figure(what=f"{what}: CPU", ours=round(run.cpu, 2), floor=base, unit="s",
               bar=bars.get("cpu"), note=told),
        Figure(what=f"{what}: done", ours=run.done, bar=bars.get("done"), least=True, note=note),
        Figure(what=f"{what}: threads", ours=run.threads, bar=bars.get("threads"), note=note),
        Figure(what=f"{what}: memory above idle", ours=round(run.megabytes, 1), unit="MB",
               bar=bars.get("memory"), note=note),
        Figure(what=f"{what}: mean lateness", ours=round(run.lateness, 2), unit="s",
               bar=bars.get("lateness"), note=told),
    ]  # fmt: skip


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--many", action="store_true", help="10,000 jobs too; takes minutes")
    parser.add_argument("--only-many", action="store_true", help="those alone")
    parser.add_argument("--play", choices=CLIENTS, help="be a client (used by the bench itself)")
    parser.add_argument("--url")
    parser.add_argument("--belief", type=float)
    parser.add_argument("--lateness", type=float)
    chosen = parser.parse_args()
    if chosen.play:
        play(chosen.play, chosen.url, chosen.jobs, chosen.belief, chosen.lateness)
        return
    rounds = chosen.rounds or ROUNDS
    found: list[Figure] = []
    with server.running() as host:
        if not chosen.only_many:
            found += crowd(host, rounds, chosen.jobs)
            found += far_away(host, rounds, chosen.jobs)
        if chosen.many or chosen.only_many:
            found += many(host, 10 * chosen.jobs)
    told(found, as_json=chosen.json)


if __name__ == "__main__":
    main()
