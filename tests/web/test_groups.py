"""Groups and cohorts over HTTP."""

from tests.conftest import Api
from tests.web.test_boards import refused


def test_teams_rank_by_the_sum_of_their_members(api: Api, board: str) -> None:
    assert api.put(f"/boards/{board}", {"rule": "sum", "groups": "sum"})["groups"] == "sum"
    for player, group in (("a", "red"), ("b", "red"), ("c", "blue/sky")):
        put = api.put(f"/boards/{board}/players/{player}/group", {"group": group})
        assert put == {"player": player, "group": group, "previous_group": None}
        api.post(f"/boards/{board}/scores", {"player": player, "score": 10})
    red = {"rank": 1, "group": "red", "score": 20, "members": 2}
    page = api.get(f"/boards/{board}/groups", limit=1)
    assert (page["groups"], page["rows"]) == (2, [red])
    (blue,) = api.get(f"/boards/{board}/groups", limit=1, cursor=page["next"])["rows"]
    assert blue == {"rank": 2, "group": "blue/sky", "score": 10, "members": 1}
    api.put(f"/boards/{board}/players/b/group", {"group": "blue/sky"})
    top = api.get(f"/boards/{board}/groups/blue/sky/top")
    assert [(row["rank"], row["player"]) for row in top["rows"]] == [(1, "c"), (2, "b")]
    mine = api.get(f"/boards/{board}/players/b/group")
    assert (mine["group"], mine["players"], len(mine["rows"])) == ("blue/sky", 2, 2)
    assert api.put(f"/boards/{board}/players/b/group", {"group": None})["previous_group"] == "blue/sky"
    assert api.get(f"/boards/{board}/players/b/group")["group"] is None


def test_cohorts_are_filled_first_come(api: Api, board: str) -> None:
    api.put(f"/boards/{board}", {"cohorts": 2})
    for n, player in enumerate("abcde"):
        api.post(f"/boards/{board}/scores", {"player": player, "score": n})
    rows = api.get(f"/boards/{board}/groups")["rows"]
    assert [(row["group"], row["members"]) for row in rows] == [("1", 2), ("2", 2), ("3", 1)]
    mine = api.get(f"/boards/{board}/players/c/group")
    assert (mine["group"], [(row["rank"], row["player"]) for row in mine["rows"]]) == ("2", [(1, "d"), (2, "c")])


def test_what_groups_refuse(api: Api, board: str) -> None:
    for wrong in ({"groups": "sum", "cohorts": 2}, {"cohorts": 1}, {"groups": "mean"}, {"key": "k", "groups": "sum"}):
        refused(api.call("PUT", f"/boards/{board}", json=wrong), 422, "invalid")
    api.put(f"/boards/{board}", {"groups": "sum"})
    for wrong in ({"group": ""}, {"group": "a\nb"}, {"group": "x" * 129}, {}, {"group": "a", "team": "b"}):
        document = refused(api.call("PUT", f"/boards/{board}/players/a/group", json=wrong), 422, "invalid")
        assert document["errors"][0]["pointer"] in ("/group", "/team")
