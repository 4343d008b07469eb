"""Merged boards: at every look the fold over their boards as they stand."""

import random
from collections.abc import Callable

import pytest

from dashboard.config import Settings
from dashboard.core.boards import Boards
from dashboard.core.scores import Scores
from dashboard.errors import BoardConflict
from dashboard.parts import Parts, open_parts
from dashboard.store import keys
from dashboard.values import MAX_SCORE, BoardSettings, Column, Merge, Score, Source
from tests.core.times import store_ms
from tests.store.servers import free_port, valkey, wait_for

FOLD: dict[str, Callable[[list[int]], int]] = {"sum": sum, "min": min, "max": max}


@pytest.mark.parametrize("how", ["union", "intersection"])
@pytest.mark.parametrize("aggregate", ["sum", "min", "max"])
def test_a_merged_board_is_a_fold_over_its_boards(aggregate: str, how: str, parts: Parts, board: str) -> None:
    names, weights = [f"{board}-{n}" for n in range(3)], (1, -2, 5)
    for name in names[:2]:  # the third comes later
        parts.boards.put(name, BoardSettings(rule="sum", periods=("all", "day"), ties="dense"))
    merge = Merge(tuple(map(Source, names, weights)), how, aggregate)  # type: ignore[arg-type]
    parts.boards.put(board, BoardSettings(merge=merge, ties="shared", periods=("day", "all")))
    dice = random.Random(f"{how} {aggregate}")
    versions = []
    for step in range(8):
        scores = [Score(f"p{dice.randrange(6)}", dice.randrange(-9, 30)) for _ in range(3)]
        if step == 4:
            parts.boards.put(names[2], BoardSettings(rule="sum", periods=("all", "day")))
        parts.scores.submit(names[step % 2 if step < 4 else 2], scores)
        if step == 6:
            parts.removals.remove(names[0], parts.rankings.top(names[0]).rows[0].player, reason="r", by="x")
        held: dict[str, list[int]] = {}
        for name, weight in zip(names if step >= 4 else names[:2], weights, strict=False):
            for row in parts.rankings.top(name, limit=100).rows:
                held.setdefault(row.player, []).append(weight * row.score)
        wanted = {player: FOLD[aggregate](mine) for player, mine in held.items() if how == "union" or len(mine) == 3}
        for kind in ("day", "all"):
            page = parts.rankings.top(board, kind, limit=100)
            assert {row.player: row.score for row in page.rows} == wanted
            assert page.players == len(wanted)
            ranks = {player: 1 + sum(other > score for other in wanted.values()) for player, score in wanted.items()}
            assert {row.player: row.rank for row in page.rows} == ranks
            (shown,) = parts.rankings.snapshots([(parts.boards.get(board), page.period, 100)])
            assert (shown.rows, shown.version) == (page.rows, page.version)
        versions.append(page.version)
        assert parts.rankings.top(board, "all").version == page.version  # nothing changed, nothing was made anew
    assert versions == sorted(set(versions))
    assert parts.boards.fresh(board).players == len(wanted)


def test_another_merge_shows_at_once_and_a_deleted_board_counts_no_more(parts: Parts, board: str) -> None:
    for name, score in ((f"{board}-a", 1), (f"{board}-b", 10)):
        parts.scores.submit(name, [Score("ada", score)])
    sources = (Source(f"{board}-a"), Source(f"{board}-b"))
    parts.boards.put(board, BoardSettings(merge=Merge(sources)))
    assert parts.rankings.player(board, "ada").score == 11
    parts.boards.put(board, BoardSettings(merge=Merge((sources[0], Source(f"{board}-b", 3)))))
    assert parts.rankings.player(board, "ada").score == 31
    parts.boards.delete(f"{board}-b")
    assert parts.rankings.player(board, "ada").score == 1
    parts.boards.delete(board)
    assert not parts.client.keys(keys.board(board) + "*")
    parts.scores.submit(board, [Score("bob", 5)])
    assert [row.player for row in parts.rankings.top(board).rows] == ["bob"]


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (BoardSettings(ties="first"), "arrival"),
        (BoardSettings(columns=(Column("x"),)), "columns"),
        (BoardSettings(key="game:other"), "other programs"),
        (BoardSettings(rule="sum", half_life_s=60), "decay"),
        (BoardSettings(periods=("day",)), "period all"),
        (BoardSettings(merge=Merge((Source("x"), Source("y")))), "is merged itself"),
    ],
)
def test_what_cannot_be_merged_is_said_whenever_it_comes(
    settings: BoardSettings, why: str, parts: Parts, board: str
) -> None:
    merged = BoardSettings(merge=Merge((Source(f"{board}-a"), Source(f"{board}-b"))))
    parts.boards.put(board, merged)
    assert parts.rankings.top(board).rows == ()
    parts.boards.put(f"{board}-a", settings)
    for call in (lambda: parts.rankings.top(board), lambda: parts.boards.put(f"{board}-2", merged)):
        with pytest.raises(BoardConflict, match=why):
            call()
    assert parts.boards.fresh(board).players == 0


