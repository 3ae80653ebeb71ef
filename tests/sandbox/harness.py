"""A sandbox on a free port, and a stand-in for the product's side of the hooks."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from deploy.sandbox.app import create_app
from deploy.sandbox.faults import ResettableProtocol
from deploy.sandbox.settings import Settings


@contextmanager
def serving(app: ASGIApp, listener: socket.socket) -> Iterator[None]:
    config = uvicorn.Config(
        app, http=ResettableProtocol, log_level="warning", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


def listen() -> socket.socket:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener


@dataclass
class Hook:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Answer = tuple[int, bytes]


@dataclass
class Product:
    """Keeps what it is sent and answers as told, by default what the platform wants to hear."""

    url: str
    received: list[Hook] = field(default_factory=list)
    answer: Callable[[Hook], Answer] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        hook = Hook(
            method=scope["method"],
            path=scope["path"],
            query={k: v[0] for k, v in parse_qs(scope["query_string"].decode()).items()},
            headers={k.decode(): v.decode() for k, v in scope["headers"]},
            body=body,
        )
        self.received.append(hook)
        status, content = (self.answer or wanted_answer)(hook)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": content})


def wanted_answer(hook: Hook) -> Answer:
    match hook.path.split("/")[2]:
        case "kuaishou":
            return 200, json.dumps({"result": 1, "message_id": hook.json["message_id"]}).encode()
        case "oceanengine":
            return 200, b'{"base_resp": {"status_code": 200, "status_message": "ok"}}'
        case "xiaohongshu":
            return 200, b'{"code": 0, "msg": "ok", "success": true}'
        case _:
            return 200, b""


def sandbox_settings(folder: Path, port: int, **overrides: Any) -> Settings:
    return Settings(
        **{
            "state_dir": folder,
            "port": port,
            "seed": 7,
            "review_seconds": 60,
            "hook_retry_seconds": 0,
            **overrides,
        }
    )


@contextmanager
def running_sandbox(folder: Path, **overrides: Any) -> Iterator[httpx.Client]:
    listener = listen()
    port = listener.getsockname()[1]
    with (
        serving(create_app(sandbox_settings(folder, port, **overrides)), listener),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        yield client


def put(client: httpx.Client, path: str, body: dict[str, Any]) -> Any:
    return checked(client.put(path, json=body))


def post(client: httpx.Client, path: str, body: dict[str, Any]) -> Any:
    return checked(client.post(path, json=body))


def get(client: httpx.Client, path: str, **query: Any) -> Any:
    return checked(client.get(path, params=query))


def checked(answer: httpx.Response) -> Any:
    assert answer.is_success, (answer.status_code, answer.text)
    return answer.json() if answer.content else None
