"""The OpenAPI description: FastAPI's, with the schemas of the contract that answers now."""

from collections.abc import Mapping
from typing import cast

from api.answers import JSON
from api.batch import ARROW, CSV, decoded
from api.errors import MEDIA as PROBLEM
from api.model import Model
from api.truths import LONGEST_ID, MOST_TRUTHS
from hearth.schema import MOST, Contract, Feature

Schema = dict[str, object]
REFUSALS = {
    "401": "No key, or none that is known.",
    "403": "The key lacks the scope.",
    "404": "No such prediction.",
    "409": "In conflict with what is there.",
    "413": "Too many bytes or rows.",
    "415": "A media type that is not read here.",
    "422": "Not what the contract says; every fault is listed.",
    "429": "The limit is reached: Retry-After says until when.",
    "503": "Not now: Retry-After says when.",
}
_NUMBER: Schema = {"type": "number"}
_TIMES = {name: {"type": "number", "description": "Unix seconds."} for name in ("since", "until", "at")}
_DIGEST: Schema = {"type": "string", "description": "Digest of the bundle that answered."}


def described(base: Schema, model: Model, most_rows: int) -> Schema:
    """``base``, what FastAPI knows of its routes, with bodies, answers and refusals; a batch has ``most_rows`` at most."""
    paths = cast("dict[str, dict[str, Schema]]", base["paths"])
    for path, operations in paths.items():
        for method, operation in operations.items():
            operation["responses"] = {**_success(path), **_refusals(path, method, operation)}
            operation["description"] = _about(operation)
    _link(paths, model)
    for path, body in _bodies(model).items():
        paths[path]["post"]["requestBody"] = {"required": True, "content": body}
    components = cast("dict[str, Schema]", base.setdefault("components", {}))
    components["schemas"] = _schemas(model, most_rows)
    return base


def row_schema(contract: Contract) -> Schema:
    """JSON Schema of one row."""
    return {
        "type": "object",
        "properties": {feature.name: _property(feature) for feature in contract.features},
        "required": [feature.name for feature in contract.features if feature.required],
        "additionalProperties": False,
    }


def example_row(model: Model) -> dict[str, object]:
    """A row that the model was measured against."""
    codes = model.predictor.bundle.reference_rows[0].tolist()
    pairs = zip(model.contract.used, codes, strict=True)
    known = {feature.name: decoded(feature, [code])[0] for feature, code in pairs if code == code}  # noqa: PLR0124 - NaN is not itself
    return {name: int(value) if isinstance(value, float) and value.is_integer() else value for name, value in known.items()}


def _property(feature: Feature) -> Schema:
    kinds = {"number": "number", "integer": "integer", "category": "string", "boolean": "boolean"}
    kind = kinds[feature.type]
    schema: Schema = {"type": kind if feature.required else [kind, "null"]}
    if feature.values:
        schema["enum"] = [*feature.values] if feature.required else [*feature.values, None]
    if feature.numeric:
        schema |= {
            "minimum": -MOST if feature.min is None else feature.min,
            "maximum": MOST if feature.max is None else feature.max,
        }
    unit = f" [{feature.unit}]" if feature.unit else ""
    ignored = "" if feature.use else f" Accepted and ignored: {feature.reason}."
    schema["description"] = f"{feature.about or feature.name}{unit}.{ignored}"
    return schema


def _bodies(model: Model) -> Mapping[str, Schema]:
    row = example_row(model)
    names = list(row)
    csv = ",".join(names) + "\n" + ",".join(str(row[name]) for name in names) + "\n"
    one: Schema = {JSON: {"schema": _ref("Row"), "example": row}}
    told = {"id": "the id of a prediction", "actual": _truth(model)}
    return {
        "/predict": one,
        "/explain": one,
        "/predict/batch": {
            JSON: {"schema": _ref("Batch"), "example": {"instances": [row]}},
            CSV: {"schema": {"type": "string"}, "example": csv},
            ARROW: {"schema": {"type": "string", "format": "binary"}},
        },
        "/feedback": {JSON: {"schema": _ref("Feedback"), "example": told}},
        "/feedback/batch": {JSON: {"schema": _ref("FeedbackBatch"), "example": {"feedback": [told]}}},
    }


