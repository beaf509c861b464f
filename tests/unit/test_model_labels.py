"""Labels are short texts under plain names, and a wrong one is named."""

from __future__ import annotations

from typing import Any

import pytest

from motionkit.errors import InvalidRequest
from motionkit.model.labels import check_labels, read_labels, shown_labels


def test_labels_are_kept_in_the_order_of_their_names() -> None:
    labels = check_labels({"shot": "12", "project": "Frühling = 1", "a_.-Z9": ""})
    assert list(labels.items()) == [("a_.-Z9", ""), ("project", "Frühling = 1"), ("shot", "12")]
    assert shown_labels(labels) == "a_.-Z9=, project=Frühling = 1, shot=12"


def test_written_labels_are_split_at_the_first_equals_sign() -> None:
    assert read_labels(["project=a=b", "shot="]) == {"project": "a=b", "shot": ""}


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("project=x", "invalid value for labels: 'project=x'; expected a mapping"),
        (["project=x"], "invalid value for labels: a list; expected a mapping"),
        ({"": "x"}, "a label's name: ''; expected 1 to 64 letters"),
        ({"a b": "x"}, "a label's name: 'a b'"),
        ({"a\n": "x"}, "a label's name"),
        ({"ä": "x"}, "a label's name: 'ä'"),
        ({"a" * 65: "x"}, "a label's name"),
        ({1: "x"}, "a label's name: 1"),
        ({"project": 7}, "label 'project': 7; expected at most 256 printable characters"),
        ({"project": None}, "label 'project': None"),
        ({"project": "x" * 257}, "label 'project'"),
        ({"project": "a\nb"}, "label 'project'"),
        ({"project": "a\x1b[31m"}, "label 'project'"),
        ({"project": "\udc80"}, "label 'project'"),
        ({f"n{n}": "" for n in range(17)}, "labels: 17; expected at most 16 labels"),
    ],
)
def test_a_wrong_label_is_refused_with_what_is_allowed(labels: Any, said: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_labels(labels)
    assert said in caught.value.message
    assert caught.value.limit


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["project"], "label: 'project'; expected NAME=VALUE"),
        (["=x"], "a label's name: ''"),
        (["project=x", "project=y"], "label: 'project=y'; expected one value for 'project'"),
    ],
)
def test_a_label_that_is_written_wrongly_is_refused(given: list[str], said: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_labels(given)
    assert said in caught.value.message
