"""Hostile GraphQL requests from a seed: bodies as bytes, with the headers they come with."""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLObjectType, get_named_type

from tests.isolation.sdl import sdl

JSON = "application/json"
NEVER = ("{", "}", "[", '{"query":', '{"query": 1}', "null", "1", '"x"', "[]", "[[]]", "\x00", "")


@dataclass(frozen=True)
class Hostile:
    """One request; `kind` says what is wrong with it."""

    kind: str
    body: bytes
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": JSON})


def generate(seed: int, count: int) -> Iterator[Hostile]:
    chance = random.Random(seed)
    makers = list(MAKERS.items())
    for number in range(count):
        kind, make = makers[number % len(makers)]
        made = make(chance)
        if isinstance(made, Hostile):
            yield made
        else:
            text, variables = made if isinstance(made, tuple) else (made, {})
            yield Hostile(kind, json.dumps({"query": text, "variables": variables}).encode())


def _relation(chance: random.Random, kind: Any) -> tuple[str, Any] | None:
    """A field of the type that leads to another object, if there is one."""
    assert isinstance(kind, GraphQLObjectType)
    found = [
        (name, get_named_type(each.type))
        for name, each in kind.fields.items()
        if isinstance(get_named_type(each.type), GraphQLObjectType)
    ]
    return chance.choice(found) if found else None


def deep(chance: random.Random) -> str:
    kind, text, closing = sdl().type_map["Lead"], "{ lead(id: 1) { ", "} }"
    for _ in range(chance.randrange(5, 400)):
        step = _relation(chance, kind)
        if step is None:
            break
        text, closing, kind = f"{text}{step[0]} {{ ", f"{closing} }}", step[1]
    return f"{text}__typename {closing}"


def very_deep(chance: random.Random) -> str:
    levels = chance.randrange(100, 9000)
    return "{ unit(id: 1) { " + "parent { " * levels + "id" + " }" * levels + " } }"


def braces(chance: random.Random) -> str:
    sign = chance.choice(["{", "[", "(", "{a", "...{", "{a:[", '{a(b:"'])
    return sign * chance.randrange(10, 20_000)


def aliases(chance: random.Random) -> str:
    name = chance.choice(["__typename", "brand { id }", "leads(first: 1) { nodes { id } }"])
    return "{ " + " ".join(f"a{n}: {name}" for n in range(chance.randrange(31, 600))) + " }"


def repeated(chance: random.Random) -> str:
    return "{ " + "brand { name } " * chance.randrange(2, 700) + "}"


def cycle(chance: random.Random) -> str:
    length = chance.randrange(1, 60)
    parts = [
        f"fragment F{n} on Unit {{ parent {{ ...F{(n + 1) % length} }} }}" for n in range(length)
    ]
    return "{ unit(id: 1) { ...F0 } } " + " ".join(parts)


def doubling(chance: random.Random) -> str:
    levels = chance.randrange(5, 150)
    parts = [f"fragment F{n} on Unit {{ ...F{n + 1} ...F{n + 1} }}" for n in range(levels)]
    return "{ unit(id: 1) { ...F0 } } " + " ".join(parts) + f" fragment F{levels} on Unit {{ id }}"


def spreads(chance: random.Random) -> str:
    inline = "... on Lead { " * chance.randrange(1, 300)
    return "{ lead(id: 1) { " + inline + "id" + " }" * (inline.count("{") + 2)


def unknown_fragments(chance: random.Random) -> str:
    return "{ " + " ".join(f"...Nope{n}" for n in range(chance.randrange(1, 900))) + " }"


def overlapping(chance: random.Random) -> str:
    """Fields that validation compares pair by pair."""
    count = chance.randrange(10, 300)
    return "{ " + " ".join(f"x: lead(id: {n}) {{ id }}" for n in range(count)) + " }"


def pages(chance: random.Random) -> str:
    first = chance.choice([100, 101, 10**6, -1, 2**31, 10**400])
    text = "id"
    for name in ("posts", "drafts") * chance.randrange(1, 3):
        text = f"{name}(first: {first}) {{ nodes {{ {text} campaign {{ id }} }} }}"
    return f"{{ campaigns(first: {first}) {{ nodes {{ {text} }} }} }}"


def lists(chance: random.Random) -> tuple[str, dict[str, Any]]:
    ids = ["lead_01jq7z8x3mf0c9w5t2v6b4n8ra"] * chance.randrange(1, 2000)
    return "query($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ids}


def list_literals(chance: random.Random) -> str:
    nested = "[" * chance.randrange(1, 900)
    return f"{{ nodes(ids: {nested}1{']' * len(nested)}) {{ id }} }}"


def directives(chance: random.Random) -> str:
    name = chance.choice(["skip(if: false)", "include(if: true)", "nope", "deprecated", "defer"])
    return "{ brand " + f"@{name} " * chance.randrange(1, 900) + "{ id } }"


def conditions(chance: random.Random) -> tuple[str, dict[str, Any]]:
    parts = (f"{'@skip' if n % 2 else '@include'}(if: $x)" for n in range(chance.randrange(1, 600)))
    fields = " ".join(f"a{n}: __typename {part}" for n, part in enumerate(parts))
    given = chance.choice([True, False, "yes", None])
    return "query($x: Boolean!) { " + fields + " }", {"x": given}


def tokens(chance: random.Random) -> str:
    word = chance.choice(["a ", "1 ", ", ", "$a ", "# x\n", '"x" ', "... ", "! ", "\ufeff "])
    return "{ " + word * chance.randrange(1900, 30_000) + "}"


