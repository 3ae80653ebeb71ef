"""Pairs: a public and a private account that are still one persona, or no longer."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from account_svc.drift import Card, DriftField, DriftState, Profile, compare, drift_rules
from shared.access import Role
from shared.events.account import AccountPairChecked
from tests.account_svc.importing import ACCOUNTS, load
from tests.account_svc.making import Api, make_account, make_persona, make_staff, make_unit
from tests.caller import Json, uuid_of

PICTURE = "f0e1d2c3b4a59687"
LIKE_CARD: Json = {
    "name": "茶小助·南京西路店",
    "bio": "每天一杯好茶，带你认识岩茶和白茶",
    "picture_hash": PICTURE,
    "store": "南京西路店",
    "tone_score": 90,
    "interests": ["茶", "养生"],
}


async def make_pair(api: Api) -> tuple[Json, Json, Json]:
    """A persona with a full card, and a seller's two accounts that play it."""
    persona = await make_persona(
        api,
        bio=LIKE_CARD["bio"],
        name_pattern="{persona}·{store}",
        picture_hash=PICTURE,
        interests=["茶", "养生"],
        taboo_words=["最低价"],
    )
    seller = await make_staff(api, await make_unit(api, name="南京西路店"))
    public = await make_account(api, seller, persona_id=persona["id"])
    private = await make_account(
        api, seller, persona_id=persona["id"], platform="wecom", domain="private"
    )
    return persona, public, private


async def observe(api: Api, account: Json, **overrides: Any) -> Json:
    return await api.post(f"/accounts/{account['id']}/observe", LIKE_CARD | overrides)


async def pair_of(api: Api, public: Json) -> Json:
    (found,) = (await api.post("/pairs/by-accounts", {"ids": [public["id"]]}))["items"]
    assert isinstance(found, dict)
    return found


def scores(pair: Json) -> dict[str, float | None]:
    return {each["field"]: each["score"] for each in pair["fields"]}


async def test_a4_a_pair_that_looks_like_its_card_passes(api: Api) -> None:
    persona, public, private = await make_pair(api)

    before = await pair_of(api, public)
    await observe(api, public)
    half = await pair_of(api, public)
    await observe(api, private, picture_hash="f0e1d2c3b4a59688")  # scaled: four bits differ
    pair = await pair_of(api, public)

    assert before["state"] == half["state"] == "unchecked"
    assert half["may_open_transfer"] is False
    assert "not been compared" in half["denial"]
    assert (pair["state"], pair["may_open_transfer"], pair["denial"]) == ("passed", True, None)
    assert set(scores(pair).values()) == {1.0, 0.9}
    assert (pair["private_account_id"], pair["persona_id"]) == (private["id"], persona["id"])
    assert [event for event in await api.events() if isinstance(event, AccountPairChecked)] == [
        AccountPairChecked(
            account_id=uuid_of(public["id"]),
            private_account_id=uuid_of(private["id"]),
            persona_id=uuid_of(persona["id"]),
            state="passed",
            score_percent=99,
            staff_id=uuid_of(public["staff_id"]),
            failed_fields=[],
        )
    ]


@pytest.mark.parametrize(
    ("side", "changed", "field"),
    [
        ("public", {"name": "开心每一天"}, "name"),
        ("private", {"store": "人民广场店"}, "store"),
        ("public", {"bio": "全场最 低 价！" + LIKE_CARD["bio"]}, "taboo_words"),
    ],
)
async def test_a4_a_pair_that_fails_cannot_open_a_transfer_and_says_which_field(
    api: Api, side: str, changed: Json, field: str
) -> None:
    _, public, private = await make_pair(api)
    await observe(api, public)
    await observe(api, private)

    await observe(api, public if side == "public" else private, **changed)

    pair = await pair_of(api, public)
    assert (pair["state"], pair["may_open_transfer"]) == ("failed", False)
    assert "fields" in pair["denial"]
    assert min(scores(pair).items(), key=lambda each: each[1] or 0)[0] == field
    told = [event for event in await api.events() if isinstance(event, AccountPairChecked)]
    assert [(event.state, event.failed_fields) for event in told] == [
        ("passed", []),
        ("failed", [field]),
    ]
    assert [each["account_id"] for each in (await api.get("/pairs", state="failed"))["items"]] == [
        public["id"]
    ]


async def test_a4_the_same_look_twice_announces_nothing(api: Api) -> None:
    _, public, private = await make_pair(api)
    for account in (public, private, public, private):
        await observe(api, account)

    found = [event for event in await api.events() if isinstance(event, AccountPairChecked)]

    assert len(found) == 1


async def test_a4_a_check_ends_with_the_hand_over_of_one_account(api: Api) -> None:
    _, public, private = await make_pair(api)
    await observe(api, public)
    await observe(api, private)
    taker = await make_staff(api)

    await api.post(
        f"/accounts/{private['id']}/hand-over", {"staff_id": taker["id"], "reason": "调店"}
    )

    pair = await pair_of(api, public)
    assert (pair["state"], pair["private_account_id"]) == ("unchecked", None)
    assert (pair["may_open_transfer"], pair["denial"]) == (
        False,
        "the seller has no private account of this persona",
    )
    assert await states(api) == ["passed", "unchecked"]


@pytest.mark.parametrize("side", ["public", "private"])
async def test_a4_a_pair_that_is_none_any_more_is_told_once(api: Api, side: str) -> None:
    _, public, private = await make_pair(api)
    await observe(api, public)
    await observe(api, private)
    account = public if side == "public" else private

    await api.post(f"/accounts/{account['id']}/retire", {"reason": "停用"})
    await api.post(f"/accounts/{private['id']}/observe", LIKE_CARD)

    assert await states(api) == ["passed", "unchecked"]


