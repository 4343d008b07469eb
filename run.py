"""The command line. `python run.py` is the server; `--help` lists the rest.

Owns: commands, flags, exit codes, signals, log lines. The only reader of the environment (through `config.load`).
"""

import os
import sys
import warnings

SWITCHES = {"--demo", "--help", "--version"}
"""The server's flags that take no value."""


def _wants_eventlet(arguments: list[str]) -> bool:
    """eventlet must patch the standard library before anything imports it, so this reads the flags by hand."""
    mode = os.environ.get("ASYNC_MODE")
    words = iter(arguments)
    for word in words:
        if not word.startswith("-"):
            return False  # a command: none of them serves
        flag, equals, value = word.partition("=")
        if not equals and flag not in SWITCHES:
            value = next(words, "")
        if flag == "--async-mode":
            mode = value
    return mode != "threading"


EVENTLET = _wants_eventlet(sys.argv[1:])
if EVENTLET:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # eventlet advises against itself; it was chosen
        import eventlet
    eventlet.monkey_patch()

import json  # noqa: E402
import logging  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402
import subprocess  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import get_args  # noqa: E402

import click  # noqa: E402

from dashboard.board_commands import boards, export  # noqa: E402
from dashboard.config import DEMO_RATE_LIMITS, Settings, for_demo, load  # noqa: E402
from dashboard.core.imports import Importer, Job  # noqa: E402
from dashboard.core.mappings import Condition, Mapping, parse_column  # noqa: E402
from dashboard.core.rows import Format  # noqa: E402
from dashboard.errors import BadSetting, ScorecastError, StartFailed  # noqa: E402
from dashboard.flags import STORE, leave, on_store, settings_options  # noqa: E402
from dashboard.live.crew import Kind  # noqa: E402
from dashboard.progress import LivingLine, Progress  # noqa: E402
from dashboard.store.bell import Bell  # noqa: E402
from dashboard.values import Order, Rule  # noqa: E402
from dashboard.web.models import clean_name  # noqa: E402


@click.group(invoke_without_command=True, context_settings={"max_content_width": 110})
@settings_options()
@click.option(
    "--demo",
    is_flag=True,
    help=f"also start simulated players (see `demo --help`); unless it is set, RATE_LIMITS then is {DEMO_RATE_LIMITS}",
)
@click.version_option("0.1.0", prog_name="scorecast")
@click.pass_context
def main(context: click.Context, /, demo: bool, **flags: str | None) -> None:
    """Scorecast, a real-time leaderboard server. Without a command it serves.

    Every flag is also a setting in the environment or the file .env (its name in brackets); flags win.
    """
    context.obj = flags
    if context.invoked_subcommand is None:
        settings = load(**flags)
        serve(for_demo(settings) if demo else settings, demo=demo)


def serve(settings: Settings, *, demo: bool) -> None:
    """Serve until SIGINT or SIGTERM."""
    if (settings.async_mode == "eventlet") != EVENTLET:
        raise BadSetting(f"ASYNC_MODE={settings.async_mode}: give it as a flag or in the environment, not in .env")
    from dashboard.app import Server
    from dashboard.parts import open_parts

    log_lines(settings.log_format)
    with open_parts(settings) as parts, Bell() as bell:
        server = Server(settings, parts)
        players: list[subprocess.Popen[bytes]] = []

        def stop(*_: object) -> None:
            for child in players:
                child.terminate()  # first, so that it says goodbye to a server that still answers
            bell.ring()

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)

        def ready(address: str) -> None:
            click.echo(f"Scorecast is at {address}")
            if demo:
                players.append(start_demo(address, settings))

        try:
            server.run(bell, ready)
        finally:
            for child in players:
                child.terminate()
                child.wait(10)


main.add_command(boards)
main.add_command(export)


@main.command("import", short_help="Put the rows of a CSV or NDJSON file on a board.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--board", required=True, metavar="NAME", help="the board; made if there is none of that name")
@click.option("--player", required=True, metavar="COL", help="column of the players' names")
@click.option(
    "--score",
    default="score",
    metavar="COL|NUMBER",
    help="column of the scores, or a whole number that every row counts [default: score]",
)
@click.option("--at", metavar="COL", help="column of when it was played: date, RFC 3339, epoch ms [default: now]")
@click.option(
    "--column", multiple=True, metavar="NAME=COL", help="column of the board's column NAME; one for each it has"
)
@click.option("--data", metavar="COL", help="column of JSON that goes with the scores [default: none]")
@click.option("--rule", type=click.Choice(get_args(Rule)), help="how scores of a player combine [default: the board's]")
@click.option(
    "--order", type=click.Choice(get_args(Order)), help="whether more or less is better [default: the board's]"
)
@click.option(
    "--where", multiple=True, metavar="COL=VALUE", help="only such rows, or with != all others; may be repeated"
)
@click.option(
    "--format", "form", type=click.Choice(get_args(Format)), help="how FILE is written [default: by its name]"
)
@click.option("--report", type=click.Path(path_type=Path), help="where refused rows go [default: FILE.refused.csv]")
@settings_options(*STORE)
@click.pass_obj
def import_file(
    outer: dict[str, str | None],
    /,
    file: Path,
    board: str,
    player: str,
    score: str,
    at: str | None,
    column: tuple[str, ...],
    data: str | None,
    where: tuple[str, ...],
    rule: Rule | None,
    order: Order | None,
    form: Format | None,
    report: Path | None,
    **flags: str | None,
) -> None:
    """Put the rows of FILE (CSV with a header, or NDJSON; UTF-8) on a board, while a server runs on the store or not.

    Each row counts exactly once: after an interruption the same command goes on where it was, and a file that was
    imported adds nothing. Rows that cannot be taken are reported with their line numbers; the others count.
    While another process imports the same file to the same board, this one ends at once; where that one was killed, it
    goes on 2 seconds later.

    Exit code: 0 all is well, 1 some rows were refused, 2 the file or a flag is wrong, 3 not now: the store does not
    answer, or another process is at it.
    """
    try:
        conditions = tuple(Condition.parse(text) for text in where)
        mapping = Mapping(player, score, at, conditions, tuple(parse_column(text) for text in column), data)
        job = Job(file, clean_name(board), mapping, form, rule, order, report)
    except ScorecastError as error:
        leave(2, str(error))
    again = "The same command goes on where this one stopped."
    with on_store(outer, flags, again) as parts, Progress(job, sys.stderr) as progress:

        def wait_s(seconds: float) -> None:
            time.sleep(seconds)
            if parts.embedded is not None:
                parts.embedded.keep()

        outcome = Importer(parts.boards, parts.scores, parts.locks, time.monotonic, wait_s).run(job, progress)
    click.echo("\n".join(progress.summary(outcome)))
    sys.exit(1 if outcome.place.refused else 0)