def _link(paths: Mapping[str, Mapping[str, Schema]], model: Model) -> None:
    """What comes back for a prediction names its id."""
    answered = cast("dict[str, Schema]", paths["/predict"]["post"]["responses"])["200"]
    told = {"id": "$response.body#/id", "actual": _truth(model)}
    feedback = paths["/feedback"]["post"]["operationId"]
    answered["links"] = {"feedback": {"operationId": feedback, "requestBody": told, "description": "What it turned out to be."}}


def _truth(model: Model) -> object:
    classes = model.contract.target.classes
    return classes[0] if classes else 0.0


_ANSWERS = {
    "/predict": "Prediction",
    "/explain": "Explanation",
    "/predict/batch": "BatchPrediction",
    "/feedback": "FeedbackStored",
    "/feedback/batch": "FeedbackBatchStored",
    "/drift": "Drift",
}


def _success(path: str) -> Schema:
    name = _ANSWERS.get(path)
    content: Schema = {JSON: {"schema": _ref(name) if name else {"type": "object"}}}
    if path == "/metrics":
        content = {"text/plain": {"schema": {"type": "string"}}}
    if path == "/predict/batch":
        content |= {CSV: {"schema": {"type": "string"}}, ARROW: {"schema": {"type": "string", "format": "binary"}}}
    return {"200": {"description": "Answered.", "content": content}}


_OWN = {"/feedback": ("404", "409"), "/admin/reload": ("409",), "/ready": ("503",), "/metrics": ("503",)}


def _about(operation: Schema) -> str:
    """What the route does, and who may ask it: the page shows no scopes of plain keys."""
    security = cast("list[dict[str, list[str]]]", operation.get("security", []))
    scopes = sorted({scope for of in security for several in of.values() for scope in several})
    wanted = (
        f"Wants a key with the scope `{'`, `'.join(scopes)}`." if scopes else "Wants any key." if security else "Open to all."
    )
    return f"{operation.get('description', '')}\n\n{wanted}"


def _refusals(path: str, method: str, operation: Schema) -> Schema:
    security = cast("list[dict[str, list[str]]]", operation.get("security", []))
    codes = [*_OWN.get(path, ())]
    if security:
        codes += ["401", "413", "429", "503", *(["403"] if any(any(of.values()) for of in security) else [])]
    if path in _ANSWERS and method == "post":
        codes += ["415", "422"]
    problem = {PROBLEM: {"schema": _ref("Problem")}}
    if path == "/ready":
        problem = {JSON: {"schema": {"type": "object"}}}
    return {code: {"description": REFUSALS[code], "content": problem} for code in sorted(set(codes))}


