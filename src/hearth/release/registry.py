"""MLflow's registry: versions by number, alias or digest. Who is champion stands in git; the alias follows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from hearth.errors import ReleaseError, TrackingError
from hearth.params import Params, TrackingParams
from hearth.release.names import Version, require_alias
from hearth.release.places import database, located
from hearth.training.tracking import CHALLENGER, CHAMPION, connected

HINT = "Start it, or mend tracking.uri in params.yaml."
METADATA = "data/bundle/metadata.json"  # of a bundle that was logged as a model
TOLD = ("task", "winner", "metrics", "recipe", "features", "versions", "data", "training_rows")  # what is compared of it


@dataclass(frozen=True, slots=True)
class Registry:
    """The versions of one model at one MLflow."""

    tracking: TrackingParams
    model: str

    @classmethod
    def of(cls, root: Path, settings: Params) -> "Registry":
        """The registry that a checkout's settings name; a relative path is one from its root."""
        return cls(located(settings.tracking, root), settings.release.model)

    def models(self) -> dict[str, dict[str, int]]:
        """Every registered model with its aliases.

        Raises:
            TrackingError: MLflow cannot be reached, or holds nothing yet.
        """
        self._require_there()
        with connected(self.tracking.uri, HINT) as client:
            return {str(one.name): _aliases(one.aliases) for one in client.search_registered_models()}

    def versions(self) -> list[Version]:
        """Every version, the oldest first; none where no build was registered.

        Raises:
            TrackingError: as ``models``.
        """
        aliases = self.models().get(self.model, {})
        with connected(self.tracking.uri, HINT) as client:
            found = client.search_model_versions(f"name = '{self.model}'")
            return sorted((_version(one, aliases) for one in found), key=lambda one: one.number)

    def metadata(self, version: Version) -> Mapping[str, Any]:
        """What the bundle of a version says of itself.

        Raises:
            TrackingError: MLflow cannot be reached, its artifacts are gone, or are those of another version of Hearth.
        """
        lost = f"If version {version.number} has lost its artifacts, compare others; git still has its bundle. {HINT}"
        with connected(self.tracking.uri, lost):
            path = mlflow.artifacts.download_artifacts(f"models:/{self.model}/{version.number}/{METADATA}")
            text = Path(path).read_text(encoding="utf-8")
        try:
            found = dict(json.loads(text))
        except (TypeError, ValueError) as error:
            raise TrackingError(f"{METADATA} of version {version.number} is no JSON object: {error}. {lost}") from error
        if lacking := [name for name in TOLD if name not in found]:
            raise TrackingError(f"{METADATA} of version {version.number} does not say its {', '.join(lacking)}: compare others")
        return found

    def set_alias(self, alias: str, version: Version | None) -> None:
        """Point an alias to a version; with ``None`` remove it.

        Raises:
            ReleaseError: it is the champion's, which a promotion moves; it reads as another name of a version; MLflow does
                not take it; or there is none to remove.
            TrackingError: MLflow cannot be reached.
        """
        if alias == CHAMPION:
            raise ReleaseError(f"{CHAMPION} follows git: move it with `hearth registry promote` or `rollback`")
        if version is not None:
            require_alias(alias)
        elif alias not in self.models().get(self.model, {}):
            raise ReleaseError(f"{self.model} has no alias {alias}; `hearth registry list` shows those that there are")
        try:
            with connected(self.tracking.uri, HINT) as client:
                self._point(client, alias, version)
        except TrackingError as error:
            if isinstance(error.__cause__, MlflowException) and error.__cause__.error_code == "INVALID_PARAMETER_VALUE":
                raise ReleaseError(f"{alias!r} is no name for an alias: {error.__cause__.message}") from error
            raise

    def crown(self, digest: str, commit: str | None = None) -> str:
        """Move the champion's alias to the version of a digest and note the commit that builds it; say what was done.

        Raises:
            ReleaseError: no version has the digest.
            TrackingError: MLflow cannot be reached.
        """
        version = next((one for one in self.versions() if one.digest == digest), None)
        if version is None:
            raise ReleaseError(
                f"{self.model} has no version of the champion {digest[:12]}: the alias {CHAMPION} stays where it was. A build "
                f"with tracking on registers it (`dvc repro --force export`), then run `hearth registry sync`"
            )
        with connected(self.tracking.uri, HINT) as client:
            if commit:
                client.set_model_version_tag(self.model, str(version.number), "commit", commit)
            if CHALLENGER in version.aliases:
                self._point(client, CHALLENGER, None)
            if CHAMPION in version.aliases:
                return f"{CHAMPION} is version {version.number}"
            self._point(client, CHAMPION, version)
        return f"{CHAMPION} is now version {version.number}"

    def _point(self, client: mlflow.MlflowClient, alias: str, version: Version | None) -> None:
        if version is None:
            client.delete_registered_model_alias(self.model, alias)
        else:
            client.set_registered_model_alias(self.model, alias, str(version.number))

    def _require_there(self) -> None:
        """Ask no database that is not there: SQLite would make an empty one."""
        path = database(self.tracking)
        if path is not None and not path.exists():
            raise TrackingError(f"{path} does not exist: no build has been registered here. A build with tracking on makes it.")


def _aliases(raw: Mapping[str, object]) -> dict[str, int]:
    return {alias: int(str(number)) for alias, number in raw.items()}


def _version(raw: ModelVersion, aliases: Mapping[str, int]) -> Version:
    number, tags = int(raw.version), raw.tags
    return Version(
        number=number,
        digest=tags.get("digest", ""),
        data=tags.get("data", ""),
        commit=tags.get("commit", ""),
        run=raw.run_id or "",
        made=datetime.fromtimestamp(raw.creation_timestamp / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        aliases=tuple(sorted(alias for alias, at in aliases.items() if at == number)),
    )
