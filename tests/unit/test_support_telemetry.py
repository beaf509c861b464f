"""OpenTelemetry: spans and metrics for a program that uses it; its faults change no purchase."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import motionkit as mk
from motionkit._support import telemetry
from motionkit.errors import JobFailed, MotionKitError, SubmitUncertain
from motionkit.model.events import count_charge
from motionkit.model.money import Cost, CostBasis, Unit
from motionkit.testing.memory import MemoryStage
from motionkit.testing.stage import ACCOUNT, Situation, client_for, sample_request


class Seen:
    """What was exported, by fresh providers that are not the process's own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, exporter: SpanExporter) -> None:
        self.exporter = exporter
        self.reader = InMemoryMetricReader()
        tracers, meters = TracerProvider(), MeterProvider([self.reader])
        tracers.add_span_processor(SimpleSpanProcessor(exporter))
        monkeypatch.setattr(trace, "get_tracer", tracers.get_tracer)
        monkeypatch.setattr(metrics, "get_meter", meters.get_meter)
        monkeypatch.setattr(telemetry, "_instruments", {})
        monkeypatch.setattr(telemetry, "_failed", set())

    @property
    def spans(self) -> dict[str, list[Any]]:
        assert isinstance(self.exporter, InMemorySpanExporter)
        found: dict[str, list[Any]] = {}
        for span in self.exporter.get_finished_spans():
            found.setdefault(span.name, []).append(span)
        return found

    def points(self, name: str) -> list[Any]:
        data = self.reader.get_metrics_data()
        return [
            point
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]

    def total(self, name: str, **attributes: str) -> float:
        named = telemetry._named(attributes)
        return sum(
            point.value
            for point in self.points(name)
            if named.items() <= dict(point.attributes).items()
        )


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Seen]:
    return Seen(monkeypatch, InMemorySpanExporter())


def test_a_purchase_is_a_span_per_call_by_the_conventions_for_generative_ai(
    seen: Seen, tmp_path: Path
) -> None:
    with client_for(MemoryStage(), tmp_path) as client:
        job = client.run(sample_request(), via=ACCOUNT, key="k").job
    (submit,) = seen.spans["generate_content memory"]
    assert submit.kind is trace.SpanKind.CLIENT
    assert dict(submit.attributes) == {
        "gen_ai.operation.name": "generate_content",
        "gen_ai.provider.name": "memory",
        "gen_ai.request.model": "memory",
        "gen_ai.response.id": job.id,
        "motionkit.operation": "mimic",
        "motionkit.account": ACCOUNT,
        "motionkit.key": "k",
    }
    polls = seen.spans["poll memory"]
    assert {span.attributes["motionkit.state"] for span in polls} == {"running", "succeeded"}
    assert {span.attributes["gen_ai.response.id"] for span in polls} == {job.id}


def test_the_metrics_count_submits_polls_cost_and_the_jobs_duration(
    seen: Seen, tmp_path: Path
) -> None:
    with client_for(MemoryStage(), tmp_path) as client:
        client.run(sample_request(), via=ACCOUNT)
    assert seen.total("motionkit.submits", motionkit__outcome="accepted") == 1
    assert seen.total("motionkit.polls", motionkit__state="succeeded") == 1
    assert seen.total("motionkit.polls", motionkit__state="running") > 1
    assert seen.total("motionkit.cost", motionkit__basis="reported") == pytest.approx(0.20)
    assert seen.total("motionkit.queue.depth") == 0
    (duration,) = seen.points("gen_ai.client.operation.duration")
    assert duration.count == 1
    assert 100 < duration.sum < 140
    assert duration.attributes["gen_ai.request.model"] == "memory"
    assert tuple(duration.explicit_bounds) == telemetry.BUCKETS


def test_the_queue_depth_is_the_number_of_jobs_that_are_followed(
    seen: Seen, tmp_path: Path
) -> None:
    depths: list[float] = []
    with client_for(MemoryStage(), tmp_path) as client:
        job = client.submit(sample_request(), via=ACCOUNT)
        client.wait(job, watch=lambda *_: depths.append(seen.total("motionkit.queue.depth")))
    assert depths[0] == 1


def test_a_failed_job_is_counted_by_its_error(seen: Seen, tmp_path: Path) -> None:
    stage = MemoryStage()
    stage.arrange(Situation.JOB_FAILS)
    with client_for(stage, tmp_path) as client, pytest.raises(JobFailed):
        client.run(sample_request(), via=ACCOUNT)
    (duration,) = seen.points("gen_ai.client.operation.duration")
    assert duration.attributes["error.type"] == "JobFailed"
    assert seen.total("motionkit.cost") == 0


