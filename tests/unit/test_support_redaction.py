"""Secrets reach the wire and nothing else."""

from __future__ import annotations

import copy
import csv
import io
import json
import logging
import os
import pickle
import pprint
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from motionkit._support.redaction import (
    RedactedStr,
    Secret,
    guarded,
    is_sensitive,
    printable,
    redact,
    redact_data,
    redact_urls,
)

PLANTED = "sk-live-4f9a2b7c"


def test_a_secret_gives_its_value_on_request_only() -> None:
    secret = Secret(PLANTED)
    assert secret.encode() == secret.encode("latin-1") == PLANTED.encode()
    assert secret.reveal() == PLANTED
    bearer = secret.prefixed("Bearer ")
    assert isinstance(bearer, Secret)
    assert bearer.encode() == f"Bearer {PLANTED}".encode()
    assert redact(f"Bearer {PLANTED}") == "***"


def test_secrets_are_equal_to_secrets_of_the_same_text_alone() -> None:
    assert Secret(PLANTED) == Secret(PLANTED)
    assert len({Secret(PLANTED), Secret(PLANTED), Secret("sk-another")}) == 2
    assert Secret(PLANTED) != Secret("sk-another")
    assert Secret(PLANTED) != PLANTED


@pytest.mark.parametrize(
    ("show", "expected"),
    [
        (repr, "Secret('***')"),
        (str, "***"),
        (format, "***"),
        (lambda s: f"{s}", "***"),
        (lambda s: f"{s!r}", "Secret('***')"),
        (lambda s: f"{s:>5}", "  ***"),
        (lambda s: "key=%s" % s, "key=***"),  # noqa: UP031 - the old way leaks too if not masked
        ("key={}".format, "key=***"),
        (lambda s: str({"k": s}), "{'k': Secret('***')}"),
        (lambda s: str([s, (s,)]), "[Secret('***'), (Secret('***'),)]"),
        (lambda s: json.dumps({"k": s}, default=str), '{"k": "***"}'),
        (lambda s: str(pprint.pformat([s])), "[Secret('***')]"),
    ],
)
def test_every_way_of_showing_a_secret_gives_the_mask(
    show: Callable[[Secret], Any], expected: str
) -> None:
    assert show(Secret(PLANTED)) == expected


@pytest.mark.parametrize(
    "use",
    [
        lambda s: json.dumps({"k": s}),
        lambda s: json.dumps({s: 1}),
        lambda s: s + "x",
        lambda s: "x" + s,
        lambda s: s * 2,
        lambda s: s[:4],
        lambda s: s[0],
        lambda s: "sk" in s,
        iter,
        list,
        len,
        lambda s: "-".join(iter([s])),
        lambda s: "x".replace("x", s),
        Path,
        lambda s: os.environ.update(K=s),
        bytes,
        vars,
        memoryview,
        pickle.dumps,
        lambda s: pickle.dumps(s, 0),
        lambda s: pickle.dumps({"k": [s]}),
        lambda s: sqlite3.connect(":memory:").execute("SELECT ?", (s,)),
    ],
)
def test_what_takes_text_does_not_take_a_secret(use: Callable[[Any], Any]) -> None:
    with pytest.raises((TypeError, sqlite3.Error)) as caught:
        use(Secret(PLANTED))
    assert PLANTED not in f"{caught.value!r}"


def test_a_secret_has_none_of_the_methods_of_text() -> None:
    shared = {name for name in dir(str) if hasattr(Secret, name) and not name.startswith("__")}
    assert shared == {"encode"}


def test_csv_writes_the_mask_of_a_secret() -> None:
    out = io.StringIO()
    csv.writer(out).writerow([Secret(PLANTED), 7])
    csv.DictWriter(out, ["k"]).writerow({"k": Secret(PLANTED)})
    assert out.getvalue() == "***,7\r\n***\r\n"


def test_a_copy_of_a_secret_is_itself() -> None:
    secret = Secret(PLANTED)
    assert copy.copy(secret) is secret
    assert copy.deepcopy({"k": [secret]})["k"][0] is secret


def test_pickling_a_secret_says_what_to_do_instead() -> None:
    with pytest.raises(TypeError, match=r"a Secret is not pickled.*motionkit\.config\.load"):
        pickle.dumps({"k": Secret(PLANTED)})


def test_a_log_line_masks_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        logging.getLogger("planted").warning("using %s", Secret(PLANTED))
    assert caplog.messages == ["using ***"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nothing here", "nothing here"),
        (f"the key {PLANTED} is wrong", "the key *** is wrong"),
        (f"{PLANTED}{PLANTED}", "******"),
        ("see https://h.example/a?sig=1&x=2 now", "see https://h.example/a?*** now"),
        ("http://127.0.0.1:80/a?b", "http://127.0.0.1:80/a?***"),
        ("HTTPS://H.example/a?sig=1", "HTTPS://H.example/a?***"),
        ('{"url": "https://h.example/a?sig=1"}', '{"url": "https://h.example/a?***"}'),
        ("<a href='https://h.example/?sig=1'>", "<a href='https://h.example/?***'>"),
        ("https://h.example/a?x=1#part", "https://h.example/a?***"),
        ("https://h.example/plain", "https://h.example/plain"),
        ("https://user:pass@h.example/a", "https://***@h.example/a"),
        ("https://user:pass@h.example/a?b=1", "https://***@h.example/a?***"),
        ("two https://a.example/?q=1 https://b.example/?q=2",
         "two https://a.example/?*** https://b.example/?***"),
        ("is it so? yes", "is it so? yes"),
    ],
)  # fmt: skip
def test_redact_masks_known_secrets_queries_and_credentials(text: str, expected: str) -> None:
    Secret(PLANTED)
    assert redact(text) == expected