def test_a_board_is_not_merged_of_itself(parts: Parts, board: str) -> None:
    with pytest.raises(BoardConflict, match="of itself"):
        parts.boards.put(board, BoardSettings(merge=Merge((Source(f"{board}-1"), Source(board)))))
    assert parts.boards.read(board) is None


def test_nobody_writes_to_a_merged_board(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(merge=Merge((Source(f"{board}-a"), Source(f"{board}-b")))))
    with pytest.raises(BoardConflict, match="takes no scores"):
        parts.scores.submit(board, [Score("ada", 1)])
    with pytest.raises(BoardConflict, match="merged of others"):
        parts.removals.remove(board, "ada", reason="r", by="x")
    parts.scores.submit(f"{board}-a", [Score("ada", 1)])
    with pytest.raises(BoardConflict, match="merge"):
        parts.boards.put(f"{board}-a", BoardSettings(merge=Merge((Source("x"), Source("y")))))


def test_what_leaves_the_whole_numbers_stands_at_their_end(parts: Parts, board: str) -> None:
    names = (f"{board}-a", f"{board}-b")
    for name in names:
        parts.scores.submit(name, [Score("x", MAX_SCORE), Score("y", -MAX_SCORE), Score("z", 3)])
    parts.boards.put(board, BoardSettings(merge=Merge(tuple(Source(name, 1000) for name in names))))
    rows = parts.rankings.top(board).rows
    assert [(row.player, row.score) for row in rows] == [("x", MAX_SCORE), ("z", 6000), ("y", -MAX_SCORE)]


def test_a_board_that_another_process_changed_is_not_merged_as_it_was(parts: Parts, board: str) -> None:
    name = f"{board}-a"
    parts.boards.put(name, BoardSettings())
    parts.boards.put(board, BoardSettings(merge=Merge((Source(name), Source(f"{board}-b")))))
    assert parts.rankings.top(board).rows == ()
    elsewhere = Boards(parts.client, parts.rankings._scripts, parts.clock)
    elsewhere.put(name, BoardSettings(columns=(Column("x"),)))
    Scores(parts.rankings._scripts, elsewhere, parts.clock).submit(name, [Score("ada", 5, None, {"x": 1})])
    with pytest.raises(BoardConflict, match="columns"):
        parts.rankings.top(board)


def test_a_large_one_is_not_made_anew_at_every_look(parts: Parts, board: str) -> None:
    first, second = f"{board}-a", f"{board}-b"
    parts.scores.submit(first, [Score("ada", 1)])
    parts.client.zadd(keys.ranking(first, "all"), {f"p{n}": 0 for n in range(100_000)})
    parts.boards.put(board, BoardSettings(merge=Merge((Source(first), Source(second)))))
    made = keys.merged_of(board, "all")

    def seen(ago_ms: int) -> int:
        _, _, rest = parts.client.get(made).partition(b" ")
        parts.client.set(made, b"%d %s" % (store_ms(parts.client) - ago_ms, rest))
        return parts.rankings.top(board, limit=1).rows[0].score

    assert parts.rankings.top(board, limit=1).rows[0].score == 1
    parts.scores.submit(first, [Score("ada", 2)])
    assert seen(0) == 1
    assert seen(2100) == 2
    parts.boards.put(board, BoardSettings(merge=Merge((Source(first, 3), Source(second)))))
    assert parts.rankings.top(board, limit=1).rows[0].score == 6  # other settings show at once


def test_in_a_cluster_a_merged_board_is_refused_and_no_other_suffers(board: str) -> None:
    options = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()), "--cluster-require-full-coverage", "no")
    with valkey(*options) as node:
        node.client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
        wait_for(lambda: node.client.cluster("INFO")["cluster_state"] == "ok", "the cluster")
        with open_parts(Settings(_env_file=None, redis_url=node.url)) as parts:  # type: ignore[call-arg]
            parts.scores.submit("a", [Score("ada", 1)])
            parts.boards.put(board, BoardSettings(merge=Merge((Source("a"), Source("b")))))
            with pytest.raises(BoardConflict, match="different slots"):
                parts.rankings.top(board)
            assert [(found.name, found.players) for found in parts.boards.all()] == [("a", 1), (board, 0)]
            wanted = [(parts.boards.get(name), "all", 5) for name in (board, "a")]
            assert [page.players for page in parts.rankings.snapshots(wanted)] == [0, 1]
