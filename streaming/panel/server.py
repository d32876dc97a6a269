"""The server of the panel: addresses, headers, and what is shown where there is nothing to show."""

import socket
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from streaming.errors import CityFeaturesError, EnvironmentRefused
from streaming.panel import asked, brazilian, drawing, ingestion, municipality, pages, spreadsheet
from streaming.panel.asked import Asked
from streaming.panel.snapshot import place_of
from streaming.panel.snapshots import Current, Snapshots
from streaming.settings import Settings
from streaming.store.store import Store

HERE = Path(__file__).parent
# Nothing comes from anywhere else, no script is in a page, and no other site may frame it.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.panel.server")


class Panel:
    """The pages of one Redis and one landing zone."""

    def __init__(self, settings: Settings, connect: Callable[[], Store], version: str) -> None:
        self._settings = settings
        self._snapshots = Snapshots(connect)
        self._report = ingestion.Report(settings)
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            finalize=lambda value: brazilian.visible(value) if type(value) is str else value,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals |= {
            "br": brazilian,
            "labels": pages.LABELS,
            "shown": pages.shown,
            "address": pages.address,
            "outlines": drawing.outlines,
            "asked_for": asked,
            "program_version": version,
        }

    def warm_up(self) -> None:
        """Read the first snapshot, and what drawings need, before the first page asks for it."""
        self._snapshots.current()
        drawing.outlines()
        drawing.box(None)

    def app(self) -> Starlette:
        """Return the application."""
        get = partial(Route, methods=["GET"])
        return Starlette(
            routes=[
                get("/", self._map),
                get("/ranking", self._ranking),
                get("/ranking.csv", self._ranking_csv),
                get("/municipio", self._search),
                get("/municipio/{cidade}/{uf}", self._municipality),
                get("/crescimento", self._growth),
                get("/crescimento.csv", self._growth_csv),
                get("/ingestao", self._ingestion),
                Route("/ingestao/qualidade", self._quality, methods=["POST"]),
                get("/busca.json", self._suggestions),
                get("/estado.json", self._state),
                get("/healthz", self._health),
                Mount("/static", StaticFiles(directory=HERE / "static")),
            ],
            middleware=[Middleware(GZipMiddleware, compresslevel=4)],
            exception_handlers={404: self._not_there, CityFeaturesError: self._refused},
        )

    def _map(self, request: Request) -> Response:
        choice = Asked.of(request.query_params, asked.ON_MAP)
        return self._page(request, "mapa.html", pages.map_page, choice)

    def _ranking(self, request: Request) -> Response:
        choice = Asked.of(request.query_params, asked.IN_RANKING)
        return self._page(request, "ranking.html", pages.ranking_page, choice)

    def _growth(self, request: Request) -> Response:
        choice = Asked.of(request.query_params, asked.ON_MAP)
        return self._page(request, "crescimento.html", pages.growth_page, choice)

    def _page(
        self,
        request: Request,
        template: str,
        make: Callable[[Any, Asked], dict[str, Any]],
        choice: Asked,
    ) -> Response:
        """Return a page about one snapshot; without any, or with an empty one, the page that says so."""
        current = self._snapshots.current()
        if current.snapshot is None:
            return self._away(request, current)
        if not current.snapshot.municipalities:
            return self._render(request, "vazio.html", current)
        content = make(current.snapshot, choice)
        return self._render(request, template, current, asked=choice, **content)

    def _municipality(self, request: Request) -> Response:
        current = self._snapshots.current()
        if current.snapshot is None:
            return self._away(request, current)
        # As Redis has it: a byte that is no UTF-8 is in the address as it is.
        place = "/".join(request.path_params[name] for name in ("cidade", "uf"))
        content = municipality.page(current.snapshot, place)
        if content is None:
            return self._not_there(request, CityFeaturesError(f"não há município {place}"))
        return self._render(request, "municipio.html", current, **content)

    def _search(self, request: Request) -> Response:
        current = self._snapshots.current()
        if current.snapshot is None:
            return self._away(request, current)
        content = municipality.search_page(current.snapshot, request.query_params.get("q", ""))
        if content["is_certain"]:
            return RedirectResponse(pages.address(place_of(content["matches"][0])), 303)
        return self._render(request, "busca.html", current, **content)

    def _ingestion(self, request: Request) -> Response:
        current = self._snapshots.current()
        if current.snapshot is None or current.outage is not None:
            return self._away(request, current)
        query = request.query_params
        content = ingestion.page(
            self._settings,
            self._snapshots.store(),
            self._report,
            state=query.get("estado_arquivo", ""),
            file=query.get("arquivo") or None,
        )
        return self._render(request, "ingestao.html", current, **content)

    def _quality(self, request: Request) -> Response:
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            return Response("only from the panel's own pages\n", 403, media_type="text/plain")
        self._report.make(self._snapshots.store())
        return RedirectResponse("/ingestao#qualidade", 303)

    def _ranking_csv(self, request: Request) -> Response:
        choice = Asked.of(request.query_params, asked.IN_RANKING)
        return self._csv("ranking", "ranked", pages.ranking_page, choice)

    def _growth_csv(self, request: Request) -> Response:
        choice = Asked.of(request.query_params, asked.ON_MAP)
        return self._csv("crescimento", "rows", pages.growth_page, choice)

    def _csv(
        self, name: str, rows: str, make: Callable[[Any, Asked], dict[str, Any]], choice: Asked
    ) -> Response:
        """Return all rows of a table as a file that a spreadsheet in Brazil opens."""
        current = self._snapshots.current()
        if current.snapshot is None:
            return Response(current.outage, 503, media_type="text/plain")
        values: Sequence[Any] = make(current.snapshot, choice)[rows]
        version = current.snapshot.version
        return Response(
            spreadsheet.text(values).encode("utf-8-sig", "replace"),
            media_type="text/csv; charset=utf-8",
            headers={**HEADERS, "Content-Disposition": f'attachment; filename="{name}-v{version}.csv"'},
        )

    def _suggestions(self, request: Request) -> Response:
        snapshot = self._snapshots.current().snapshot
        typed = request.query_params.get("q", "")
        places = municipality.suggestions(snapshot, typed) if snapshot and len(typed) > 1 else []
        return JSONResponse([brazilian.visible(place) for place in places], headers=HEADERS)

    def _state(self, request: Request) -> Response:
        """Return what pages ask for to know whether they are still up to date."""
        current = self._snapshots.current()
        version = current.snapshot.version if current.snapshot else None
        return JSONResponse({"version": version, "away": current.outage is not None}, headers=HEADERS)

    def _health(self, request: Request) -> Response:
        return Response("ok\n", media_type="text/plain")

    def _away(self, request: Request, current: Current) -> Response:
        return self._render(request, "fora.html", current, code=503)

    def _not_there(self, request: Request, error: Exception) -> Response:
        return self._render(request, "nada.html", self._snapshots.current(), code=404)

    def _refused(self, request: Request, error: Exception) -> Response:
        log.error("page failed", path=request.url.path, reason=str(error))
        current = self._snapshots.current()
        return self._render(request, "erro.html", current, code=503, reason=str(error))

    def _render(
        self, request: Request, template: str, current: Current, *, code: int = 200, **content: Any
    ) -> Response:
        text = self._templates.get_template(template).render(
            current=current,
            snapshot=current.snapshot,
            path=request.url.path,
            base=request.url,
            query=request.url.query,
            **content,
        )
        return Response(text.encode("utf-8", "replace"), code, media_type="text/html", headers=HEADERS)


def serve(settings: Settings, connect: Callable[[], Store], host: str, port: int, version: str) -> None:
    """
    Serve the panel until SIGTERM or Ctrl-C.

    Raises:
        EnvironmentRefused: the address cannot be used.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        raise EnvironmentRefused(
            f"{host}:{port} cannot be listened on ({error.strerror}): choose another with --port"
        ) from None
    panel = Panel(settings, connect, version)
    panel.warm_up()
    config = uvicorn.Config(panel.app(), log_config=None, access_log=False, server_header=False)
    with listening:
        address = f"http://{host}:{listening.getsockname()[1]}"
        log.info("the panel is ready: Ctrl-C ends it", address=address)
        uvicorn.Server(config).run(sockets=[listening])
