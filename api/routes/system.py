"""Is it alive, is it able, and what is it."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import metrics
from api.answers import Json
from api.deps import needs
from api.edge import Call
from hearth import __version__

router = APIRouter(tags=["service"])
known = APIRouter(tags=["service"], dependencies=[needs()])


@router.get("/health")
async def health(request: Request) -> Response:  # noqa: ARG001
    """The process is alive."""
    return Json({"status": "ok"})


@router.get("/ready")
async def ready(request: Request) -> Response:
    """Able to answer: 200 while it is, degraded or not; 503 while the service is stopping."""
    service = Call.of(request).service
    told = {
        "bundle": "ok" if service.models.fault is None else "refused",  # the log says why, /ready is open to all
        "keys": "ok" if service.ring.fault is None else "refused",
        "store": "ok" if service.store.reachable else "down",
        "limits": service.limiter.state,
    }
    whole = not {"refused", "down", "local"} & set(told.values())
    status = "stopping" if service.stopping else "ok" if whole else "degraded"
    return Json({"status": status, **told}, 503 if service.stopping else 200)


@known.get("/version")
async def version(request: Request) -> Response:
    """Version of the service and digest of the model that answers."""
    model = Call.of(request).service.models.current
    return Json({"hearth": __version__, "model": model.digest})


@known.get("/model/info")
async def model_info(request: Request) -> Response:
    """The model that answers: digest, task, contract, metrics, and what else its bundle says of itself."""
    model = Call.of(request).service.models.current
    told = {
        **model.predictor.metadata,
        "model": model.digest,
        "task": model.contract.target.task,
        "features_used": model.features_used,
    }
    return Json(told)


def exposed(open_to_all: bool) -> APIRouter:
    """``GET /metrics``, open or for keys with the scope ``monitor``."""
    made = APIRouter(tags=["service"], dependencies=[] if open_to_all else [needs("monitor")])

    @made.get("/metrics", name="metrics")
    async def page(request: Request) -> Response:
        """Prometheus metrics."""
        service = Call.of(request).service
        service.measure()
        return Response(service.metrics.page(), media_type=metrics.MEDIA)

    return made
