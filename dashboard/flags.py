"""What commands on the command line share: settings as flags, the store they open, how they end.

Owns: flags made from settings, exit codes. Leaves to others: what a setting may be (`config.py`), the commands (`run.py`,
`board_commands.py`).
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

import click

from dashboard.config import Settings, load
from dashboard.errors import LockHeld, LockLost, ScorecastError, StoreStartFailed, StoreUnavailable
from dashboard.parts import Parts, open_parts

F = TypeVar("F", bound=Callable[..., Any])
STORE = ("redis_url", "data_dir", "durability")


def settings_options(*names: str) -> Callable[[F], F]:
    """A flag for each setting, with the setting's own explanation; all settings where none is named."""

    def add(command: F) -> F:
        for name in reversed(names or tuple(Settings.model_fields)):
            field = Settings.model_fields[name]
            default = "none" if field.default in (None, ()) else field.default
            text = f"{field.description} [{name.upper()}; default: {default}]"
            command = click.option(f"--{name.replace('_', '-')}", name, help=text, metavar="VALUE")(command)
        return command

    return add


@contextmanager
def on_store(outer: dict[str, str | None], flags: dict[str, str | None], again: str) -> Iterator[Parts]:
    """The parts on the store that the flags name. Errors end the process: 2 what was asked for is wrong, 3 not now
    (`again` says what then), 130 interrupted.
    """
    try:
        with open_parts(load(**outer | {name: value for name, value in flags.items() if value is not None})) as parts:
            yield parts
    except (StoreUnavailable, StoreStartFailed, LockHeld, LockLost) as error:
        leave(3, f"{error} {again}")
    except ScorecastError as error:
        leave(2, str(error))
    except KeyboardInterrupt:
        leave(130, f"interrupted. {again}")


def leave(code: int, words: str) -> NoReturn:
    """End with a line on stderr."""
    click.echo(f"scorecast: {words}", err=True)
    sys.exit(code)
