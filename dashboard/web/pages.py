"""The page and its files.

Owns: `/`, `/static/...`, the content security policy, caching, and the check that the page's libraries are installed.
Leaves to others: data (the page reads the public API and Socket.IO), charts (`figures.py`).
"""

import json
import re
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, make_response, render_template, request, send_from_directory
from plotly.offline import get_plotlyjs_version

from dashboard.errors import StartFailed
from dashboard.web.figures import figures

ROOT = Path(__file__).resolve().parents[2]
PLOTLY = "plotly.js-basic-dist-min"

# Scripts stay strict: our own files, nothing inline, no eval. Plotly needs two allowances for styles: the hash of the
# one empty <style> element that it fills through the CSSOM, and style attributes.
POLICY = (
    "default-src 'none'; script-src 'self'; "
    "style-src-elem 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; style-src-attr 'unsafe-inline'; "
    "font-src 'self'; img-src 'self' data: blob:; connect-src 'self'{sockets}; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)
HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-cache"}
HOST = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")


def check_vendor(root: Path = ROOT) -> None:
    """Raise StartFailed, with one line that says what to do, unless `static/vendor/` holds what the page needs: every
    file of its `versions.json`, at the versions of `package.json`, with plotly.js at the version plotly.py draws for.
    """
    vendor = root / "static" / "vendor"
    try:
        files: dict[str, dict[str, str]] = json.loads((vendor / "versions.json").read_text())["files"]
        pins: dict[str, str] = json.loads((root / "package.json").read_text())["dependencies"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StartFailed("static/vendor is not set up: run `make setup`.") from error
    lacking = [name for name in files if not (vendor / name).is_file()]
    lacking += sorted(pins.keys() - {file["package"] for file in files.values()})
    if lacking:
        raise StartFailed(f"static/vendor lacks {', '.join(lacking)}: run `make setup`.")
    wanted = pins | {PLOTLY: get_plotlyjs_version()}
    for name, file in files.items():
        package, version = file["package"], file["version"]
        if wanted.get(package, version) != version:
            raise StartFailed(
                f"static/vendor/{name} is {package} {version}, {wanted[package]} is needed: run `make setup`."
            )


def make_pages(root: Path = ROOT) -> Blueprint:
    """The blueprint; its files are those under `root`. The app that takes it has no static folder of its own
    (`Flask(..., static_folder=None)`). Makes the figures once, which costs about 0.3 s.
    """
    pages = Blueprint("pages", __name__, template_folder=str(root / "templates"))
    static = root / "static"
    context: dict[str, Any] = {"figures": figures(), "modules": _modules(static)}

    @pages.get("/")
    def home() -> Response:
        response = make_response(render_template("dashboard.html", **context))
        response.headers["Content-Security-Policy"] = policy(request.host)
        response.add_etag()
        response.make_conditional(request)
        return response

    @pages.get("/static/<path:name>")
    def file(name: str) -> Response:
        return send_from_directory(static, name, conditional=True, etag=True)

    @pages.get("/favicon.ico")
    def favicon() -> Response:
        return send_from_directory(static, "icon.svg")

    @pages.after_request
    def headers(response: Response) -> Response:
        response.headers.update(HEADERS)
        return response

    return pages


def policy(host: str) -> str:
    """The content security policy for a page served at `host`. 'self' does not cover WebSockets in every browser, so
    the page's own host is named for them; a host that is none is left out.
    """
    return POLICY.format(sockets=f" ws://{host} wss://{host}" if HOST.fullmatch(host) else "")


def _modules(static: Path) -> list[str]:
    """The page's own modules and what they import, to be fetched at once instead of level by level."""
    own = [
        path.relative_to(static).as_posix() for path in sorted((static / "js").rglob("*.js")) if path.name != "early.js"
    ]
    return [*own, "vendor/socket.io.esm.min.js"]