def unicode_text(chance: random.Random) -> str:
    signs = [chr(chance.choice([0x202E, 0x200B, 0x1F600, 0x0301, 0xFEFF, 0x4E2D, 0x7F, 0x85]))]
    return "{ " + "".join(signs) * chance.randrange(1, 5000) + " brand { id } }"


def strings(chance: random.Random) -> str:
    text = chance.choice(["x", "\\u0041", "\\n", "é", "\\uD83D\\uDE00", "\\u{1F600}"])
    quote = chance.choice(['"', '"""'])
    text *= chance.randrange(1, 15_000)
    return f"{{ units(search: {quote}{text}{quote}) {{ nodes {{ id }} }} }}"


def broken_strings(chance: random.Random) -> str:
    text = chance.choice(['"\\uD800"', '"\\x41"', '"', '"""', '"a\nb"', '"\\u00"', '"\\u{110000}"'])
    return f"{{ units(search: {text}) {{ nodes {{ id }} }} }}"


def numbers(chance: random.Random) -> str:
    number = chance.choice(["9" * 5000, "1e999999", "-0", "00", "1.", "0x10", "1_000", "NaN"])
    return f"{{ leads(first: {number}) {{ nodes {{ id }} }} }}"


def variables(chance: random.Random) -> tuple[str, Any]:
    nested: Any = chance.choice([1, "x", None, True, 1e308, {}, []])
    for _ in range(chance.randrange(0, 200)):
        nested = {"input": nested} if chance.random() < 0.5 else [nested]
    shape = chance.choice([nested, {"id": nested}, {"input": nested}, {"first": nested}])
    document = chance.choice(
        [
            "query($id: ID!) { lead(id: $id) { id } }",
            "query($first: Int!) { leads(first: $first) { nodes { id } } }",
            "mutation($input: CaptureLeadInput!) { captureLead(input: $input) { __typename } }",
        ]
    )
    return document, shape


def many_variables(chance: random.Random) -> tuple[str, dict[str, Any]]:
    count = chance.randrange(10, 600)
    declared = ", ".join(f'$v{n}: String = "x"' for n in range(count))
    return f"query({declared}) {{ brand {{ id }} }}", {f"v{n}": "x" for n in range(count)}


def introspection(chance: random.Random) -> str:
    inner = "name"
    for _ in range(chance.randrange(1, 12)):
        inner = f"name fields {{ name type {{ {inner} ofType {{ {inner} }} }} }}"
        if len(inner) > 30_000:
            break
    return f"{{ __schema {{ types {{ {inner} }} }} }}"


def operations(chance: random.Random) -> str:
    count = chance.randrange(2, 400)
    names = (n if chance.random() < 0.9 else 0 for n in range(count))
    return " ".join(f"query Q{name} {{ brand {{ id }} }}" for name in names)


def definitions(chance: random.Random) -> str:
    return chance.choice(
        [
            "type Query { x: Int }",
            "schema { query: Query }",
            "extend type Query { x: Int }",
            "directive @x on FIELD",
            "fragment F on Query { brand { id } }",
            "subscription { leads { id } }",
            "subscription { leads { id } offers { id } }",
            "mutation { addUnit }",
            "query { __type(name: 1) { name } }",
        ]
    ) * chance.randrange(1, 50)


def garbage(chance: random.Random) -> Hostile:
    return Hostile("garbage", chance.randbytes(chance.randrange(0, 5000)))


def not_a_request(chance: random.Random) -> Hostile:
    return Hostile("not_a_request", chance.choice(NEVER).encode())


def batch(chance: random.Random) -> Hostile:
    body = json.dumps([{"query": "{ brand { id } }"}] * chance.randrange(0, 500)).encode()
    return Hostile("batch", body)


def nested_json(chance: random.Random) -> Hostile:
    levels = chance.randrange(100, 40_000)
    sign = chance.choice([("[", "]"), ('{"a":', "}")])
    inner = sign[0] * levels + "1" + sign[1] * levels
    body = f'{{"query": "{{ brand {{ id }} }}", "variables": {inner}}}'
    return Hostile("nested_json", body.encode())


def too_large(chance: random.Random) -> Hostile:
    return Hostile("too_large", b'{"query": "' + b"x" * chance.randrange(102_400, 400_000) + b'"}')


def get(chance: random.Random) -> Hostile:
    method = chance.choice(["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
    return Hostile("get", b"", method, {})


def content_type(chance: random.Random) -> Hostile:
    kind = chance.choice(
        [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/graphql",
            "application/json; charset=utf-16",
            "application/json-seq",
            "multipart/form-data; boundary=x",
            "",
            "x" * 2000,
        ]
    )
    body = json.dumps({"query": "{ brand { id } }"}).encode()
    return Hostile("content_type", body, headers={"content-type": kind})


def multipart(_: random.Random) -> Hostile:
    body = (
        b'--x\r\ncontent-disposition: form-data; name="operations"\r\n\r\n'
        b'{"query": "{ brand { id } }"}\r\n--x--\r\n'
    )
    return Hostile("multipart", body, headers={"content-type": "multipart/form-data; boundary=x"})


Made = str | tuple[str, Any] | Hostile
MAKERS: dict[str, Callable[[random.Random], Made]] = {
    make.__name__: make
    for make in (
        deep,
        very_deep,
        braces,
        aliases,
        repeated,
        cycle,
        doubling,
        spreads,
        unknown_fragments,
        overlapping,
        pages,
        lists,
        list_literals,
        directives,
        conditions,
        tokens,
        unicode_text,
        strings,
        broken_strings,
        numbers,
        variables,
        many_variables,
        introspection,
        operations,
        definitions,
        garbage,
        not_a_request,
        batch,
        nested_json,
        too_large,
        get,
        content_type,
        multipart,
    )
}
