"""Exports over HTTP: streamed whole, or seen to be cut."""

import csv
import io
import json

import pytest
import requests

from tests.conftest import Api, ServerProcess


def test_a_ranking_is_a_file(api: Api, board: str) -> None:
    api.put(f"/boards/{board}", {"columns": [{"name": "stars"}], "periods": ["all", "day"]})
    names = ["=1+1", 'a "q",', "李"]
    scores = [{"player": name, "score": 5, "columns": {"stars": i}, "data": {"n": i}} for i, name in enumerate(names)]
    api.post(f"/boards/{board}/scores", {"scores": scores})
    answer = api.call("GET", f"/boards/{board}/export")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{board}-all.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.content.decode(), newline=""), strict=True))
    assert [row["player"] for row in rows] == names[::-1]
    assert rows[0] == {"rank": "1", "player": "李", "score": "5", "stars": "2", "at": "", "data": '{"n":2}'}
    lines = api.call("GET", f"/boards/{board}/export", params={"format": "ndjson", "period": "day"})
    assert lines.headers["Content-Type"] == "application/x-ndjson"
    assert "-day-20" in lines.headers["Content-Disposition"]
    first = json.loads(lines.content.splitlines()[0])
    assert first == {"rank": 1, "player": "李", "score": 5, "stars": 2, "at": None, "data": {"n": 2}}


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("absent/export", 404, "board-not-found"),
        ("{}/export?format=xml", 422, "invalid"),
        ("{}/export?period=year", 422, "invalid"),
        ("{}/export?limit=1", 422, "invalid"),
    ],
)
def test_what_is_wrong_is_said_before_the_first_row(path: str, status: int, code: str, api: Api, board: str) -> None:
    api.put(f"/boards/{board}", {})
    answer = api.call("GET", f"/boards/{path.format(board)}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_file_that_ends_too_early_is_seen_to_be_cut(api: Api, server: ServerProcess, board: str) -> None:
    big = "x" * 1000
    for start in range(0, 8_000, 800):  # more than the buffers between server and reader hold
        scores = [{"player": f"p{i}", "score": i, "data": big} for i in range(start, start + 800)]
        api.post(f"/boards/{board}/scores", {"scores": scores})
    with requests.get(f"{server.url}/api/v1/boards/{board}/export", stream=True, timeout=20) as answer:
        chunks = answer.iter_content(1000)
        next(chunks)
        assert api.call("DELETE", f"/boards/{board}").status_code == 204
        with pytest.raises(requests.RequestException):
            for _ in chunks:
                pass
