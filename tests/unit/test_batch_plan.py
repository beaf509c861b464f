"""Drafts and plans of batches: every row checked and quoted, nothing bought a second time."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from batch_support import drafted, media, mimic, problems, table

from motionkit.batch import cells, checks
from motionkit.batch.drafts import Draft
from motionkit.batch.inputs import InvalidRows
from motionkit.batch.plan import Need, Plan, TargetPlan, batch_id, where
from motionkit.batch.tables import Batches, BatchState, ItemState
from motionkit.client import Client
from motionkit.client.expecting import journal_of
from motionkit.errors import BudgetExceeded, ConfigError, InvalidRequest
from motionkit.journal.databases import located
from motionkit.model import probe
from motionkit.routing import Route
from motionkit.testing import samples
from motionkit.testing.memory import MemoryStage
from motionkit.testing.stage import ACCOUNT, client_for, options_for, sample_request

PICTURES = ("a.png", "c.png")
BELOW = "a file below the batch's folder, such as films/anna.mp4"


@pytest.fixture(autouse=True)
def files(home: Path) -> Path:
    return media(home, *PICTURES, "b.mp4")


@pytest.fixture
def client(stage: MemoryStage, tmp_path: Path) -> Iterator[Client]:
    with client_for(stage, tmp_path) as made:
        yield made


@pytest.fixture
def batches(client: Client) -> Batches:
    return Batches.of(journal_of(client))


def refused(client: Client, rows: Any, **options: Any) -> InvalidRows:
    with pytest.raises(InvalidRows) as raised:
        drafted(client, rows, "out", **options)
    return raised.value


def saved(client: Client, rows: Any, out: str = "out", **options: Any) -> Plan:
    with drafted(client, rows, out, **options) as found:
        found.save()
        return found.plan


# Checking.


def test_every_row_is_checked_and_all_problems_are_named_with_row_and_column(
    client: Client, home: Path, stage: MemoryStage
) -> None:
    path = table(
        home,
        "image,video,quality,seed,key,out,via",
        "a.png,b.mp4,540p,,k1,x.mp4,",
        "none.png,b.mp4,9p,x,k1,../x.mp4,nobody",
        "a.png,b.mp4,,7,,x.mp4,",
        "b.mp4,none.mp4,,,~,,",
    )
    assert problems(refused(client, path)) == [
        (("row 3",), "seed", "'x' is not a whole number"),
        (("row 3",), "image", f"there is no file '{home}/none.png'"),
        (("row 3",), "key", "'k1' is the key of row 2 too"),
        (("row 3",), "out", f"'../x.mp4' is not {BELOW}"),
        (("row 4",), "out", "'x.mp4' is the file of row 2 too"),
        (("row 4",), "seed", "memory does not support seed=7; it takes image, quality, video"),
        (("row 5",), "video", f"there is no file '{home}/none.mp4'"),
        (("row 5",), "image", "b.mp4 is a film, mp4; the vendor takes a picture as png, jpeg"),
    ]  # fmt: skip
    assert stage.bought() == 0
    assert Batches.of(journal_of(client)).listed() == []


def test_an_unknown_column_is_named_once_with_the_known_ones(client: Client, home: Path) -> None:
    path = table(home, "imgae,video", "a.png,b.mp4", "a.png,b.mp4")
    first, second = problems(refused(client, path))
    assert first[:2] == (("row 2",), "imgae")
    assert "known are" in first[2]
    assert second == (("row 2", "row 3"), "image", "it is missing")


@pytest.mark.parametrize("fault", ["colour", "seed"])
def test_files_of_a_row_with_another_problem_are_looked_for_as_well(
    client: Client, home: Path, fault: str
) -> None:
    path = table(home, f"image,video,{fault}", "none.png,b.mp4,red")
    found = problems(refused(client, path))
    assert [column for _, column, _ in found] == [fault, "image"]
    assert "there is no file" in found[1][2]


@pytest.mark.parametrize("out", ["x.gif", "x.MP3"])
def test_a_file_name_of_another_kind_than_the_result_is_refused(client: Client, out: str) -> None:
    ((_, column, message),) = problems(refused(client, [mimic(out=out)]))
    assert column == "out"
    assert message.startswith(f"{out!r} ends in {out[1:].lower()}, and the result is a video; it")


def test_a_column_of_another_operation_is_refused_where_it_is_filled(
    client: Client, home: Path
) -> None:
    path = table(home, "image,video,duration", "a.png,b.mp4,", "a.png,b.mp4,5")
    ((rows, column, message),) = problems(refused(client, path))
    assert (rows, column) == (("row 3",), "duration")
    assert message.startswith("mimic does not have it")


@pytest.mark.parametrize("operation", ["walk", "", 5])
def test_an_unknown_operation_is_named_with_the_known_ones(client: Client, operation: Any) -> None:
    rows = [mimic(operation=operation or "walk")]
    assert "is not one of" in str(refused(client, rows))


def test_what_no_target_takes_is_named_with_its_column(client: Client) -> None:
    found = problems(
        refused(client, [mimic(via="nobody"), {"operation": "upscale", "video": "b.mp4"}])
    )
    assert [column for _, column, _ in found] == ["via", "via"]


def test_each_file_is_looked_at_once_however_many_rows_have_it(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = []
    inspect = probe.inspect
    monkeypatch.setattr(
        probe, "inspect", lambda value, name, **_: looked.append(name) or inspect(value, name)
    )
    plan = saved(client, [mimic(image=PICTURES[n % 2]) for n in range(500)])
    assert plan.total == 500
    assert sorted(looked) == ["image", "image", "video"]
    assert plan.repeated == 499  # both pictures have the same content


def test_a_row_may_cut_its_clip_and_pays_for_the_part(client: Client) -> None:
    plan = saved(client, [mimic(start="0.5", seconds="1", fit="yes"), mimic()])
    assert plan.likely == Decimal("0.30")
    assert ("its media are cut or made to fit before their upload", 1) in plan.warnings
    found = problems(refused(client, [mimic(seconds="0"), mimic(start="x"), mimic(start="9")]))
    assert [column for _, column, _ in found] == ["seconds", "start", "start"]


def test_memory_is_bounded_and_what_is_forgotten_is_read_again(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "_REMEMBERED", 1)
    plan = saved(client, [mimic(image=PICTURES[n % 2]) for n in range(10)])
    assert plan.likely == Decimal("2.00")


@pytest.mark.parametrize("rows", [[], [{}], [{"image": " "}]])
def test_no_row_is_no_batch(client: Client, rows: Any) -> None:
    with pytest.raises(InvalidRequest, match="there is no row"):
        drafted(client, rows, "out")


def test_values_for_all_rows_hold_for_those_that_give_none(
    client: Client, batches: Batches
) -> None:
    rows = [mimic(), mimic(quality="360p")]
    plan = saved(client, rows, values={"quality": "720p"})
    qualities = [cells.request_of(one.request).quality for one in batches.items(plan.batch)]  # type: ignore[attr-defined]
    assert qualities == ["720p", "360p"]


@pytest.mark.parametrize("name", ["qualtiy", "duration"])
def test_a_value_that_no_row_could_have_is_refused_instead_of_ignored(
    client: Client, name: str
) -> None:
    with pytest.raises(InvalidRequest, match=f"{name}: no row's operation has it"):
        drafted(client, [mimic()], "out", values={name: "5"})


@pytest.mark.parametrize("key", ["a~2", "a\nb", "x" * 201, "a\ud800", 5.5, True])
def test_a_key_that_could_not_name_a_purchase_is_refused(client: Client, key: Any) -> None:
    ((_, column, _),) = problems(refused(client, [mimic(key=key)]))
    assert column == "key"


def test_a_key_of_another_purchase_or_batch_is_refused_before_anything_is_written(
    client: Client, batches: Batches
) -> None:
    client.submit(sample_request(), key="direct")
    saved(client, [mimic(key="first")], "other")
    found = problems(refused(client, [mimic(key="direct", quality="360p"), mimic(key="first")]))
    assert [(rows, column) for rows, column, _ in found] == [
        (("row 1",), "key"),
        (("row 2",), "key"),
    ] or [(rows, column) for rows, column, _ in found] == [
        (("row 2",), "key"),
        (("row 1",), "key"),
    ]
    assert len(batches.listed()) == 1


def test_a_key_of_a_purchase_of_the_same_request_goes_on_with_it(client: Client) -> None:
    client.submit(sample_request(), key="direct")
    assert saved(client, [mimic(key="direct", quality="540p")]).total == 1


def test_a_file_that_exists_is_not_replaced(client: Client, home: Path) -> None:
    media(home, "out/x.mp4")
    ((_, column, message),) = problems(refused(client, [mimic(out="x.mp4")]))
    assert column == "out"
    assert "exists already" in message


# Quoting.


def test_a_plan_adds_up_prices_by_target_and_says_when_it_ends(client: Client) -> None:
    plan = saved(client, [mimic(), mimic(image="c.png"), mimic(quality="720p")])
    (target,) = plan.targets
    assert (target.target, target.items) == ("stage/memory", 3)
    assert plan.low == plan.likely == plan.high == Decimal("0.60")
    assert (plan.unknown, plan.left, plan.seconds) == (0, 3, 120.0)


def test_the_end_follows_from_how_long_such_jobs_took(client: Client) -> None:
    job = client.submit(sample_request(quality="540p"), key="past")
    client.wait(job)
    journal_of(client).store.execute(
        "UPDATE purchases SET finished=:finished, timed=1 WHERE key='past'",
        {"finished": job.submitted_at.timestamp() + 30.0},
    )
    plan = saved(client, [mimic(quality="540p"), mimic(quality="360p")])
    assert (plan.targets[0].seconds, plan.seconds) == (30.0 + 120.0, 120.0)


def test_an_unknown_price_is_counted_and_leaves_the_high_unknown(client: Client) -> None:
    plan = saved(client, [mimic(), mimic(video="https://x.test/b.mp4")])
    assert (plan.likely, plan.high, plan.unknown) == (Decimal("0.20"), None, 1)


def test_a_route_is_quoted_at_the_target_that_its_rules_prefer(
    stage: MemoryStage, tmp_path: Path
) -> None:
    given = options_for(stage, tmp_path)
    account = given["config"].accounts[ACCOUNT]
    accounts = {name: attrs.evolve(account, name=name) for name in ("one", "two")}
    route = Route(name="both", targets=("one/nothing", "two"), choose="cheapest")
    config = attrs.evolve(given["config"], accounts=accounts, routes={"both": route})
    with Client(**{**given, "config": config}) as client:
        plan = saved(client, [mimic()], via="both")
        assert [one.target for one in plan.targets] == ["two/memory"]
        capped = attrs.evolve(config, routes={"both": attrs.evolve(route, max_usd=Decimal("0.1"))})
    with Client(**{**given, "config": capped}) as client:
        ((_, column, message),) = problems(refused(client, [mimic(quality="360p")], via="both"))
        assert column is None
        assert "no target of route 'both' takes it" in message
        assert "exceeds max_usd" in message


def target(name: str, items: int, seconds: float, slots: int | None) -> TargetPlan:
    return TargetPlan(
        target=name, items=items, seconds=seconds * items, longest=seconds, slots=slots
    )


def plan_of(*targets: TargetPlan) -> Plan:
    rows: Any = {"total": 1, "left": 1, "added": 1}
    return Plan(batch="b-1", out="/o", source="s", known=False, targets=targets, **rows)


def test_the_end_follows_from_the_slots_that_each_account_has() -> None:
    plan = plan_of(
        target("a/x", 100, 60.0, 5), target("a/y", 50, 120.0, 5), target("b/x", 9, 500.0, None)
    )
    assert plan.seconds == (6000 + 6000) / 5
    assert plan.needs(1200.0) == (
        Need(account="a", slots=5, needed=10, accounts=2),
        Need(account="b", slots=None, needed=4, accounts=None),
    )
    assert [one.enough for one in plan.needs(2400.0)] == [True, True]
    assert [(one.needed, one.enough) for one in plan.needs(100.0)] == [(None, False)] * 2


# Identity.


def test_the_same_folder_is_the_same_batch_wherever_it_is_named_from(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = where("out")
    (home / "sub").mkdir()
    monkeypatch.chdir(home / "sub")
    assert where("../out/") == here == where(f"file://{home}/out") == where("~/out")
    assert batch_id(here) == batch_id(str(home / "out"))
    assert where("s3://bucket/run/") == "s3://bucket/run"


@pytest.mark.parametrize("out", ["", " ", "a\nb", "s3://key:secret@bucket/x", "https://x/y?sig=1"])
def test_an_address_that_is_none_or_holds_a_secret_is_refused(out: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        where(out)
    assert "secret" not in str(raised.value)


def test_a_file_is_no_folder_for_files(home: Path) -> None:
    with pytest.raises(InvalidRequest, match="is a file"):
        where(home / "a.png")


def test_the_same_rows_from_another_kind_of_table_are_the_same_batch(
    client: Client, batches: Batches, home: Path
) -> None:
    first = saved(client, table(home, "image;video;prompt", "a.png;b.mp4;"))
    again = saved(client, table(home, '{"image":"a.png","video":"b.mp4"}', name="i.jsonl"))
    assert (again.batch, again.known, again.left) == (first.batch, True, 1)
    assert [one.n for one in batches.items(first.batch)] == [1]


def test_rows_at_the_end_are_added_and_the_others_stay(client: Client, batches: Batches) -> None:
    first = saved(client, [mimic(), mimic(image="c.png", key="mine")])
    batches.put(first.batch, 1, ItemState.RUNNING)
    batches.put(first.batch, 1, ItemState.DONE)
    again = saved(client, [mimic(), mimic(image="c.png", key="mine"), mimic(quality="360p")])
    assert (again.batch, again.total, again.left) == (first.batch, 3, 2)
    items = list(batches.items(first.batch))
    assert [one.key for one in items] == [f"{first.batch}/1", "mine", f"{first.batch}/3"]
    assert items[0].state is ItemState.DONE
    assert batches.get(first.batch).state is BatchState.OPEN


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (mimic(quality="360p"), "quality"),
        (mimic(image="c.png"), "image"),
        (mimic(key="other"), "key"),
        (mimic(via="stage/memory"), "via"),
        (mimic(out="x.mp4"), "out"),
    ],
)
def test_a_row_that_changed_is_refused_instead_of_bought_again(
    client: Client, home: Path, row: Any, column: str
) -> None:
    (home / "c.png").write_bytes(samples.PICTURE + b"other")
    saved(client, [mimic(), mimic(quality="720p")])
    found = problems(refused(client, [row, mimic(quality="720p")]))
    assert [(rows, name) for rows, name, _ in found] == [(("row 1",), column)]


def test_a_file_whose_content_changed_is_refused(client: Client, home: Path) -> None:
    saved(client, [mimic()])
    (home / "a.png").write_bytes(samples.PICTURE + b"other")
    assert "the content of a file changed" in str(refused(client, [mimic()]))


def test_files_that_moved_with_their_content_are_the_same(client: Client, home: Path) -> None:
    saved(client, [mimic()])
    media(home, "moved/a.png")
    assert saved(client, [mimic(image="moved/a.png")]).known


def test_rows_that_are_left_out_are_refused(client: Client) -> None:
    saved(client, [mimic(), mimic(quality="720p")])
    with pytest.raises(InvalidRequest, match="rows can be added at the end, not left out"):
        drafted(client, [mimic()], "out")


def test_the_via_of_the_batch_belongs_to_its_rows(client: Client) -> None:
    saved(client, [mimic()], via="stage")
    assert saved(client, [mimic()], via="stage").known
    assert saved(client, [mimic(via="stage")], via="stage/memory").known
    found = problems(refused(client, [mimic()], via="stage/memory"))
    assert [column for _, column, _ in found] == ["via"]


def test_another_key_of_the_account_is_refused(
    stage: MemoryStage, tmp_path: Path, client: Client
) -> None:
    saved(client, [mimic()])
    stage.vendor.keys.add("wrong-key-0123456789")
    with (
        client_for(stage, tmp_path, stage.wrong_key()) as other,
        pytest.raises(ConfigError, match="had another key or address when batch"),
    ):
        drafted(other, [mimic()], "out")


# Saving.


def test_a_planner_that_was_killed_goes_on_where_it_stopped(
    stage: MemoryStage, tmp_path: Path, database: Path | str
) -> None:
    given = options_for(stage, tmp_path)
    config = attrs.evolve(given["config"], journal=located(database))
    with Client(**{**given, "config": config}) as client:
        _kill_and_go_on(client, Batches.of(journal_of(client)))


def _kill_and_go_on(client: Client, batches: Batches) -> None:
    class Killed(BaseException):
        pass

    def kill(there: int) -> None:
        if there == 2000:
            raise Killed

    rows = [mimic(image=PICTURES[n % 2]) for n in range(3500)]
    with drafted(client, rows, "out") as first, pytest.raises(Killed):
        first.save(kill)
    record = batches.get(first.plan.batch)
    assert (record.planned, record.total, record.state) == (2000, 3500, BatchState.PLANNING)
    batches.put(record.id, 5, ItemState.RUNNING)  # a worker has begun meanwhile
    seen: list[int] = []
    with drafted(client, rows, "out") as again:
        assert again.plan.left == 3499
        record = again.save(seen.append)
    assert seen == [3000, 3500]
    assert (record.planned, record.state) == (3500, BatchState.OPEN)
    assert [one.n for one in batches.items(record.id)] == list(range(1, 3501))
    assert batches.item(record.id, 5).state is ItemState.RUNNING


@pytest.mark.parametrize(
    ("second", "options", "message"),
    [
        ([mimic(quality="720p")], {}, "item 1 of batch .* was planned with another row meanwhile"),
        ([mimic(key="k")], {}, "item 1 of batch .* was planned with another row meanwhile"),
        ([mimic(via="stage/memory")], {}, "item 1 of batch .* with another row meanwhile"),
        ([mimic()], {"via": "stage"}, "with another via meanwhile"),
    ],
)
def test_of_two_planners_with_different_rows_the_second_is_refused(
    client: Client, batches: Batches, second: Any, options: Any, message: str
) -> None:
    first, other = drafted(client, [mimic()], "out"), drafted(client, second, "out", **options)
    with first, other:
        record = first.save()
        with pytest.raises(InvalidRequest, match=message):
            other.save()
    assert [one.key for one in batches.items(record.id)] == [f"{record.id}/1"]


def test_two_planners_with_the_same_rows_make_one_batch(client: Client, batches: Batches) -> None:
    drafts = [drafted(client, [mimic(), mimic(quality="720p")], "out") for _ in range(2)]
    records = [one.save() for one in drafts]
    assert records[0] == records[1]
    assert batches.counts(records[0].id)[ItemState.PLANNED] == 2


def test_nothing_is_written_before_a_draft_is_saved(client: Client, batches: Batches) -> None:
    with drafted(client, [mimic()], "out") as found:
        assert batches.listed() == []
        found.save()
    assert [one.id for one in batches.listed()] == [found.plan.batch]


def test_a_batch_that_costs_more_than_its_budget_is_not_written(
    client: Client, batches: Batches
) -> None:
    with (
        drafted(client, [mimic(), mimic(quality="720p")], "out", max_usd="0.30") as found,
        pytest.raises(
            BudgetExceeded, match=r"expected to cost 0\.40 USD, and max_usd is 0\.30 USD"
        ),
    ):
        found.save()
    unknown: Draft = drafted(client, [mimic(video="https://x.test/b.mp4")], "out", max_usd="5")
    with unknown, pytest.raises(BudgetExceeded, match="no known upper bound"):
        unknown.save()
    assert batches.listed() == []


def test_a_budget_stays_until_another_one_is_given(client: Client, batches: Batches) -> None:
    first = saved(client, [mimic()], max_usd="3.00")
    assert saved(client, [mimic()]).max_usd == Decimal("3.00")
    assert saved(client, [mimic()], max_usd=Decimal(5)).max_usd == Decimal(5)
    assert batches.get(first.batch).options["max_usd"] == "5"
    with pytest.raises(InvalidRequest, match="max_usd"):
        drafted(client, [mimic()], "out", max_usd="much")


def test_items_hold_absolute_paths_and_names_of_their_own(
    client: Client, batches: Batches, home: Path
) -> None:
    plan = saved(client, [mimic(), mimic(key="order 7", out=" films/x.mp4 "), mimic(key="ü/1")])
    items = list(batches.items(plan.batch))
    assert [one.out for one in items] == ["000001-a-b.mp4", "films/x.mp4", "000003-ü_1.mp4"]
    assert cells.request_of(items[0].request).media()["image"].path == home / "a.png"  # type: ignore[union-attr]


# Labels.


def test_a_row_has_the_labels_of_the_batch_and_of_its_columns(
    client: Client, batches: Batches, home: Path
) -> None:
    path = table(
        home,
        "image,video,Label.Shot-No,label.project",
        "a.png,b.mp4,12,",
        "c.png,b.mp4,,winter",
    )
    plan = saved(client, path, labels={"project": "spring", "by": "me"})
    assert [dict(one.labels) for one in batches.items(plan.batch)] == [
        {"Shot-No": "12", "by": "me", "project": "spring"},
        {"by": "me", "project": "winter"},
    ]


def test_planned_rows_keep_their_labels_and_added_ones_get_those_of_now(
    client: Client, batches: Batches
) -> None:
    saved(client, [mimic()], labels={"project": "spring"})
    plan = saved(client, [mimic(), mimic(quality="720p", **{"label.shot": 7})], labels={"v": "2"})
    assert [dict(one.labels) for one in batches.items(plan.batch)] == [
        {"project": "spring"},
        {"shot": "7", "v": "2"},
    ]


def test_a_wrong_label_is_named_with_its_row_and_column(client: Client) -> None:
    rows = [mimic(**{"label.a b": "x"}), mimic(**{"label.shot": 7.5})]
    found = problems(refused(client, rows))
    assert [(place, column) for place, column, _ in found] == [
        (("row 1",), "label.a b"),
        (("row 2",), "label.shot"),
    ]
    assert "expected at most 256 printable characters" in found[1][2]
    with pytest.raises(InvalidRequest, match="a label's name"):
        drafted(client, [mimic()], "out", labels={"": "x"})
