"""`python run.py boards ...` and `export` as operators meet them: real processes on a store of their own."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.config import Settings
from dashboard.parts import open_parts
from tests.conftest import ROOT, Api, Start


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder whose store runs already: each command joins it."""
    with tempfile.TemporaryDirectory(prefix="sc-") as name:
        settings = Settings(_env_file=None, data_dir=Path(name) / "data")  # type: ignore[call-arg]
        with open_parts(settings):
            yield Path(name)


def run(folder: Path, *words: str) -> tuple[int, str, str]:
    command = [sys.executable, str(ROOT / "run.py"), *words]
    done = subprocess.run(command, cwd=folder, text=True, capture_output=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def test_settings_that_are_objects_stay_when_others_change(folder: Path) -> None:
    words = ('format={"kind":"time","from":"ms"}', "periods=season", 'season={"manual":true}')
    assert run(folder, "boards", "set", "laps", *words)[0] == 0
    code, out, err = run(folder, "boards", "set", "laps", "title=Laps")
    assert (code, err) == (0, "")
    laps = json.loads(out)
    assert (laps["format"], laps["season"]) == ({"kind": "time", "from": "ms"}, {"manual": True})
    assert run(folder, "boards", "delete", "laps", "--yes")[0] == 0


def test_a_board_is_made_filled_managed_and_deleted(folder: Path) -> None:
    code, out, _ = run(
        folder, "boards", "set", "race", "order=asc", "columns=stars,crashes:asc", "ties=first", "title=7"
    )
    assert code == 0
    made = json.loads(out)
    assert (made["order"], made["title"], made["players"]) == ("asc", "7", 0)
    assert made["columns"] == [{"name": "stars", "order": "desc"}, {"name": "crashes", "order": "asc"}]

    text = 'who,t,s,c,when,d\n=1+1,100,1,2,2026-01-01,\n"a,""b""",100,1,2,2025-01-01,"{""a"":""x\\ny""}"\n'
    (folder / "in.csv").write_text(text, encoding="utf-8")
    words = ("--player", "who", "--score", "t", "--at", "when", "--data", "d", "--column", "stars=s")
    code, out, err = run(folder, "import", "in.csv", "--board", "race", *words, "--column", "crashes=c")
    assert (code, err) == (0, "")

    code, out, err = run(folder, "export", "--board", "race", "-o", "out.csv")
    assert (code, out) == (0, "")
    assert err.startswith("race (all): 2 rows, ")
    exported = (folder / "out.csv").read_bytes().decode()
    assert exported == (
        "rank,player,score,stars,crashes,at,data\r\n"
        '1,"a,""b""",100,1,2,2025-01-01T00:00:00.000Z,"{""a"":""x\\ny""}"\r\n'
        "2,=1+1,100,1,2,2026-01-01T00:00:00.000Z,\r\n"
    )
    run(folder, "boards", "set", "copy", "order=asc", "columns=stars,crashes:asc", "ties=first", "title=7")
    columns = ("--column", "stars=stars", "--column", "crashes=crashes")
    same = ("--player", "player", "--at", "at", "--data", "data", *columns)
    assert run(folder, "import", "out.csv", "--board", "copy", *same)[0] == 0
    assert run(folder, "export", "--board", "copy")[1] == exported.replace("\r\n", "\n")

    assert run(folder, "boards", "hide", "race", "=1+1", "--reason", "cheats")[0] == 0
    assert run(folder, "boards", "list")[1].splitlines()[1].split()[:2] == ["race", "1"]
    assert run(folder, "boards", "restore", "race", "=1+1", "--reason", "does not")[0] == 0

    code, out, err = run(folder, "boards", "delete", "race")
    assert (code, out) == (2, "")
    assert "2 players would lose their scores for good: say --yes" in err
    assert run(folder, "boards", "delete", "race", "--yes")[:2] == (0, "race is deleted.\n")
    assert run(folder, "boards", "show", "race")[0] == 2


def test_what_is_set_is_what_a_running_server_shows(start_server: Start, tmp_path: Path) -> None:
    server = start_server()
    api = Api(server.url)
    api.put("/boards/cup", {"rule": "sum", "unit": "points", "min": 0})
    api.post("/boards/cup/scores", {"player": "ada", "score": 3})
    code, _, err = run(tmp_path, "boards", "set", "cup", "periods=all,week", "min=null", 'review={"above": 9}')
    assert (code, err) == (0, "")
    shown = api.get("/boards/cup")
    assert (shown["periods"], shown["unit"], shown["review"]["above"]) == (["all", "week"], "points", 9)
    assert "min" not in shown
    assert run(tmp_path, "boards", "remove", "cup", "ada", "--reason", "test")[0] == 0
    assert api.get("/boards/cup/top")["rows"] == []
    [entry] = api.get("/boards/cup/audit")["entries"]
    assert (entry["player"], entry["by"], entry["reason"]) == ("ada", "command line", "test")
    api.session.close()


@pytest.mark.parametrize(
    ("code", "words", "said"),
    [
        (2, ("boards", "show", "absent"), "There is no board 'absent'"),
        (2, ("boards", "set", "x", "colour=red"), "/colour: unknown field"),
        (2, ("boards", "set", "x", "order"), "'order' is no setting: write KEY=VALUE"),
        (2, ("boards", "remove", "absent", "ada", "--reason", "r"), "There is no board 'absent'"),
        (2, ("export", "--board", "absent", "-o", "kept.csv"), "There is no board 'absent'"),
        (3, ("export", "--board", "x", "--redis-url", "redis://127.0.0.1:1"), "Redis does not answer"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(code: int, words: tuple[str, ...], said: str, folder: Path) -> None:
    (folder / "kept.csv").write_text("of before", encoding="utf-8")
    found, out, err = run(folder, *words)
    assert (found, out) == (code, "")
    assert said in err
    assert (folder / "kept.csv").read_text(encoding="utf-8") == "of before"
    assert not list(folder.glob("*.part"))
