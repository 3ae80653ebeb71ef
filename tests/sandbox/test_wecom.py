from typing import Any

import httpx

from tests.sandbox.harness import get, post, put

CORP = "wwkosdemo"


class Corp:
    """The product's side: one corp, its token in every call."""

    def __init__(self, sandbox: httpx.Client, **terms: Any) -> None:
        self.sandbox = sandbox
        put(
            sandbox, f"/sandbox/apps/wecom/{CORP}", {"secret": "ws", "confirm_seconds": 60, **terms}
        )
        self.token = self.gettoken()["access_token"]

    def gettoken(self, corpid: str = CORP, corpsecret: str = "ws") -> Any:
        return get(self.sandbox, "/cgi-bin/gettoken", corpid=corpid, corpsecret=corpsecret)

    def post(self, name: str, body: dict[str, Any]) -> Any:
        answer = self.sandbox.post(
            f"/cgi-bin/externalcontact/{name}", params={"access_token": self.token}, json=body
        )
        assert answer.status_code == 200
        return answer.json()

    def get(self, name: str, **query: str) -> Any:
        return get(
            self.sandbox,
            f"/cgi-bin/externalcontact/{name}",
            access_token=self.token,
            **query,
        )

    def advance(self, seconds: float) -> None:
        post(self.sandbox, "/sandbox/clock", {"advance_seconds": seconds})


def test_token_stays_the_same_until_it_expires(sandbox: httpx.Client) -> None:
    corp = Corp(sandbox)

    again = corp.gettoken()
    corp.advance(7200)
    expired = corp.post("get_corp_tag_list", {})
    next_one = corp.gettoken()

    assert again["access_token"] == corp.token
    assert expired["errcode"] == 42001
    assert next_one["access_token"] != corp.token
    assert next_one["expires_in"] == 7200


def test_token_refusals(sandbox: httpx.Client) -> None:
    corp = Corp(sandbox)
    bad = sandbox.post(
        "/cgi-bin/externalcontact/mark_tag", params={"access_token": "x"}, json={}
    ).json()

    assert corp.gettoken(corpsecret="no")["errcode"] == 40001
    assert corp.gettoken(corpid="ww0")["errcode"] == 40013
    assert bad["errcode"] == 40014


def test_contact_way_keeps_its_state_and_refuses_a_long_one(sandbox: httpx.Client) -> None:
    corp = Corp(sandbox)
    way = {"type": 2, "scene": 2, "user": ["chen", "wu"], "state": "k1:store007:n42"}

    made = corp.post("add_contact_way", way)
    long = corp.post("add_contact_way", {**way, "state": "x" * 31})

    assert made["errcode"] == 0
    assert made["qr_code"].startswith("http")
    read = corp.post("get_contact_way", {"config_id": made["config_id"]})["contact_way"]
    assert (read["state"], read["user"]) == ("k1:store007:n42", ["chen", "wu"])
    assert long["errcode"] == 40058
    listed = corp.post("list_contact_way", {})
    assert listed["contact_way"] == [{"config_id": made["config_id"]}]


def test_closed_membership_refuses_unknown_users(sandbox: httpx.Client) -> None:
    corp = Corp(sandbox, closed_membership=True)

    refused = corp.post("add_contact_way", {"type": 1, "scene": 2, "user": ["chen"]})
    post(
        sandbox,
        "/sandbox/accounts",
        {"accounts": [{"platform": "wecom", "handle": "chen", "app_id": CORP}]},
    )
    accepted = corp.post("add_contact_way", {"type": 1, "scene": 2, "user": ["chen"]})

    assert (refused["errcode"], accepted["errcode"]) == (60111, 0)
    assert corp.get("get_follow_user_list")["follow_user"] == ["chen"]


def test_broken_json_is_told_as_such(sandbox: httpx.Client) -> None:
    corp = Corp(sandbox)

    answer = sandbox.post(
        "/cgi-bin/externalcontact/add_contact_way",
        params={"access_token": corp.token},
        content=b"{",
    ).json()

    assert (answer["errcode"], answer["errmsg"]) == (40058, "Warning: wrong json format.")


