"""Moments and `top?as_of=` over HTTP: their form, and what is refused."""

import pytest

from dashboard.core.periods import rfc3339
from tests.conftest import Api

DAY_MS = 86_400_000


def test_a_past_period_is_listed_and_a_moment_in_it_says_what_it_shows(api: Api, board: str) -> None:
    api.put(f"/boards/{board}", {"periods": ["day", "all"], "late_s": 31_000_000})
    now = api.post(f"/boards/{board}/scores", {"player": "a", "score": 1})["position"].partition("-")[0]
    yesterday = int(now) // DAY_MS * DAY_MS - DAY_MS
    api.post(f"/boards/{board}/scores", {"player": "a", "score": 1, "at": yesterday})
    listed = api.get(f"/boards/{board}/moments", period="day")
    assert (listed["board"], listed["period"]) == (board, "day")
    bounds = [rfc3339(yesterday + n * DAY_MS) for n in range(3)]
    assert [(span["from"], span["to"]) for span in listed["periods"]] == [
        (bounds[0], bounds[1]),
        (bounds[1], bounds[2]),
    ]
    assert [span["moments"] for span in listed["periods"]] == [[], []]
    nothing = api.get(f"/boards/{board}/top", period="day", as_of=bounds[0])
    assert nothing == {"board": board, "period": "day", "period_id": f"day:{bounds[0][:10]}"} | {
        "moment": None, "final": False, "players": 0, "version": 0, "rows": []
    }  # fmt: skip
    (whole,) = api.get(f"/boards/{board}/moments")["periods"]
    assert (whole["period_id"], whole["from"], whole["to"]) == ("all", None, None)


@pytest.mark.parametrize(
    "query",
    [
        {"as_of": "then"},
        {"as_of": "2026-01-01", "at": "2026-01-01"},
        {"as_of": "2026-01-01", "cursor": "x"},
        {"as_of": "2026-01-01", "limit": 11},
    ],
)
def test_what_makes_no_sense_together_is_refused(query: dict[str, str | int], api: Api, board: str) -> None:
    api.put(f"/boards/{board}", {})
    assert api.call("GET", f"/boards/{board}/top", params=query).status_code == 422
    assert api.call("GET", f"/boards/{board}/moments", params={"period": "day"}).status_code == 422
    assert api.call("GET", f"/boards/{board}x/moments").status_code == 404
