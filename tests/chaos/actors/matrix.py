"""Head office and its people: roles, who comes, learns and moves, accounts and their names."""

from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from deploy.local.demo import brand as demo_brand
from tests.chaos.brands import RIGHT_ANSWERS
from tests.chaos.ledger import Reading
from tests.chaos.workload import Workload, json_of


async def add_persona(load: Workload) -> None:
    """A role; now and then another one follows under the same key, which must be refused."""
    load.number += 1
    key = f"{load.own.tag}-persona-{load.number}"
    for kind in ("persona", "misuse"):
        name = load.own.canaries.word()
        done = await load.mutate(
            kind,
            "addPersona",
            "Persona",
            "id name",
            {"kind": "TOPIC_EXPERT", "name": name},
            key=key,
            name=name,
        )
        if done.outcome != "ok" or load.rng.random() < 0.7:
            return


async def change_people(load: Workload) -> None:
    """People come, are away for a while and return; accounts are restricted and freed."""
    staff = load.own.brand.staff
    someone = staff[load.rng.choice(sorted(staff))]
    match load.rng.randrange(6):
        case 0:
            await _hire(load)
        case 1:
            away = datetime.now(UTC) + timedelta(seconds=load.rng.uniform(1, 5))
            await load.mutate(
                "absence",
                "markStaffAbsent",
                "Staff",
                "id",
                {
                    "id": someone,
                    "reason": "ill",
                    "fromAt": datetime.now(UTC).isoformat(),
                    "untilAt": away.isoformat(),
                },
                staff_id=someone,
            )
        case 2:
            await _restrict(load)
        case 3:
            await _rename(load)
        case 4:
            await _transfer(load, someone)
        case _:
            await load.mutate(
                "return",
                "returnStaff",
                "Staff",
                "id",
                {"id": someone},
                input_type="OnOne",
                staff_id=someone,
            )


async def train(load: Workload) -> None:
    """Somebody sits the exam, with the right answers mostly."""
    staff = load.own.brand.staff
    someone = staff[load.rng.choice(sorted(staff))]
    token = load.own.brand.seller_token(someone)
    begun = await load.mutate(
        "exam_start",
        "startExam",
        "ExamAttempt",
        "id",
        {"id": load.own.course_id, "staffId": someone},
        token=token,
    )
    if begun.outcome != "ok":
        return
    answers = RIGHT_ANSWERS if load.rng.random() < 0.8 else RIGHT_ANSWERS[::-1]
    await load.mutate(
        "exam",
        "submitExam",
        "ExamAttempt",
        "id isPassed",
        {"id": begun.result["id"], "answers": answers},
        token=token,
        is_passed=answers is RIGHT_ANSWERS,
    )


async def _restrict(load: Workload) -> None:
    """An account may not publish for a moment; never one of those that are imported again."""
    data = await load.query("{ accounts(first: 50) { nodes { id handle } } }")
    handles = {person.handle for person in load.own.brand.people[::2]}
    nodes = data["accounts"]["nodes"] if data else []
    ids = [each["id"] for each in nodes if each["handle"] in handles]
    if not ids:
        return
    account_id = load.rng.choice(ids)
    await load.mutate(
        "restrict",
        "restrictAccount",
        "Account",
        "id",
        {"id": account_id, "reason": "complaint"},
        input_type="OnOneWithReason",
        account_id=account_id,
    )
    await load.mutate(
        "activate",
        "activateAccount",
        "Account",
        "id",
        {"id": account_id},
        account_id=account_id,
    )


async def _rename(load: Workload) -> None:
    """Head office imports an account again, under another public name."""
    # an import also says which status an account has, so these are not restricted
    person = load.rng.choice(load.own.brand.people[1::2])
    name = load.own.canaries.word()
    (row,) = demo_brand.account_rows([replace(person, display_name=name)])
    load.number += 1
    key = f"{load.own.tag}-rename-{load.number}"
    body = demo_brand.to_csv([row])
    client = load.own.brand.client

    def send() -> Coroutine[Any, Any, httpx.Response]:
        return load.own.http.post(
            f"{client.urls.account}/imports/accounts",
            content=body,
            headers={
                "authorization": f"Bearer {client.token()}",
                "content-type": "text/csv",
                "idempotency-key": key,
            },
        )

    def read(answer: httpx.Response) -> Reading:
        if answer.is_success:
            return Reading("ok", json_of(answer))
        return Reading(None if answer.status_code >= 500 else "failed", json_of(answer))

    await load.ledger.run(
        "rename", load.own.tag, key, body, send, read, handle=person.handle, name=name
    )


async def _transfer(load: Workload, staff_id: str) -> None:
    data = await load.query("{ units(first: 20, kind: STORE) { nodes { id } } }")
    if data is not None:
        await load.mutate(
            "transfer",
            "transferStaff",
            "Staff",
            "id",
            {"id": staff_id, "unitId": load.rng.choice(data["units"]["nodes"])["id"]},
            staff_id=staff_id,
        )


async def _hire(load: Workload) -> None:
    data = await load.query("{ units(first: 20, kind: STORE) { nodes { id } } }")
    if data is None:
        return
    person = load.own.canaries.person()
    load.number += 1
    code = f"N{load.number:05}"
    await load.mutate(
        "hire",
        "addStaff",
        "Staff",
        "id code",
        {
            "unitId": load.rng.choice(data["units"]["nodes"])["id"],
            "code": code,
            "name": person["name"],
            "phone": person["phone"],
            "openLeadCapacity": 30,
        },
        code=code,
        # account_svc is the owner of its people's names and numbers
        owner="account",
        personal=[person["name"], person["phone"]],
    )
