"""Many processes that do one thing to a journal at the same moment: ``python crowd.py``.

Reads one line of JSON: the journal's place, how many processes, how often each, and what. Forks
them, each with a journal of its own, starts all at once, and prints what each attempt came to.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

from patience import PATIENCE

from motionkit.errors import BudgetExceeded, Busy
from motionkit.journal import Journal, NewPurchase, PurchaseExists
from motionkit.model.budget import Budget
from motionkit.model.money import Basis, Quote, Unit
from motionkit.model.submission import Call, Submission

SUBMISSION = Submission("fake", "shop", "mimic", "m1", Call("POST", "/paid", paid=True))
USD = Decimal("0.40")
QUOTE = Quote(USD, USD, USD, Unit.USD, USD, USD, USD, Basis.LISTED, "page", None)


def purchase(key: str, request: str, what: str) -> NewPurchase:
    budget = Budget(name="five", period="total", limit=Decimal(5), route="day")
    return NewPurchase(
        key="one" if what == "key" else key,
        request="one" if what in {"key", "request"} else request,
        via="day",
        description={},
        quote=QUOTE,
        route="day",
        budgets=(budget,) if what == "budget" else (),
        again=what == "key",
    )


def intend(journal: Journal, who: str, told: dict[str, Any]) -> list[str]:
    """Write intentions, and return what each came to."""
    came = []
    for number in range(told["times"]):
        name = f"{who}-{number}"
        try:
            journal.intend(
                purchase(name, name, told["what"]),
                f"attempt-{name}",
                SUBMISSION,
                "f" * 16,
                slots=told.get("slots"),
            )
            came.append("written")
        except (Busy, BudgetExceeded, PurchaseExists) as error:
            came.append(type(error).__name__)
    return came


def crowd(
    place: Path | str, what: str, processes: int, times: int = 1, **more: Any
) -> Counter[str]:
    """Return how often each came of what many processes intended at once."""
    told = {"place": str(place), "what": what, "processes": processes, "times": times, **more}
    done = subprocess.run(
        [sys.executable, __file__],
        input=json.dumps(told),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
    return Counter(done.stdout.split())


def main() -> None:
    """Fork the crowd."""
    told = json.loads(sys.stdin.readline())
    Journal(told["place"]).close()
    starting, start = os.pipe()
    children = []
    for number in range(told["processes"]):
        child = os.fork()
        if child == 0:
            failed = 1
            try:
                os.close(start)
                with Journal(told["place"]) as journal:
                    os.read(starting, 1)  # until the parent closes its end
                    came = intend(journal, str(number), told)
                os.write(1, ("\n".join(came) + "\n").encode())
                failed = 0
            finally:
                os._exit(failed)
        children.append(child)
    os.close(start)
    sys.exit(any(os.waitpid(child, 0)[1] for child in children))


if __name__ == "__main__":
    main()