@main.command(short_help="Work on payments and analytics in a process of its own.")
@click.option("--kind", type=click.Choice(get_args(Kind)), default="all", show_default=True, help="what it works on")
@click.option(
    "--name", metavar="NAME", help="under which it is known; finds again what it left [default: host-process]"
)
@settings_options(*STORE, "database_url", "log_format")
@click.pass_obj
def worker(outer: dict[str, str | None], /, kind: Kind, name: str | None, **flags: str | None) -> None:
    """Work on streams until SIGINT or SIGTERM, beside any number of servers and other workers on the same store."""
    from dashboard.app import work
    from dashboard.parts import open_parts

    settings = load(**outer | {name: value for name, value in flags.items() if value is not None})
    log_lines(settings.log_format)
    name = clean_name(name or f"{socket.gethostname()}-{os.getpid()}")
    with Bell() as stop:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.ring())
        with open_parts(settings) as parts:
            work(parts, kind, name, stop, lambda: click.echo(f"Worker {name} works on {kind}"))


@main.command("demo", short_help="Simulated players on a running server.")
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="address of the server")
@click.option("--board", default="global-arena", show_default=True, metavar="NAME", help="the board; made if absent")
@click.option("--seed", default=7, show_default=True, help="the same seed gives the same players and the same course")
@click.option(
    "--rate", default=40.0, show_default=True, type=click.FloatRange(0.01, 10_000), metavar="N", help="scores a second"
)
@click.option(
    "--players",
    default=400,
    show_default=True,
    type=click.IntRange(1, 10_000),
    metavar="N",
    help="players at the start",
)
@click.option("--scores", type=click.IntRange(0), metavar="N", help="end after so many scores [default: never]")
@click.option(
    "--duration", type=click.FloatRange(0), metavar="SECONDS", help="end after so many seconds [default: never]"
)
@click.option(
    "--only-scores", is_flag=True, help="players alone: no orders and payments, no users read, no locks, no viewers"
)
@click.option("--api-key", metavar="KEY", help="key to write with [default: the first of API_KEYS]")
@click.option("--with-parent", type=int, hidden=True, help="end when this process is no longer our parent")
@click.pass_obj
def demo_command(
    outer: dict[str, str | None],
    /,
    url: str,
    board: str,
    seed: int,
    rate: float,
    players: int,
    scores: int | None,
    duration: float | None,
    only_scores: bool,
    api_key: str | None,
    with_parent: int | None,
) -> None:
    """Simulated players, good ones and weak ones, post scores to a running server as games do: some over HTTP, some over
    a socket. Players join, play in bursts and have streaks; the server may restart meanwhile. Ctrl-C ends it.

    Beside them somebody orders and pays, somebody reads users, two jobs share a lock, two viewers sign in and out.
    """
    from dashboard.demo.show import Plan, Show

    key = api_key or next(iter(load(**outer).api_keys), None)
    line = LivingLine(sys.stderr)
    plan = Plan(url.rstrip("/"), clean_name(board), seed, rate, players, key, scores, duration, only_scores)
    show = Show(plan, line.say, lambda: with_parent is not None and os.getppid() != with_parent)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: show.stop())
    try:
        show.run()
    finally:
        line.end()


def start_demo(address: str, settings: Settings) -> "subprocess.Popen[bytes]":
    """Simulated players as a process of their own, which ends with this one."""
    command = [sys.executable, __file__, "demo", "--url", address, "--with-parent", str(os.getpid())]
    keys = os.environ | {"API_KEYS": ",".join(settings.api_keys)}  # not as a flag: every user may list those
    return subprocess.Popen(command, start_new_session=True, env=keys)


def log_lines(form: str) -> None:
    """Log to stderr, for people or for machines."""
    handler = logging.StreamHandler()
    if form == "json":
        handler.setFormatter(JsonLine())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for chatty in ("engineio.server", "socketio.server", "werkzeug"):
        logging.getLogger(chatty).setLevel(logging.ERROR)


class JsonLine(logging.Formatter):
    """One JSON object per line: time, level, logger, message, and the traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        line = {"time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"), "level": record.levelname}
        line |= {"logger": record.name, "message": record.getMessage()}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


if __name__ == "__main__":
    try:
        main()
    except StartFailed as error:
        sys.exit(f"scorecast: {error}")
    except ScorecastError as error:
        sys.exit(f"scorecast: {error.title}: {error}")