def test_redact_urls_leaves_the_rest_alone() -> None:
    Secret(PLANTED)
    assert redact_urls(f"{PLANTED} https://h/?q={PLANTED}") == f"{PLANTED} https://h/?***"


def test_a_secret_that_begins_another_does_not_leave_the_others_tail() -> None:
    short, long = "sk-twin-aaaa", "sk-twin-aaaa-and-a-tail"
    for number in range(20):  # the order of a set depends on the process
        Secret(short + "x" * number)
    Secret(short)
    Secret(long)
    assert redact(f"key {long}!") == "key ***!"


def test_a_short_word_is_not_masked_everywhere() -> None:
    Secret("abc")
    assert redact("abc abcd") == "abc abcd"


def test_redact_data_keeps_the_shape_and_what_is_not_text() -> None:
    Secret(PLANTED)
    data = {"a": PLANTED, "b": ["https://h.example/?s=1", 7, None, True, ({"c": PLANTED},)]}
    assert redact_data(data) == {
        "a": "***",
        "b": ["https://h.example/?***", 7, None, True, [{"c": "***"}]],
    }


def test_each_of_very_many_secrets_is_masked() -> None:
    made = [f"key-of-customer-{number}-{'x' * (number % 7)}" for number in range(500)]
    made += [f"{number:03}{'y' * number}" for number in range(3, 300)]
    for one in made:
        Secret(one)
    for number, one in enumerate(made):
        text = f"{'-' * (number % 9)}{one} and https://h.example/?q={one}{'.' * (number % 5)}"
        assert one not in redact(text)
        assert isinstance(guarded(one), RedactedStr)
    longest = max(made, key=len)
    assert redact(f"<{longest}>") == "<***>"
    assert redact("key-of-nobody") == "key-of-nobody"
    assert guarded("key-of-nobody") == "key-of-nobody"
    assert redact("short") == "short"


def test_redacting_while_another_thread_makes_secrets_works() -> None:
    stop = threading.Event()

    def make() -> None:
        number = 0
        while not stop.is_set() and number < 20_000:
            Secret(f"sk-thread-{number}")
            number += 1

    thread = threading.Thread(target=make)
    thread.start()
    try:
        for _ in range(50):
            assert redact("plain") == "plain"
    finally:
        stop.set()
        thread.join()


# Text that is needed whole.

LINK = "https://h.example/v.mp4?Signature=planted&Expires=1"


def test_guarded_text_is_whole_in_use_and_masked_where_it_is_shown() -> None:
    link = RedactedStr(LINK)
    assert link == LINK
    assert str(link) == f"{link}" == LINK
    assert type(str(link)) is str
    assert json.loads(json.dumps({"url": link})) == {"url": LINK}
    assert pickle.loads(pickle.dumps(link)) == LINK  # noqa: S301 - our own bytes
    assert repr(link) == "'https://h.example/v.mp4?***'"
    assert repr({"url": [link]}) == "{'url': ['https://h.example/v.mp4?***']}"
    assert f"{link!r}" == "'https://h.example/v.mp4?***'"


def test_a_cut_of_it_is_masked_too() -> None:
    assert repr(RedactedStr(LINK)[:40]) == "'https://h.example/v.mp4?***'"


def test_only_telling_text_is_guarded() -> None:
    Secret(PLANTED)
    data = guarded(["plain", LINK, f"wrong key {PLANTED}", 7, None, [LINK]])
    assert data == ["plain", LINK, f"wrong key {PLANTED}", 7, None, [LINK]]
    assert repr(data) == (
        "['plain', 'https://h.example/v.mp4?***', 'wrong key ***', 7, None, "
        "['https://h.example/v.mp4?***']]"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain\ttext\nof two lines", "plain\ttext\nof two lines"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07shown", "shown"),
        ("\x1b]8;;https://evil.example\x1b\\link", "link"),
        ("over\rwritten\x08\x00\x7f\x9b", "overwritten"),
        ("turned \u202egnp.exe\u202c", "turned gnp.exe"),
        ("half \ud800", "half "),
        ("élan 漢字 🙂", "élan 漢字 🙂"),
    ],
)
def test_what_steers_a_terminal_is_dropped(text: str, expected: str) -> None:
    assert printable(text) == expected


def test_what_is_too_long_is_cut() -> None:
    assert printable("a" * 11, 10) == "a" * 10 + "..."
    assert printable("a" * 10, 10) == "a" * 10


def test_a_json_web_token_is_masked_wherever_it_stands() -> None:
    made = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJBSy10ZXN0In0.KiA9Cwkg1r8RhD6J3Wwn"
    assert redact(f"bad token {made}, try again") == "bad token ***, try again"
    assert redact_data([{"token": f"Bearer {made}"}]) == [{"token": "Bearer ***"}]
    assert is_sensitive(made)
    assert redact("eyJ and a.b.c") == "eyJ and a.b.c"