def _schemas(model: Model, most_rows: int) -> dict[str, object]:
    answer = _answer(model)
    warnings = {"type": "array", "items": {"type": "string"}, "description": "Values outside what the model was trained on."}
    feature_names: Schema = {"type": "array", "items": {"type": "string"}}
    identity: Schema = {"type": ["string", "null"], "description": "For /feedback; null where the store was down."}
    classes = model.contract.target.classes
    truth: Schema = {"enum": list(classes)} if classes else {**_NUMBER, "minimum": -MOST, "maximum": MOST}
    feedback = _object({"id": {"type": "string", "maxLength": LONGEST_ID}, "actual": truth}, closed=True)
    state = {"type": "string", "enum": ["stored", "same", "conflict", "unknown"]}
    stored = _object({"id": {"type": "string"}, "status": state})
    several = {"type": "array", "minItems": 1}
    fault = _object({"field": {"type": "string"}, "message": {"type": "string"}}, {"row": {"type": "integer"}})
    rows = {**several, "maxItems": most_rows}
    return {
        "Row": row_schema(model.contract),
        "Batch": _object({"instances": {**rows, "items": _ref("Row")}}, closed=True),
        "Prediction": _object(
            {"id": identity, **answer, "model": _DIGEST, "features_used": feature_names}, {"warnings": warnings}
        ),
        "BatchPrediction": _object(
            {
                "model": _DIGEST,
                "features_used": feature_names,
                "predictions": {"type": "array", "items": _object({"id": identity, **answer})},
            },
            {"warnings": {"type": "array", "items": _object({"row": {"type": "integer"}, "warnings": warnings})}},
        ),
        "Explanation": _object(
            {
                "prediction": answer["prediction"],
                "base": _NUMBER,
                "contributions": {"type": "object", "additionalProperties": _NUMBER},
                "model": _DIGEST,
            },
            {"probabilities": {"type": "object"}, "explains": {"type": "string"}},
        ),
        "Feedback": feedback,
        "FeedbackBatch": _object({"feedback": {**several, "maxItems": MOST_TRUTHS, "items": _ref("Feedback")}}, closed=True),
        "FeedbackStored": stored,
        "FeedbackBatchStored": _object({"results": {"type": "array", "items": stored}}),
        "Drift": _drift(),
        "Problem": _object(
            {
                name: {"type": kind}
                for name, kind in (("title", "string"), ("status", "integer"), ("detail", "string"), ("request_id", "string"))
            },
            {"errors": {"type": "array", "items": fault}},
        ),
    }


def _answer(model: Model) -> dict[str, Schema]:
    target = model.contract.target
    unit = f" [{target.unit}]" if target.unit else ""
    about = f"{target.about or target.name}{unit}"
    if not target.classes:
        bounds = dict.fromkeys(("lower", "upper", "coverage"), _NUMBER)
        return {"prediction": {"type": "number", "description": about}, "interval": _object(bounds)}
    labels: Schema = {"type": "array", "items": {"enum": list(target.classes)}}
    return {
        "prediction": {"enum": list(target.classes), "description": about},
        "probabilities": _object(dict.fromkeys(target.classes, _NUMBER)),
        "label_set": _object({"labels": labels, "coverage": _NUMBER}),
    }


def _drift() -> Schema:
    names: Schema = {"type": "array", "items": {"type": "string"}}
    told = dict.fromkeys(("p_value", "adjusted", "effect"), _NUMBER)
    finding = {**_object({**told, "drifted": {"type": "boolean"}}), "type": ["object", "null"]}
    share: Schema = {"type": "number", "minimum": 0, "maximum": 1}
    column = {
        "name": {"type": "string"},
        "part": {"enum": ["feature", "prediction"]},
        "type": {"type": "string"},
        "apart": {
            "type": ["object", "null"],
            "description": "How far the values moved: shift, KS, Wasserstein, PSI; or shares.",
        },
        "test": finding,
        "missing": _object({"reference": share, "window": share, "test": finding}),
        "advice": names,
    }
    window = _object({"rows": {"type": "integer"}, "first": {"type": "string"}, "last": {"type": "string"}, **_TIMES})
    return _object(
        {
            "model": _DIGEST,
            "status": {"enum": ["ok", "drift", "insufficient_data"]},
            "drifted": {**names, "description": "Columns that drifted, the surest first."},
            "recommendations": names,
            "columns": {"type": "array", "items": _object(column)},
            "pending": {"type": "integer", "minimum": 0, "description": "Rows since the window, not judged yet."},
            "window": {
                **window,
                "type": ["object", "null"],
                "description": "Which rows were judged, and when; null before the first.",
            },
        }
    )


def _object(properties: Mapping[str, object], optional: Mapping[str, object] | None = None, *, closed: bool = False) -> Schema:
    schema: Schema = {"type": "object", "properties": {**properties, **(optional or {})}, "required": list(properties)}
    return {**schema, "additionalProperties": False} if closed else schema


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