@pytest.mark.parametrize(
    ("situation", "outcome", "error"),
    [
        (Situation.NO_CREDITS, "refused", "InsufficientCredits"),
        (Situation.SUBMIT_5XX, "uncertain", "SubmitUncertain"),
    ],
)
def test_a_submit_without_a_job_is_a_failed_span_and_counted_by_its_outcome(
    seen: Seen, tmp_path: Path, situation: Situation, outcome: str, error: str
) -> None:
    stage = MemoryStage()
    stage.arrange(situation)
    with client_for(stage, tmp_path) as client, pytest.raises(MotionKitError):
        client.submit(sample_request(), via=ACCOUNT)
    assert seen.total("motionkit.submits", motionkit__outcome=outcome, error__type=error) == 1
    (span,) = seen.spans["generate_content memory"]
    assert span.status.status_code is trace.StatusCode.ERROR
    assert not span.events  # no traceback: its locals may hold what the vendor said


def test_a_refund_is_what_the_vendor_gave_back(seen: Seen, tmp_path: Path) -> None:
    with client_for(MemoryStage(), tmp_path) as client:
        job = client.submit(sample_request(), via=ACCOUNT)
    charged = Cost(Decimal("0.40"), Unit.USD, Decimal("0.40"), CostBasis.REPORTED)
    count_charge(job, charged)
    count_charge(job, Cost(Decimal(0), Unit.USD, Decimal(0), CostBasis.REFUNDED), charged)
    count_charge(job, Cost(Decimal("0.50"), Unit.USD, Decimal("0.50"), CostBasis.REPORTED), charged)
    count_charge(job, None, charged)
    assert seen.total("motionkit.cost") == pytest.approx(0.50)
    assert seen.total("motionkit.refunds") == pytest.approx(0.40)


def test_an_account_that_fails_opens_its_circuit_once_more(seen: Seen, tmp_path: Path) -> None:
    stage = MemoryStage()
    with client_for(stage, tmp_path) as client:
        client._circuits.failed(ACCOUNT, "f", mk.errors.ProviderUnavailable("down"))
        client._circuits.failed(ACCOUNT, "f", mk.errors.InvalidRequest("no circuit's business"))
    assert seen.total("motionkit.circuit.openings", motionkit__cause="unavailable") == 1


def test_metrics_have_few_attribute_values(seen: Seen, tmp_path: Path) -> None:
    """A key or an id would make a time series per job."""
    with client_for(MemoryStage(), tmp_path) as client:
        client.run(sample_request(), via=ACCOUNT, key="order-17")
    found = {name: seen.points(name) for name in telemetry.METRICS}
    assert found["motionkit.submits"]
    assert found["motionkit.polls"]
    for name, points in found.items():
        for point in points:
            assert not {"motionkit.key", "gen_ai.response.id"} & set(point.attributes), name


# Whatever goes wrong there.


class Failing(SpanExporter):
    """An exporter whose collector is down."""

    tried = 0

    def export(self, spans: Any) -> Any:
        self.tried += len(spans)
        raise ConnectionError("no collector")


def test_an_exporter_that_fails_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    exporter = Failing()
    Seen(monkeypatch, exporter)
    with client_for(MemoryStage(), tmp_path) as client:
        assert client.run(sample_request(), via=ACCOUNT, key="k").url
        assert client.jobs.get("k").state is mk.State.SUCCEEDED
    assert exporter.tried > 1


@pytest.mark.parametrize("broken", ["get_tracer", "get_meter", "use_span"])
def test_an_api_that_raises_changes_nothing_and_is_logged_once(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    broken: str,
) -> None:
    Seen(monkeypatch, InMemorySpanExporter())

    def fail(*_: object, **__: object) -> None:
        raise ValueError("a provider with a bug")

    monkeypatch.setattr(metrics if broken == "get_meter" else trace, broken, fail)
    with client_for(MemoryStage(), tmp_path) as client:
        assert client.run(sample_request(), via=ACCOUNT).url
    said = [one.message for one in caplog.records if one.message.startswith("telemetry: ")]
    assert said
    assert len(said) == len(set(said))


def test_an_error_of_the_vendors_passes_through_a_span_unchanged(
    seen: Seen, tmp_path: Path
) -> None:
    stage = MemoryStage()
    stage.arrange(Situation.SUBMIT_GARBAGE)
    with client_for(stage, tmp_path) as client, pytest.raises(SubmitUncertain) as caught:
        client.submit(sample_request(), via=ACCOUNT)
    assert caught.value.billed is mk.Billed.UNKNOWN


PURCHASE = """
import sys, tempfile
from pathlib import Path
{before}
from motionkit.testing.memory import MemoryStage
from motionkit.testing.stage import ACCOUNT, client_for, sample_request

with tempfile.TemporaryDirectory() as folder, client_for(MemoryStage(), Path(folder)) as client:
    assert client.run(sample_request(), via=ACCOUNT).url
print(sorted(name for name in sys.modules if name.startswith("opentelemetry")))
"""


def test_a_program_that_does_not_use_opentelemetry_does_not_load_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PURCHASE.format(before="")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"


def test_the_api_alone_without_a_provider_is_enough() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PURCHASE.format(before="from opentelemetry import metrics, trace")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "'opentelemetry.trace'" in done.stdout
    assert "opentelemetry.sdk" not in done.stdout
