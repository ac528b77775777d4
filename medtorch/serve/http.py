"""The service over HTTP, as a WSGI application: GET /health, POST /predict with the bytes of one image.

Answers are JSON. A segmenter's mask lies in the answer as a PNG in base64. The application holds no state but the
model, which several threads may use at once; any WSGI server can run it.

Requires  REQ-F-SRV-001
"""

from __future__ import annotations

import base64
import io
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any

import numpy as np

from medtorch.data import encode_png
from medtorch.errors import DataError, MedtorchError, UnsupportedError
from medtorch.serve.bundle import Bundle
from medtorch.serve.prediction import Prediction, Segmentation

LOG = logging.getLogger(__name__)
StartResponse = Callable[[str, list[tuple[str, str]]], Any]
Answer = tuple[HTTPStatus, dict[str, Any]]
HEADERS = [
    ("Content-Type", "application/json; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
]


class Application:
    """Predicts with one bundle. `health` is what GET /health says; a request may have up to `limit_bytes`."""

    def __init__(self, bundle: Bundle, health: Mapping[str, Any], *, limit_bytes: int = 64 << 20) -> None:
        self._bundle = bundle
        self._health = dict(health)
        self._limit_bytes = limit_bytes
        self._routes: dict[str, tuple[str, Callable[[Mapping[str, Any]], Answer]]] = {
            "/health": ("GET", self._say_health),
            "/predict": ("POST", self._predict),
        }

    def __call__(self, environ: Mapping[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        status, said = self._answer(environ)
        body = json.dumps(said, allow_nan=False).encode() + b"\n"
        extra = [("Allow", self._routes[environ["PATH_INFO"]][0])] if status is HTTPStatus.METHOD_NOT_ALLOWED else []
        start_response(f"{status.value} {status.phrase}", [*HEADERS, ("Content-Length", str(len(body))), *extra])
        return [body]

    def _answer(self, environ: Mapping[str, Any]) -> Answer:
        route = self._routes.get(environ.get("PATH_INFO", ""))
        if route is None:
            return HTTPStatus.NOT_FOUND, {"error": f"there are {' and '.join(self._routes)}"}
        method, handler = route
        if environ["REQUEST_METHOD"] != method:
            return HTTPStatus.METHOD_NOT_ALLOWED, {"error": f"takes {method} only"}
        try:
            return handler(environ)
        except (DataError, UnsupportedError) as error:
            return HTTPStatus.UNPROCESSABLE_ENTITY, {"error": str(error)}
        except MedtorchError:
            LOG.exception("a request could not be answered")
            return HTTPStatus.INTERNAL_SERVER_ERROR, {"error": "the service could not answer; its log tells why"}

    def _say_health(self, environ: Mapping[str, Any]) -> Answer:
        return HTTPStatus.OK, {"status": "ready", **self._health}

    def _predict(self, environ: Mapping[str, Any]) -> Answer:
        text = environ.get("CONTENT_LENGTH") or ""
        if not text.isascii() or not text.isdigit():
            return HTTPStatus.LENGTH_REQUIRED, {"error": "Content-Length must say how long the image is"}
        length = int(text)
        if length > self._limit_bytes:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"error": f"an image may have {self._limit_bytes} bytes"}
        data = environ["wsgi.input"].read(length)
        if len(data) != length or not data:
            return HTTPStatus.BAD_REQUEST, {"error": f"the image ended after {len(data)} of {length} bytes"}
        prediction = self._bundle.predict(data)
        return HTTPStatus.OK, {"bundle_sha256": self._bundle.sha256, **prediction.to_json(), **_mask(prediction)}


def _mask(prediction: Prediction) -> dict[str, Any]:
    """The mask of a two-dimensional segmentation; a volume's comes as raw bytes with its shape."""
    if not isinstance(prediction, Segmentation):
        return {}
    mask = prediction.mask
    if mask.ndim == 2:
        return {"mask": {"encoding": "png+base64", "data": base64.b64encode(encode_png(mask)).decode()}}
    raw = io.BytesIO()
    np.save(raw, np.ascontiguousarray(mask), allow_pickle=False)
    return {"mask": {"encoding": "npy+base64", "data": base64.b64encode(raw.getvalue()).decode()}}
