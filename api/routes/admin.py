"""What changes the running service."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.answers import Json
from api.deps import needs
from api.edge import Call
from api.errors import Conflict
from hearth.errors import BundleError

router = APIRouter(tags=["admin"], dependencies=[needs("admin")])


@router.post("/admin/reload")
async def reload(request: Request) -> Response:
    """Load the bundle that lies there now; a bad one leaves the old in place and says why (409)."""
    service = Call.of(request).service
    before = service.models.current.digest
    try:
        model = await service.reload()
    except BundleError as error:
        raise Conflict(f"{error} The bundle before goes on answering.") from error
    told = {"model": model.digest, "before": before, "changed": model.digest != before}
    return Json(told)
