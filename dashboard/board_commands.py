"""`run.py boards ...` and `run.py export`: boards managed from the command line, while a server runs on the store or not.

Owns: their flags and what they print. Leaves to others: settings' rules (`web/models.py`, the same as over HTTP), what is
done (`core/`).
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, get_args

import click

from dashboard.core.exports import Exports
from dashboard.core.mappings import INTEGER
from dashboard.core.periods import parse_time
from dashboard.core.rows import SUFFIXES, Format
from dashboard.core.scores import clean_player
from dashboard.errors import InvalidInput
from dashboard.flags import STORE, leave, on_store, settings_options
from dashboard.progress import ExportProgress
from dashboard.values import Board, BoardSettings
from dashboard.web.board_models import BoardIn
from dashboard.web.models import ReasonIn, clean_name, validate

F = TypeVar("F", bound=Callable[..., Any])
Flags = dict[str, str | None]
AGAIN = "Try again."
BY = "command line"
"""Who did it, in the audit stream."""


@click.group("boards", short_help="List, change and delete boards; remove players.")
def boards() -> None:
    """Manage boards, while a server runs on the store or not.

    Exit code: 0 done, 2 what was asked for is wrong, 3 the store does not answer.
    """


@boards.command("list")
@settings_options(*STORE)
@click.pass_obj
def list_boards(outer: Flags, /, **flags: str | None) -> None:
    """All boards: name, players, and the settings that are not the defaults."""
    with on_store(outer, flags, AGAIN) as parts:
        found = parts.boards.all()
    width = max((len(board.name) for board in found), default=0)
    for board in found:
        changed = {name: value for name, value in _settings(board).items() if value != _settings(None).get(name)}
        words = " ".join(f"{name}={_word(value)}" for name, value in changed.items())
        click.echo(f"{board.name:{width}} {board.players:>12,}  {words}".rstrip())


@boards.command()
@click.argument("name")
@settings_options(*STORE)
@click.pass_obj
def show(outer: Flags, /, name: str, **flags: str | None) -> None:
    """The board NAME with its settings, as JSON."""
    with on_store(outer, flags, AGAIN) as parts:
        _print(parts.boards.fresh(clean_name(name)))


@boards.command("set")
@click.argument("name")
@click.argument("words", nargs=-1, required=True, metavar="KEY=VALUE...")
@settings_options(*STORE)
@click.pass_obj
def set_board(outer: Flags, /, name: str, words: tuple[str, ...], **flags: str | None) -> None:
    """Change settings of the board NAME, or make it; what is not named stays.

    A VALUE is a word, a number, a list (periods=all,week columns=stars,crashes:asc) or JSON; null takes a setting back.
    """
    with on_store(outer, flags, AGAIN) as parts:
        known = parts.boards.read(clean_name(name))
        wanted = _settings(known) | dict(map(_pair, words))
        stored, _ = parts.boards.put(name, validate(BoardIn, wanted, "command").value())
        _print(parts.boards.with_players(stored))


@boards.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="do it: nothing brings the scores back")
@settings_options(*STORE)
@click.pass_obj
def delete(outer: Flags, /, name: str, yes: bool, **flags: str | None) -> None:
    """Delete the board NAME with all its scores."""
    with on_store(outer, flags, AGAIN) as parts:
        board = parts.boards.fresh(clean_name(name))
        if not yes:
            raise InvalidInput(f"{_players(board)} would lose their scores for good: say --yes if they are to.")
        parts.boards.delete(name)
    click.echo(f"{name} is deleted.")


def player_command(command: F) -> F:
    """Arguments of the commands on one player."""
    command = click.pass_obj(settings_options(*STORE)(command))  # type: ignore[assignment]
    command = click.option("--reason", required=True, metavar="TEXT", help="why, for the audit stream")(command)
    return click.argument("name")(click.argument("player")(command))


@boards.command()
@player_command
def remove(outer: Flags, /, name: str, player: str, reason: str, **flags: str | None) -> None:
    """Take PLAYER off the board NAME; ranks close at once."""
    with on_store(outer, flags, AGAIN) as parts:
        parts.removals.remove(clean_name(name), clean_player(player), reason=_reason(reason), by=BY)
    click.echo(f"{player} is removed from {name}.")


@boards.command()
@player_command
def hide(outer: Flags, /, name: str, player: str, reason: str, **flags: str | None) -> None:
    """As remove; scores that come later count where nobody sees them."""
    with on_store(outer, flags, AGAIN) as parts:
        parts.removals.remove(clean_name(name), clean_player(player), reason=_reason(reason), by=BY, hide=True)
    click.echo(f"{player} is hidden on {name}.")


@boards.command()
@player_command
def restore(outer: Flags, /, name: str, player: str, reason: str, **flags: str | None) -> None:
    """Put PLAYER, who was removed or hidden, back where they stood."""
    with on_store(outer, flags, AGAIN) as parts:
        parts.removals.restore(clean_name(name), clean_player(player), reason=_reason(reason), by=BY)
    click.echo(f"{player} is back on {name}.")


@click.command("export", short_help="Write a ranking to a CSV or NDJSON file.")
@click.option("--board", required=True, metavar="NAME", help="the board")
@click.option("--period", default="all", show_default=True, metavar="KIND", help="which of its periods")
@click.option("--at", metavar="TIME", help="the period that held then [default: now]")
@click.option(
    "--format",
    "form",
    type=click.Choice(get_args(Format)),
    help="how it is written [default: as -o is named, else csv]",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="the file, replaced when all is written [default: stdout]"
)
@settings_options(*STORE)
@click.pass_obj
def export(
    outer: Flags,
    /,
    board: str,
    period: str,
    at: str | None,
    form: Format | None,
    output: Path | None,
    **flags: str | None,
) -> None:
    """Write a ranking, first row first, while a server runs on the store or not: `import` reads it back.

    Exit code: 0 all is written, 2 a flag or the file is wrong, 3 the store does not answer.
    """
    form = form or (SUFFIXES.get(output.suffix.lower()) if output else None) or "csv"
    with on_store(outer, flags, AGAIN) as parts:
        at_ms = None if at is None else parse_time(int(at) if INTEGER.fullmatch(at) else at)
        try:
            with _written(output) as file:
                _export(parts.exports, clean_name(board), period, form, at_ms, file)
        except OSError as error:
            if output is None:
                raise  # a pipe that nobody reads any more: click ends quietly
            leave(2, f"cannot write {output}: {error.strerror}")


def _export(exports: Exports, board: str, period: str, form: Format, at_ms: int | None, file: BinaryIO) -> None:
    found = exports.open(board, period, form=form, at_ms=at_ms)
    with ExportProgress(f"{board} ({found.period})", found.players, sys.stderr) as progress:
        for rows, data in found.parts:
            file.write(data)
            progress.moved(rows)
        file.flush()


@contextmanager
def _written(path: Path | None) -> Iterator[BinaryIO]:
    """The file, or stdout. A file gets its name when it is whole: what is there before stays until then."""
    if path is None:
        yield sys.stdout.buffer
        return
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _settings(board: Board | None) -> dict[str, Any]:
    """A board's settings, or the defaults, as PUT takes them."""
    return (board.settings if board else BoardSettings()).as_dict()


def _pair(word: str) -> tuple[str, Any]:
    key, equals, text = word.partition("=")
    if not equals:
        raise InvalidInput(f"{word!r} is no setting: write KEY=VALUE")
    if text == "null":
        return key, _settings(None).get(key)
    if key in ("title", "unit"):
        return key, text
    if key in ("periods", "columns") and not text.startswith("["):
        words = text.split(",") if text else []
        return key, words if key == "periods" else [_column(word) for word in words]
    try:
        return key, json.loads(text)
    except (ValueError, RecursionError):
        return key, text


def _column(word: str) -> dict[str, str]:
    name, _, order = word.rpartition(":")
    return {"name": name, "order": order} if order in ("asc", "desc") and name else {"name": word}


def _word(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _reason(text: str) -> str:
    return validate(ReasonIn, {"reason": text}, "command").reason


def _players(board: Board) -> str:
    return f"{board.players:,} player{'s' if board.players != 1 else ''}"


def _print(board: Board) -> None:
    facts = {"board": board.name, "players": board.players} | _settings(board)
    click.echo(json.dumps(facts, ensure_ascii=False, indent=2))