def test_mass_message_waits_for_the_member_and_then_counts(sandbox: httpx.Client) -> None:
    corp = Corp(sandbox, customers_per_member=3)

    made = corp.post(
        "add_msg_template",
        {"chat_type": "single", "sender": "chen", "text": {"content": "新车到店"}},
    )
    waiting = corp.post("get_groupmsg_task", {"msgid": made["msgid"]})
    unsent = corp.post("get_groupmsg_send_result", {"msgid": made["msgid"], "userid": "chen"})
    corp.advance(60)
    done = corp.post("get_groupmsg_task", {"msgid": made["msgid"]})
    sent = corp.post("get_groupmsg_send_result", {"msgid": made["msgid"], "userid": "chen"})

    assert (made["errcode"], made["fail_list"]) == (0, [])
    assert waiting["task_list"] == [{"userid": "chen", "status": 0}]
    assert [s["status"] for s in unsent["send_list"]] == [0, 0, 0]
    assert [(t["userid"], t["status"]) for t in done["task_list"]] == [("chen", 2)]
    assert [s["status"] for s in sent["send_list"]] == [1, 1, 1]
    assert {s["external_userid"] for s in sent["send_list"]} == set(
        corp.get("list", userid="chen")["external_userid"]
    )


def test_silent_member_never_confirms(sandbox: httpx.Client) -> None:
    corp = Corp(sandbox, silent_members=["wu"])
    made = corp.post("add_msg_template", {"sender": "wu", "text": {"content": "新车到店"}})

    corp.advance(86_400 * 3)
    corp.token = corp.gettoken()["access_token"]

    tasks = corp.post("get_groupmsg_task", {"msgid": made["msgid"]})["task_list"]
    assert tasks == [{"userid": "wu", "status": 0}]
    assert get(sandbox, "/sandbox/posts", platform="wecom")["total"] == 0


def test_nobody_to_send_to_is_refused(sandbox: httpx.Client) -> None:
    corp = Corp(sandbox, customers_per_member=0)

    answer = corp.post("add_msg_template", {"sender": "chen", "text": {"content": "新车到店"}})

    assert answer["errcode"] == 41048
    window = {"start_time": 0, "end_time": 4_000_000_000}
    assert corp.post("get_groupmsg_list_v2", window)["group_msg_list"] == []


def test_mass_message_of_unknown_outcome_is_found_in_the_list(sandbox: httpx.Client) -> None:
    corp = Corp(sandbox)
    post(
        sandbox,
        "/sandbox/faults",
        {
            "kind": "timeout_after_success",
            "route": "/cgi-bin/externalcontact/add_msg_template",
            "count": 1,
            "hold_seconds": 0,
        },
    )

    dropped = ""
    try:
        corp.post("add_msg_template", {"sender": "chen", "text": {"content": "新车到店"}})
    except httpx.NetworkError as error:
        dropped = type(error).__name__

    assert dropped == "ReadError"
    window = {"chat_type": "single", "start_time": 0, "end_time": 4_000_000_000}
    listed = corp.post("get_groupmsg_list_v2", window)["group_msg_list"]
    assert [(m["creator"], m["text"]["content"]) for m in listed] == [("chen", "新车到店")]


def test_moment_appears_for_each_member_who_confirms(sandbox: httpx.Client) -> None:
    corp = Corp(sandbox, silent_members=["wu"])
    members = {"sender_list": {"user_list": ["chen", "wu", "lin"]}}

    job = corp.post(
        "add_moment_task", {"text": {"content": "周末开放日"}, "visible_range": members}
    )["jobid"]
    corp.advance(60)

    result = corp.get("get_moment_task_result", jobid=job)
    assert (result["status"], result["result"]["errcode"]) == (3, 0)
    moment_id = result["result"]["moment_id"]
    tasks = corp.post("get_moment_task", {"moment_id": moment_id})["task_list"]
    assert [(t["userid"], t["publish_status"]) for t in tasks] == [
        ("chen", 1),
        ("lin", 1),
        ("wu", 0),
    ]
    published = get(sandbox, "/sandbox/posts", platform="wecom")["posts"]
    assert sorted(p["account_handle"] for p in published) == ["chen", "lin"]
    assert all(sandbox.get(p["url"]).status_code == 200 for p in published)
    window = {"start_time": 0, "end_time": 4_000_000_000}
    listed = corp.post("get_moment_list", window)["moment_list"]
    assert [(m["moment_id"], m["text"]["content"]) for m in listed] == [(moment_id, "周末开放日")]


def test_tags_are_made_once_marked_and_removed(sandbox: httpx.Client) -> None:
    corp = Corp(sandbox)
    group = corp.post(
        "add_corp_tag", {"group_name": "来源", "tag": [{"name": "抖音"}, {"name": "小红书"}]}
    )["tag_group"]
    first, second = (tag["id"] for tag in group["tag"])
    post(
        sandbox,
        "/sandbox/accounts",
        {"accounts": [{"platform": "wecom", "handle": "chen", "app_id": CORP}]},
    )
    customer = corp.get("list", userid="chen")["external_userid"][0]
    relation = {"userid": "chen", "external_userid": customer}

    marked = corp.post("mark_tag", {**relation, "add_tag": [first, second]})
    corp.post("mark_tag", {**relation, "remove_tag": [second]})
    unknown = corp.post("mark_tag", {**relation, "add_tag": ["et-none"]})

    assert (marked["errcode"], unknown["errcode"]) == (0, 40068)
    [follow] = corp.get("get", external_userid=customer)["follow_user"]
    assert [(t["group_name"], t["tag_name"], t["tag_id"]) for t in follow["tags"]] == [
        ("来源", "抖音", first)
    ]


