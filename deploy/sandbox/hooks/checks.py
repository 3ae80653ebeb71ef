"""The address checks: what a platform asks before it sends anything to a new address."""

import time
from typing import Any

import httpx

from deploy.sandbox import signing
from deploy.sandbox.hooks.connections import Connection
from deploy.sandbox.hooks.wire import Message, compose, is_accepted
from deploy.sandbox.world import World, digest

PLATFORMS = ("wecom", "oceanengine", "douyin", "kuaishou")
CHALLENGE = 1_616_140_317


async def check_address(world: World, connection: Connection) -> dict[str, Any]:
    """{"ok", "status", "answer"}; raises httpx.HTTPError when nothing answers."""
    url = connection.hook_url(world)
    settings = connection.settings
    if connection.platform == "wecom":
        expected = str(CHALLENGE)
        echo = signing.wecom_encrypt(
            settings.encoding_aes_key,
            settings.receive_id or settings.corp_id,
            expected,
            digest("echo", connection.connection_id)[:16].encode(),
        )
        timestamp, nonce = str(int(time.time())), str(CHALLENGE % 10**6)
        answer = await world.http.get(
            url,
            params={
                "msg_signature": signing.wecom_signature(settings.token, timestamp, nonce, echo),
                "timestamp": timestamp,
                "nonce": nonce,
                "echostr": echo,
            },
        )
        passed = answer.is_success and answer.text == expected
    elif connection.platform == "oceanengine":
        answer = await world.http.get(
            url, params={"event": "verify_webhook", "challenge": str(CHALLENGE)}
        )
        passed = answer.is_success and _field(answer, "challenge") == CHALLENGE
    else:
        message = Message(
            message_id=digest("check", connection.connection_id, time.time_ns()),
            event="verify_webhook" if connection.platform == "douyin" else "TEST",
            data={"content": {"challenge": CHALLENGE}} if connection.platform == "douyin" else {},
            created_at=time.time(),
        )
        wire = compose(connection, message)
        answer = await world.http.post(url, content=wire.body, headers=dict(wire.headers))
        passed = is_accepted(connection.platform, message, answer)
        if connection.platform == "douyin":
            passed = passed and _field(answer, "challenge") == CHALLENGE
    return {"ok": passed, "status": answer.status_code, "answer": answer.text}


def _field(answer: httpx.Response, name: str) -> object:
    try:
        body = answer.json()
    except ValueError:
        return None
    return body.get(name) if isinstance(body, dict) else None
