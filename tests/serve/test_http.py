"""The service over HTTP: what it answers, and what it refuses, with which status."""

from __future__ import annotations

import base64
import importlib
import io
import json
import threading
import urllib.error
import urllib.request
from wsgiref.util import setup_testing_defaults

import numpy as np
import pytest

from medtorch.data import encode_png, read
from medtorch.serve import load_bundle
from medtorch.serve.http import Application
from tests.serve.bundles import CHEST, classifier, segmenter

pytestmark = pytest.mark.requirement("REQ-F-SRV-001")

PICTURE = np.arange(64 * 48, dtype=np.uint8).reshape(64, 48)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("http")
    made = {"classifier": classifier(folder / "classifier"), "segmenter": segmenter(folder / "segmenter")}
    return {name: load_bundle(folder / name, sha256=sha256) for name, sha256 in made.items()}


def ask(bundle, method="GET", path="/health", body=b"", **environ):
    """One request: status, headers, and the answer as data."""
    given = {"REQUEST_METHOD": method, "PATH_INFO": path, "wsgi.input": io.BytesIO(body)}
    setup_testing_defaults(given)
    given |= {"REQUEST_METHOD": method, "CONTENT_LENGTH": str(len(body)), **environ}
    seen = []
    application = Application(bundle, {"service": "one"}, limit_bytes=1 << 20)
    answer = b"".join(application(given, lambda status, headers: seen.append((status, dict(headers)))))
    status, headers = seen[0]
    assert headers["Content-Length"] == str(len(answer))
    return status, headers, json.loads(answer)


def test_health_says_that_it_is_ready_and_what_it_rests_on(bundles):
    status, headers, said = ask(bundles["classifier"])
    assert status == "200 OK"
    assert said == {"status": "ready", "service": "one"}
    assert headers["Content-Type"] == "application/json; charset=utf-8"


def test_a_classifier_answers_what_the_bundle_predicts(bundles):
    body = encode_png(PICTURE)
    status, _, said = ask(bundles["classifier"], "POST", "/predict", body)
    expected = bundles["classifier"].predict(body)
    assert status == "200 OK"
    assert said["label"] == expected.label
    assert said["probabilities"] == dict(expected.probabilities)
    assert said["bundle_sha256"] == bundles["classifier"].sha256


def test_a_segmenter_answers_the_mask_as_a_picture(bundles):
    body = encode_png(PICTURE)
    _, _, said = ask(bundles["segmenter"], "POST", "/predict", body)
    mask = read(base64.b64decode(said["mask"]["data"])).array[..., 0]
    assert np.array_equal(mask, bundles["segmenter"].predict(body).mask)
    assert said["mask"]["encoding"] == "png+base64"


@pytest.mark.parametrize(
    ("request_", "status", "text"),
    [
        ({"path": "/other"}, "404 Not Found", "there are /health and /predict"),
        ({"method": "POST", "path": "/health"}, "405 Method Not Allowed", "takes GET only"),
        ({"method": "GET", "path": "/predict"}, "405 Method Not Allowed", "takes POST only"),
        ({"method": "POST", "path": "/predict", "CONTENT_LENGTH": ""}, "411 Length Required", "Content-Length"),
        ({"method": "POST", "path": "/predict", "CONTENT_LENGTH": "-1"}, "411 Length Required", "Content-Length"),
        ({"method": "POST", "path": "/predict", "CONTENT_LENGTH": "9999999"}, "413", "may have 1048576 bytes"),
        ({"method": "POST", "path": "/predict", "CONTENT_LENGTH": "9"}, "400 Bad Request", "ended after 0 of 9 bytes"),
        ({"method": "POST", "path": "/predict", "body": b"no image"}, "422", "not a PNG, JPEG"),
        ({"method": "POST", "path": "/predict", "body": encode_png(PICTURE)[:-30]}, "422", ""),
    ],
)
def test_what_it_does_not_answer_it_refuses_with_the_status_that_says_why(bundles, request_, status, text):
    got, headers, said = ask(bundles["classifier"], **request_)
    assert got.startswith(status)
    assert text in said["error"]
    assert ("Allow" in headers) == got.startswith("405")


@pytest.mark.needs("package:waitress")
def test_it_answers_several_at_once_behind_a_real_server(bundles):
    waitress = importlib.import_module("waitress")

    application = Application(bundles["classifier"], {"service": "one"})
    server = waitress.create_server(application, host="127.0.0.1", port=0, threads=3)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    base = f"http://127.0.0.1:{server.effective_port}"
    try:
        pictures = [encode_png(np.roll(PICTURE, number)) for number in range(6)]
        answers: dict[int, str] = {}

        def post(number):
            with urllib.request.urlopen(f"{base}/predict", data=pictures[number], timeout=30) as answer:
                answers[number] = json.load(answer)["probabilities"]

        threads = [threading.Thread(target=post, args=(number,)) for number in range(6)]
        for one in threads:
            one.start()
        for one in threads:
            one.join(30)
        expected = {number: dict(bundles["classifier"].predict(pictures[number]).probabilities) for number in range(6)}
        assert answers == expected
        with pytest.raises(urllib.error.HTTPError, match="422"):
            urllib.request.urlopen(f"{base}/predict", data=b"no image", timeout=30)
    finally:
        server.close()
        thread.join(10)


def test_a_real_x_ray_gets_the_answer_that_the_bundle_gives(bundles):
    path = next(CHEST.glob("*.jpeg"), None) or next(CHEST.rglob("*.jp*g"))
    _, _, said = ask(bundles["classifier"], "POST", "/predict", path.read_bytes())
    assert said["label"] == bundles["classifier"].predict(path.read_bytes()).label
