"""What the parts of one running service share."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from api.logs import Log
from api.metrics import Metrics
from api.model import Model, Models
from api.ratelimit import Limiter
from api.security import Ring
from api.settings import Settings
from api.store import Store
from api.watch import Watch
from hearth.errors import BundleError

if TYPE_CHECKING:
    from starlette.types import Scope

    from api.edge import Call

# In the workers' folder, touched: by whoever is asked to reload, and by the one that started the workers before it stops them.
STAMP, STOPPING = "reload", "stopping"


@dataclass(slots=True)
class Service:
    """The parts, made by ``api.main`` and handed to the edge and the routes.

    ``under_way`` are the requests that are being answered, with their scopes. ``pool`` runs what would hold up others, two
    batches at once: single rows keep their turn. ``watch`` looks at what another bundle is told by: its files, if wanted, and
    the workers' stamp.
    """

    settings: Settings
    log: Log
    metrics: Metrics
    ring: Ring
    limiter: Limiter
    models: Models
    store: Store
    watch: Watch
    started: float = field(default_factory=time.time)
    under_way: "dict[Call, Scope]" = field(default_factory=dict)
    stopping: bool = False
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2, "batch"))

    async def reload(self) -> Model:
        """Load the bundle that lies there now, and have the other workers do so.

        Raises:
            BundleError: it is not fit to answer; the one before goes on.
        """
        model = await self.load()
        if self.settings.run_dir is not None:
            self.watch.touch(self.settings.run_dir / STAMP)
        return model

    async def load(self) -> Model:
        """Load the bundle that lies there now, here alone. What became another until now needs no second load.

        Raises:
            BundleError: it is not fit to answer; the one before goes on.
        """
        self.watch.changed()
        try:
            model = await self.models.load()
        except BundleError as error:
            self.metrics.reloads.labels("refused").inc()
            self.log("error", "the bundle was refused, the one before goes on", why=str(error))
            raise
        self.metrics.reloads.labels("ok").inc()
        return model

    def unrouted(self, request_id: str, method: str, status: int) -> None:
        """Count and log an answer that was given before any route was asked."""
        self.metrics.answered("(none)", method, status, 0.0)
        self.log("info", "request", request_id=request_id, method=method, route="(none)", status=status)

    def measure(self) -> None:
        """Bring the metrics of this moment up to date; each worker does, again and again."""
        self.metrics.state(
            in_flight=len(self.under_way),
            backlog=self.store.backlog,
            store_up=self.store.reachable,
            limits_local=self.limiter.state == "local",
            limit_failures=self.limiter.failures,
        )
