"""The toolbox on the page: each panel changes on screen because somebody really did something, here through HTTP or as
any Redis client would.
"""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from playwright.sync_api import Browser

from dashboard.store import keys
from tests.browser.conftest import OpenViewer, Viewer
from tests.conftest import Api, ServerProcess

LIMITS = "publish:3/minute"
TOOLS = ["Rate limits", "Cache", "Streams", "Locks", "Sessions", "Orders"]
HOSTILE = "<img src=x onerror=\"document.title='hit'\"> & <b>bold</b>"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    process = ServerProcess(data_dir=tmp_path_factory.mktemp("t"), env={"RATE_LIMITS": LIMITS})
    yield process
    process.stop()


@pytest.fixture
def shop_api(shop: ServerProcess) -> Iterator[Api]:
    caller = Api(shop.url)
    yield caller
    caller.session.close()


@pytest.fixture(scope="module")
def store(shop: ServerProcess) -> Iterator["redis.Redis"]:
    """The server's store as redis-cli would reach it."""
    client = connect(shop)
    yield client
    client.close()


def connect(server: ServerProcess) -> "redis.Redis":
    return redis.Redis(unix_socket_path=str(next(server.data_dir.rglob("*.sock"))))


@pytest.fixture(scope="module")
def page(shop: ServerProcess, chromium: Browser) -> Iterator[Viewer]:
    """One who watches all of it, and has seen the first answers of all six tools."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="en-US")
    page = Viewer(context, shop.url).open()
    page.until("[...document.querySelectorAll('.tool .state')].filter((el) => el.textContent).length === 6")
    yield page
    context.close()


@pytest.fixture
def viewer(page: Viewer) -> Iterator[Viewer]:
    """The same one for each test, with no dialog open; no test leaves an error behind."""
    yield page
    page.run("() => document.querySelectorAll('dialog[open]').forEach((dialog) => dialog.close())")
    wrong, page.wrong[:] = list(page.wrong), []
    assert wrong == []


def until_says(viewer: Viewer, tool: str, words: str) -> None:
    viewer.until(f"document.getElementById('tool-{tool}').textContent.includes(given)", words)


def until_figure(viewer: Viewer, tool: str, condition: str) -> None:
    """`condition` over `n`, the figure as a number."""
    of = f"document.querySelector('#tool-{tool} .figure').firstChild.data"
    viewer.until(f"((n) => {condition})(parseFloat({of}))")


def test_six_tools_stand_below_the_board(viewer: Viewer) -> None:
    assert viewer.run("() => [...document.querySelectorAll('.tool h2 button')].map((el) => el.textContent)") == TOOLS
    assert viewer.run("() => document.documentElement.scrollHeight <= innerHeight"), "all of it in one window"


def test_a_used_up_limit_is_told(shop_api: Api, viewer: Viewer) -> None:
    codes = [shop_api.call("POST", "/channels/elsewhere", json={"message": "x"}).status_code for _ in range(5)]
    assert codes == [202, 202, 202, 429, 429]
    until_figure(viewer, "limits", "n > 0")
    until_says(viewer, "limits", "1 at the limit")
    until_says(viewer, "limits", "3/3")
    viewer.page.click("#tool-limits button")
    viewer.until("/3 of 3/.test(document.getElementById('sheet-tables').textContent)")
    assert "publish/minute" in viewer.text("#sheet-tables")
    viewer.page.keyboard.press("Escape")
    viewer.until("!document.getElementById('sheet').open && document.activeElement.matches('#tool-limits button')")


def test_a_second_read_is_a_hit(shop: ServerProcess, shop_api: Api, viewer: Viewer) -> None:
    assert viewer.run("() => document.querySelector('#tool-cache .figure').firstChild.data") == "–", "nobody has read"
    sources = [shop_api.session.get(f"{shop.url}/user/1", timeout=20).json()["source"] for _ in range(2)]
    assert sources == ["database", "redis-cache"]
    until_figure(viewer, "cache", "n === 50")
    viewer.until("/[\\d.]+ ms.*[\\d.]+ ms/.test(document.querySelector('#tool-cache .body').textContent)")


def test_a_dead_letter_shows_its_error_and_is_put_back(shop_api: Api, store: "redis.Redis", viewer: Viewer) -> None:
    shop_api.post("/payments", {"user": "42", "amount": "99.00", "order": "5003"})
    until_says(viewer, "orders", "Order #5003 paid")
    store.xadd("payments-stream", {"user": "42", "amount": "lots"})
    until_says(viewer, "streams", "1 dead")
    viewer.page.click("#tool-streams button")
    viewer.until("/amount: must be a decimal/.test(document.getElementById('sheet-letters').textContent)")
    first = viewer.run("() => document.querySelector('.letters button').ariaLabel")
    viewer.page.click(".letters button")
    viewer.until(  # it is tried again, and dies again as a new letter
        "[...document.querySelectorAll('.letters button')].some((el) => el.ariaLabel !== given)", first
    )
    assert viewer.run("() => document.querySelectorAll('.letters li').length") == 1
    assert viewer.text("#sheet-problem") == ""


def test_a_refused_retry_says_why(shop_api: Api, store: "redis.Redis", viewer: Viewer) -> None:
    store.xadd("payments-stream", {"user": "42", "amount": "none"})
    viewer.page.click("#tool-streams button")
    viewer.until("/\"none\"/.test(document.getElementById('sheet-letters').textContent)")
    for letter in shop_api.get("/streams/payments-stream")["dead_letters"]:
        store.xdel(keys.dead(keys.PAYMENTS), letter["id"])
    viewer.page.locator(".letters button").first.click()
    viewer.until("/no dead letter/.test(document.getElementById('sheet-problem').textContent)")
    viewer.wrong[:] = [line for line in viewer.wrong if "404" not in line]  # the browser's own note


def test_a_lock_shows_who_waits_and_its_fence_rises(shop_api: Api, viewer: Viewer) -> None:
    first = shop_api.post("/locks/season:close", {"ttl_ms": 60_000})
    until_says(viewer, "locks", "season:close")
    with ThreadPoolExecutor() as pool:
        second = pool.submit(shop_api.post, "/locks/season:close", {"ttl_ms": 60_000, "wait_ms": 15_000})
        until_says(viewer, "locks", "1 waiting")
        viewer.page.click("#tool-locks button")
        viewer.until("document.getElementById('sheet-tables').textContent.includes(given)", f"#{first['fence']}")
        assert "http:127.0.0.1" in viewer.text("#sheet-tables")
        Api(shop_api.url).call("DELETE", "/locks/season:close", json={"token": first["token"]})
        fence = second.result()["fence"]
    assert fence > first["fence"]
    viewer.until("document.getElementById('sheet-tables').textContent.includes(given)", f"#{fence}")
    viewer.until("!/waiting/.test(document.getElementById('tool-locks').textContent)")
    shop_api.call("DELETE", "/locks/season:close", json={"token": second.result()["token"]})
    viewer.until("/No lock is held/.test(document.getElementById('sheet-tables').textContent)")


def test_signing_in_raises_the_count(shop_api: Api, viewer: Viewer) -> None:
    until_figure(viewer, "sessions", "n === 0")
    shop_api.post("/session", {"name": "mara"})
    until_figure(viewer, "sessions", "n === 1")
    viewer.page.click("#tool-sessions button")
    viewer.page.get_by_role("button", name="Your sessions").click()
    viewer.until("document.getElementById('account').open && !document.getElementById('sheet').open")


def test_messages_show_as_the_text_they_are(store: "redis.Redis", viewer: Viewer) -> None:
    title = viewer.page.title()
    store.publish("orders", "Order #5001 created")
    until_says(viewer, "orders", "Order #5001 created")
    store.publish("orders", HOSTILE)
    until_says(viewer, "orders", HOSTILE)
    viewer.page.click("#tool-orders button")
    viewer.until("document.getElementById('sheet-tables').textContent.includes(given)", HOSTILE)
    assert viewer.run("() => document.querySelectorAll('#toolbox img, #sheet img, #toolbox b, #sheet b').length") == 0
    assert viewer.page.title() == title


def test_a_subscription_that_was_cut_leaves_a_line(store: "redis.Redis", viewer: Viewer) -> None:
    store.client_kill_filter(_type="pubsub")
    until_says(viewer, "orders", "Subscribed again after")
    until_says(viewer, "orders", "gap")
    assert viewer.text("#notice-word") == "", "the server does not restart"
    store.publish("orders", "Order #5002 created")
    until_says(viewer, "orders", "Order #5002 created")


def test_a_message_published_on_the_page_shows_there(site: ServerProcess, open_viewer: OpenViewer) -> None:
    viewer = open_viewer(url=site.url)
    viewer.until("document.querySelector('#tool-orders .state').textContent !== ''")
    viewer.page.click("#tool-orders button")
    viewer.page.get_by_label("Message to publish").fill("Order #7 packed")
    viewer.page.keyboard.press("Enter")
    viewer.until("document.getElementById('sheet-tables').textContent.includes('Order #7 packed')")
    assert viewer.wrong == []


def test_nothing_is_wider_than_a_phone(shop: ServerProcess, open_viewer: OpenViewer) -> None:
    viewer = open_viewer(url=shop.url, viewport={"width": 390, "height": 844})
    viewer.until_state("live")
    assert viewer.run("() => document.documentElement.scrollWidth") == 390
    for tool in ("limits", "streams", "orders"):
        viewer.page.click(f"#tool-{tool} button")
        viewer.until("document.getElementById('sheet-tables').children.length > 0")
        assert (
            viewer.run("() => { const el = document.getElementById('sheet'); return el.scrollWidth - el.clientWidth; }")
            == 0
        )
        viewer.page.click("#sheet-close")


def test_with_redis_stopped_each_panel_says_since_when(
    shop: ServerProcess, store: "redis.Redis", viewer: Viewer
) -> None:
    pid = int(store.info("server")["process_id"])
    os.kill(pid, signal.SIGSTOP)
    try:
        old = "[...document.querySelectorAll('.tool .state.warn')].filter((el) => /since \\d\\d:/.test(el.textContent))"
        viewer.until(f"{old}.length >= 5")
    finally:
        os.kill(pid, signal.SIGCONT)
    viewer.until_state("live")
    viewer.until(f"{old}.length === 0")
    viewer.wrong[:] = [line for line in viewer.wrong if "503" not in line]