async def test_a4_a_file_that_gives_an_account_to_another_seller_ends_the_check(api: Api) -> None:
    _, public, private = await make_pair(api)
    await observe(api, public)
    await observe(api, private)
    other = await make_staff(api)
    units = {unit["id"]: unit["code"] for unit in (await api.get("/units"))["items"]}
    store = units[public["unit_id"]]

    def line(seller: str) -> str:
        names = ("platform", "handle", "display_name", "domain", "seat")
        known = ",".join(public[name] for name in names)
        return f"{known},{store},{seller},shopping_assistant,active\n"

    (same,) = (await api.post("/staff/by-ids", {"ids": [public["staff_id"]]}))["items"]
    await load(api, "accounts", ACCOUNTS + line(same["code"]))
    unmoved = await states(api)
    await load(api, "accounts", ACCOUNTS + line(other["code"]))

    assert unmoved == ["passed"]
    assert await states(api) == ["passed", "unchecked"]


async def states(api: Api) -> list[str]:
    """As they were announced."""
    return [event.state for event in await api.events() if isinstance(event, AccountPairChecked)]


async def test_a4_a_pair_that_fails_by_another_field_is_told_of_anew(api: Api) -> None:
    _, public, private = await make_pair(api)
    await observe(api, public)

    await observe(api, private, name="开心每一天")
    await observe(api, private, name="开心每一天", tone_score=80)
    await observe(api, private, store="人民广场店")

    told = [event for event in await api.events() if isinstance(event, AccountPairChecked)]
    assert [event.failed_fields for event in told] == [["name"], ["store"]]


async def test_a4_a_pair_in_other_hands_that_passes_again_is_told_with_its_seller(api: Api) -> None:
    _, public, private = await make_pair(api)
    await observe(api, public)
    await observe(api, private)
    taker = await make_staff(api, await make_unit(api, name="南京西路店"))

    for account in (public, private):
        await api.post(
            f"/accounts/{account['id']}/hand-over", {"staff_id": taker["id"], "reason": "调店"}
        )
    await observe(api, private)

    told = [event for event in await api.events() if isinstance(event, AccountPairChecked)]
    assert [(event.state, event.staff_id) for event in told] == [
        ("passed", uuid_of(public["staff_id"])),
        ("unchecked", uuid_of(public["staff_id"])),
        ("passed", uuid_of(taker["id"])),
    ]


async def test_a4_pairs_are_seen_by_who_sees_the_account(api: Api, other_api: Api) -> None:
    _, public, private = await make_pair(api)
    body = {"ids": [public["id"], private["id"]]}
    other_store = await make_unit(api)
    stranger = api.acting(Role.STORE_MANAGER, unit_ids=(other_store["id"],))
    kos = api.acting(Role.KOS, staff_id=public["staff_id"])

    for caller, expected in ((api, 1), (kos, 1), (stranger, 0), (other_api, 0)):
        answer = await caller.post("/pairs/by-accounts", body)
        assert len(answer["items"]) == expected
        assert len(answer["missing"]) == 2 - expected
    assert (await stranger.refuse(f"/accounts/{public['id']}/observe", LIKE_CARD))["status"] == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name_pattern": "{store.__class__}"}, "/name_pattern"),
        ({"name_pattern": "{name}"}, "/name_pattern"),
        ({"picture_hash": "xyz"}, "/picture_hash"),
    ],
)
async def test_a4_a_card_with_what_cannot_be_filled_in_is_refused(
    api: Api, body: Json, field: str
) -> None:
    problem = await api.refuse("/personas", {"kind": "topic_expert", "name": "小茶", **body})

    assert (problem["status"], problem["field"]) == (422, field)


_TEXTS = st.text(max_size=30)
_HASHES = st.none() | st.from_regex(r"\A[0-9a-f]{16}\Z")
_WORDS = st.lists(_TEXTS, max_size=3).map(tuple)
_PROFILES = st.builds(
    Profile,
    name=_TEXTS,
    bio=st.none() | _TEXTS,
    picture_hash=_HASHES,
    store=st.none() | _TEXTS,
    tone_score=st.none() | st.integers(0, 100),
    interests=st.none() | _WORDS,
)
_CARDS = st.builds(
    Card,
    name=st.none() | _TEXTS,
    bio=_TEXTS,
    picture_hash=_HASHES,
    store=st.none() | _TEXTS,
    taboo_words=_WORDS,
    interests=_WORDS,
)


@given(_CARDS, _PROFILES, _PROFILES)
def test_a4_any_two_profiles_compare_to_scores_between_nothing_and_all(
    card: Card, public: Profile, private: Profile
) -> None:
    rules = drift_rules()

    drift = compare(rules, card, public, private)

    known = [each.score for each in drift.fields if each.score is not None]
    assert len(drift.fields) == 7
    assert all(0 <= score <= 1 for score in known)
    assert drift.score is not None
    assert min(known) - 1e-9 <= drift.score <= max(known) + 1e-9
    if drift.state is DriftState.PASSED:
        assert drift.score >= rules.passes_at


def test_a4_names_and_words_of_symbols_alone_are_told_apart() -> None:
    card = Card(None, "", None, None, ("💰",), ())

    drift = compare(drift_rules(), card, Profile("🍵🍵", "茶"), Profile("🚗🚗", "买茶找我💰"))

    scored = {each.field: each.score for each in drift.fields}
    assert scored[DriftField.NAME] == scored[DriftField.TABOO_WORDS] == 0
