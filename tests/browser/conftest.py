"""A real browser on a real server: a Chromium for each module of tests, and viewers that note whatever goes wrong.

The server under test is always a process of its own. Waiting is on conditions in the page, never for a time.
"""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

from tests.conftest import Api, ServerProcess

NOTED = Path(sys.prefix) / ".done" / "browser"
QUIET = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
WAIT_S = 30


def chromium_path() -> str | None:
    """The Chromium that set-up has tried, else one on the machine, else Playwright's own (None)."""
    if NOTED.is_file():
        return NOTED.read_text().strip()
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Viewer:
    """One page of one viewer. `wrong` collects console errors, exceptions, refusals of the policy, strange requests."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.url = url
        self.wrong: list[str] = []
        self.page: Page = context.new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.wrong.append(f"exception: {error}"))
        self.page.on("request", self._asked)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.wrong.append(f"console: {message.text}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.wrong.append(f"request: {request.url}")

    def open(self, path: str = "/") -> "Viewer":
        self.page.goto(self.url + path)
        return self

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a function in the page."""
        return self.page.evaluate(script, *arguments)

    def until(self, condition: str, argument: Any = None, *, wait_s: float = WAIT_S) -> None:
        """Wait until `condition`, an expression over the page and `given`, holds. Playwright's own wait_for_function
        evaluates text, which the policy of the page forbids.
        """
        self.run(
            f"""async ([given, wait_ms]) => {{
                {HELPERS}
                const holds = () => ({condition}), end = performance.now() + wait_ms;
                while (!holds()) {{
                    if (performance.now() > end)
                        throw new Error("not in time: " + {condition!r} + "; " + JSON.stringify([given, rows(), pill()]));
                    await new Promise((next) => setTimeout(next, 20));
                }}
            }}""",
            [argument, 1000 * wait_s],
        )

    def until_state(self, state: str) -> None:
        self.until("document.documentElement.dataset.state === given", state)

    def until_rows(self, rows: list[list[Any]]) -> None:
        """Wait until the table shows exactly these [rank, player, score]."""
        self.until("JSON.stringify(rows()) === JSON.stringify(given)", rows)

    def rows(self) -> list[list[Any]]:
        """The table: [rank, player, score] from its text."""
        rows: list[list[Any]] = self.run(f"() => {{ {HELPERS} return rows(); }}")
        return rows

    def text(self, selector: str) -> str:
        return self.page.inner_text(selector).strip()


# rows(): what the table says; a figure is read back from how the page writes it (en-US)
HELPERS = """
    const figure = (el) => Number(el.textContent.replaceAll(",", "").replace("\\u2212", "-"));
    const rows = () => [...document.querySelectorAll("#rows .row")].filter((row) => row.dataset.player !== undefined)
        .map((row) => [figure(row.querySelector(".rank")), row.dataset.player, figure(row.querySelector(".score"))]);
    const pill = () => document.getElementById("pill").innerText;
"""


class OpenViewer(Protocol):
    """Open a viewer on a server; options are those of a browser context."""

    def __call__(self, path: str = "/", *, url: str | None = None, **options: Any) -> Viewer: ...


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser for one module: Playwright's event loop must not be around while other tests run theirs."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for all tests that do not end it."""
    process = ServerProcess(data_dir=tmp_path_factory.mktemp("b"))
    yield process
    process.stop()


@pytest.fixture
def site_api(site: ServerProcess) -> Iterator[Api]:
    caller = Api(site.url)
    yield caller
    caller.session.close()


@pytest.fixture
def open_viewer(chromium: Browser, site: ServerProcess) -> Iterator[OpenViewer]:
    """Open viewers that are closed with the test; each has a profile of its own, as another person would."""
    contexts: list[BrowserContext] = []

    def open_viewer(path: str = "/", *, url: str | None = None, **options: Any) -> Viewer:
        context = chromium.new_context(**{"viewport": {"width": 1440, "height": 900}, "locale": "en-US", **options})
        contexts.append(context)
        return Viewer(context, url or site.url).open(path)

    yield open_viewer
    for context in contexts:
        context.close()


@pytest.fixture
def top() -> Callable[..., list[list[Any]]]:
    """The API's first ten as the table shows them: [rank, player, score]."""

    def top(api: Api, board: str, period: str = "all") -> list[list[Any]]:
        answer = api.get(f"/boards/{board}/top", period=period, limit=10)
        return [[row["rank"], row["player"], row["score"]] for row in answer["rows"]]

    return top
