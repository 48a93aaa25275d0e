"""What a person opens first."""

import asyncio
from functools import cache
from importlib import resources

from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse, Response

from api.edge import Call, Endpoint
from api.errors import NotFound

router = APIRouter(include_in_schema=False)
REPORTS = {"index.html": "The report", "model_card.md": "Model card", "eda.html": "EDA profile of the data"}
CERTAINTY = {"regression": "intervals", "classification": "probabilities, label sets"}
ASSETS = {
    "swagger-ui-bundle.js": "application/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}
ICON = "favicon-32x32.png"


@router.get("/")
async def console(request: Request) -> Response:
    """What this is, with links."""
    service = Call.of(request).service
    there = [(f"reports/{name}", title) for name, title in REPORTS.items() if (service.settings.reports / name).is_file()]
    links = "\n".join(f'<li><a href="{path}">{title}</a></li>' for path, title in [("docs", "The API, to try out"), *there])
    page = resources.files("api").joinpath("console", "index.html").read_text(encoding="utf-8")
    model = service.models.current
    task = model.contract.target.task
    parts = {"model": model.digest, "task": task, "certainty": CERTAINTY[task], "links": links}
    for name, text in parts.items():
        page = page.replace(f"{{{{{name}}}}}", text)
    return HTMLResponse(page, headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"})


@router.get("/docs")
async def docs(request: Request) -> Response:
    """The OpenAPI page, without anything from elsewhere."""
    root = request.scope.get("root_path", "").rstrip("/")
    return get_swagger_ui_html(
        openapi_url=f"{root}/openapi.json",
        title=f"{request.app.title}: API",
        swagger_js_url=f"{root}/docs/swagger-ui-bundle.js",
        swagger_css_url=f"{root}/docs/swagger-ui.css",
        swagger_favicon_url=f"{root}/docs/favicon-32x32.png",
        swagger_ui_parameters={"tryItOutEnabled": True, "defaultModelExpandDepth": 3, "displayRequestDuration": True},
    )


@router.get("/openapi.json")
async def openapi(request: Request) -> Response:
    """The description that the page is made of."""
    described = request.app.described(Call.of(request).service.models.current, request.scope.get("root_path", ""))
    return Response(described, media_type="application/json")


def files() -> APIRouter:
    """A route for each file that is served as it is."""
    made = APIRouter(include_in_schema=False)
    for name, media in ASSETS.items():
        made.add_api_route(f"/docs/{name}", _asset(name, media), name=name)
    made.add_api_route("/favicon.ico", _asset(ICON, ASSETS[ICON]), name="favicon.ico")
    for name in REPORTS:
        made.add_api_route(f"/reports/{name}", _report(name), name=name)
    return made


def _asset(name: str, media: str) -> Endpoint:
    @cache
    def data() -> bytes:
        return resources.files("fastapi_swagger").joinpath("resources", name).read_bytes()

    async def asset(request: Request) -> Response:  # noqa: ARG001
        return Response(data(), media_type=media, headers={"Cache-Control": "max-age=3600"})

    return asset


def _report(name: str) -> Endpoint:
    async def report(request: Request) -> Response:
        path = Call.of(request).service.settings.reports / name
        try:
            data = await asyncio.to_thread(path.read_bytes)
        except OSError:
            raise NotFound("this report is not here: make repro writes it") from None
        return Response(data, media_type="text/html" if name.endswith(".html") else "text/plain; charset=utf-8")

    return report
