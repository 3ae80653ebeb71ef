"""The gateway on its own, as docs/performance.md tells: three addresses, one key set, a token."""

import asyncio
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "performance.md").read_text()


def block(language: str, containing: str) -> str:
    """The only block of code in the document that holds this text."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    [found] = [text for text in blocks if containing in text]
    return str(found)


def upstream() -> web.Application:
    """Answers as the document shows them; it knows nothing of tokens."""
    app = web.Application()

    def answer(containing: str) -> Callable[[web.Request], object]:
        async def give(_: web.Request) -> web.Response:
            return web.Response(text=block("json", containing), content_type="application/json")

        return give

    app.router.add_get("/lead/leads", answer('"score_reasons"'))  # type: ignore[arg-type]
    app.router.add_post("/account/staff/by-ids", answer('"is_seller"'))  # type: ignore[arg-type]
    app.router.add_post("/account/units/by-ids", answer('"ancestor_ids"'))  # type: ignore[arg-type]
    return app


async def test_it_serves_with_what_the_document_sets_and_nothing_else(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    (tmp_path / "make_token.py").write_text(block("python", "KeySet"))
    server = TestServer(upstream())
    await server.start_server()
    port = free_port()
    settings = dict(re.findall(r"^export (\w+)=(.*)$", block("sh", "export"), flags=re.MULTILINE))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")},
        **{
            name: value.replace("127.0.0.1:9000", f"127.0.0.1:{server.port}")
            for name, value in settings.items()
        },
        "GATEWAY_PORT": str(port),
        "PYTHONPATH": f"{ROOT}:{ROOT / 'services'}",
    }
    made = await asyncio.create_subprocess_exec(sys.executable, "make_token.py", cwd=tmp_path)
    assert await made.wait() == 0
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        cwd=tmp_path,
        env=environment,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        curl = block("sh", "curl -s")
        body = orjson.loads(curl[curl.index("-d '") + 4 : curl.rindex("'")])
        headers = {"authorization": f"Bearer {(tmp_path / 'token').read_text()}"}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
            await _until_alive(http)
            answer = await http.post("/graphql", json=body, headers=headers)
            refused = await http.post("/graphql", json=body)
            stream = await http.post(
                "/graphql",
                json={"query": "subscription { offers { id } }"},
                headers={**headers, "accept": "text/event-stream"},
            )
    finally:
        process.kill()
        await process.wait()
        await server.close()

    [edge] = answer.json()["data"]["leads"]["edges"]
    assert edge["node"]["status"] == "OFFERED"
    assert edge["node"]["staff"]["code"] == "S0001"
    assert edge["node"]["unit"]["name"] == "上海一店"
    assert "errors" not in answer.json()
    assert refused.status_code == 401
    assert "this gateway follows no events" in stream.text


async def _until_alive(http: httpx.AsyncClient) -> None:
    async with asyncio.timeout(90):
        while True:
            try:
                await http.get("/healthz")
            except httpx.TransportError:
                await asyncio.sleep(0.2)
            else:
                return