def test_transfer_takes_a_day_and_at_most_two_in_ninety_days(sandbox: httpx.Client) -> None:
    corp = Corp(sandbox, customers_per_member=1, token_seconds=400 * 86_400)
    post(
        sandbox,
        "/sandbox/accounts",
        {
            "accounts": [
                {"platform": "wecom", "handle": userid, "app_id": CORP} for userid in ("chen", "wu")
            ]
        },
    )
    [customer] = corp.get("list", userid="chen")["external_userid"]

    def transfer(handover: str, takeover: str) -> int:
        answer = corp.post(
            "transfer_customer",
            {
                "handover_userid": handover,
                "takeover_userid": takeover,
                "external_userid": [customer],
            },
        )
        code: int = answer["customer"][0]["errcode"]
        return code

    def status() -> list[int]:
        answer = corp.post("transfer_result", {"handover_userid": "chen", "takeover_userid": "wu"})
        return [row["status"] for row in answer["customer"]]

    assert transfer("chen", "wu") == 0
    assert status() == [2]
    assert transfer("chen", "wu") == 40129
    corp.advance(86_400)
    assert status() == [1]
    assert customer in corp.get("list", userid="wu")["external_userid"]
    assert transfer("chen", "wu") == 40131
    assert transfer("wu", "chen") == 0
    corp.advance(86_400)
    assert transfer("chen", "wu") == 40128
    assert customer in corp.get("list", userid="chen")["external_userid"]


def test_groups_have_another_owner_at_once_and_at_most_twice_in_ninety_days(
    sandbox: httpx.Client,
) -> None:
    corp = Corp(sandbox, groups_per_member=301, token_seconds=400 * 86_400)

    def groups(userid: str, cursor: str = "") -> list[str]:
        body = {"owner_filter": {"userid_list": [userid]}, "limit": 200, "cursor": cursor}
        page = corp.post("groupchat/list", body)
        found = [row["chat_id"] for row in page["group_chat_list"]]
        return found + groups(userid, page["next_cursor"]) if page["next_cursor"] else found

    def give(chats: list[str], taker: str) -> list[int]:
        answer = corp.post("groupchat/onjob_transfer", {"chat_id_list": chats, "new_owner": taker})
        return [row["errcode"] for row in answer["failed_chat_list"]]

    chats = groups("chen")
    (chat, *others) = chats
    assert len(chats) == 301
    assert corp.post("groupchat/get", {"chat_id": chat})["group_chat"]["owner"] == "chen"
    assert give([chat, "wr-none"], "wu") == [90501]
    assert give([chat], "wu") == [90504]
    assert chat in groups("wu")
    for start in range(0, 299, 100):
        assert give(others[start : start + 100][: 299 - start], "wu") == []
    assert give([others[299]], "wu") == [45009]  # 300 of one owner a day
    corp.advance(86_400)
    assert give([others[299]], "wu") == []
    assert give([chat], "chen") == []
    assert give([chat], "wu") == [45009]  # twice in 90 days
    over = corp.post("groupchat/onjob_transfer", {"chat_id_list": chats, "new_owner": "wu"})
    assert over["errcode"] == 40058


def test_a_lead_from_a_channel_code_is_in_the_directory_with_its_state(
    sandbox: httpx.Client,
) -> None:
    corp = Corp(sandbox, customers_per_member=0)
    put(
        sandbox,
        "/sandbox/connections/c1",
        {
            "platform": "wecom",
            "settings": {
                "corp_id": CORP,
                "token": "tk",
                "encoding_aes_key": "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C",
            },
        },
    )

    post(
        sandbox,
        "/sandbox/connections/c1/leads",
        {
            "name": "李晓雯",
            "phone": "19900012345",
            "account_handle": "chen",
            "channel_code": "k1:s7",
        },
    )

    [customer] = corp.get("list", userid="chen")["external_userid"]
    found = corp.get("get", external_userid=customer)
    assert found["external_contact"]["name"] == "李晓雯"
    assert [(f["userid"], f["state"], f["remark_mobiles"]) for f in found["follow_user"]] == [
        ("chen", "k1:s7", ["19900012345"])
    ]


def test_welcome_code_greets_once(sandbox: httpx.Client) -> None:
    corp = Corp(sandbox)

    assert corp.post("send_welcome_msg", {"welcome_code": "none"})["errcode"] == 41050
