"""Makes what schemathesis sends to a running system reach further than its door: models and ids that exist."""

import functools
import json
import os
import urllib.request
import zlib

import schemathesis

URL = os.environ.get("FUZZ_URL", "http://127.0.0.1:3000")
MESSAGES = [{"role": "user", "content": "Hello"}]
created: dict[str, str] = {}


def post(path: str, body: dict) -> str:
    request = urllib.request.Request(
        URL + path, json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["id"]


def upload() -> str:
    """A file of three lines."""
    body = {"model": "auto", "messages": MESSAGES, "max_tokens": 5}
    lines = [
        json.dumps({"custom_id": str(n), "method": "POST", "url": "/v1/chat/completions", "body": body})
        for n in range(3)
    ]
    parts = [
        'content-disposition: form-data; name="purpose"\r\n\r\nbatch',
        'content-disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n' + "\n".join(lines),
    ]
    form = "".join(f"--fuzz\r\n{part}\r\n" for part in parts) + "--fuzz--\r\n"
    headers = {"content-type": "multipart/form-data; boundary=fuzz"}
    request = urllib.request.Request(URL + "/v1/files", form.encode(), headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["id"]


def id_of(path: str) -> str:
    if path not in created:
        if path == "jobs":
            body = {"model": "auto", "messages": MESSAGES, "max_tokens": 5}
            created[path] = post("/v1/jobs", {"endpoint": "/v1/chat/completions", "body": body})
        elif path == "files":
            created[path] = upload()
        elif path == "batches":
            batch = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}
            created[path] = post("/v1/batches", {**batch, "input_file_id": upload()})
        else:
            body = {"model": "auto", "input": "Hello", "background": True, "max_output_tokens": 5}
            created[path] = post("/v1/responses", body)
    return created[path]


@functools.cache
def models() -> set[str]:
    with urllib.request.urlopen(URL + "/v1/models") as answer:
        return {model["id"] for model in json.load(answer)["data"]}


def chosen(value: object) -> bool:
    """Half of all values, always the same: the generator seeds `random` anew for each case."""
    return zlib.crc32(json.dumps(value, default=str, sort_keys=True).encode()) % 2 == 0


def routed(value: object) -> object:
    """Half of the bodies name a model that exists, and ask for an answer that ends soon, as do all that name one by themselves."""
    if not isinstance(value, dict) or not isinstance(value.get("model"), str):
        return value
    if value["model"] not in models() and not chosen(value):
        return value
    limit = "max_output_tokens" if "input" in value else "max_tokens"
    rest = {name: part for name, part in value.items() if name != "max_completion_tokens"}
    return {**rest, "model": "auto", limit: 3}


@schemathesis.hook
def map_body(context, body):
    if isinstance(body, dict) and isinstance(body.get("body"), dict):
        return {**body, "body": routed(body["body"])}
    if isinstance(body, dict) and "input_file_id" in body and chosen(body):
        return {**body, "input_file_id": id_of("files"), "endpoint": "/v1/chat/completions"}
    return routed(body)


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    parts = [*context.operation.path.split("/"), "", ""]
    if path_parameters and parts[2] in ("jobs", "responses", "files", "batches") and chosen(path_parameters):
        found = {**path_parameters, "id": id_of(parts[2])}
        if context.operation.method.upper() == "DELETE":
            del created[parts[2]]
        return found
    return path_parameters
