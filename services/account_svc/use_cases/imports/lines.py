"""A file as it arrives: bytes in chunks become lines, lines become checked rows.

One record is one line: a line break inside a quoted CSV field is refused, so an unbalanced quote
spoils its own line only and never swallows the rest of the file. In none of the encodings is a line
break part of another character.
"""

import csv
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from account_svc.errors import FileRefused

LONGEST_LINE = 64 * 1024
UTF_8 = "utf-8"
ENCODINGS = {
    UTF_8: UTF_8,
    "utf8": UTF_8,
    "us-ascii": UTF_8,
    # what spreadsheets in China save; each is a part of the last
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "gb18030": "gb18030",
}
"""By the name in the `charset` of a `Content-Type`, in lower case (RFC 7111 for CSV)."""
_BOM = b"\xef\xbb\xbf"
_NO_TEXT = "holds U+0000, which no text may"

Row = TypeVar("Row", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one field of a line; an empty field means the line as a whole."""

    line: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Line(Generic[Row]):
    """A line of the file: its row, or why there is none."""

    number: int
    row: Row | None
    problems: tuple[Problem, ...] = ()


async def read_csv(
    chunks: AsyncIterable[bytes], kind: type[Row], encoding: str = UTF_8
) -> AsyncIterator[Line[Row]]:
    """Rows of a CSV file with a header line; an empty field is a field left out."""
    header: list[str] | None = None
    async for number, raw in _split(chunks, encoding):
        if isinstance(raw, Problem):
            if header is None:
                raise FileRefused(f"the header line cannot be read: {raw.reason}", field="/header")
            yield Line(number, None, (raw,))
        elif header is None:
            header = _read_header(raw, kind)
        else:
            try:
                fields = next(csv.reader([raw], strict=True))
            except csv.Error:
                yield _bad(number, "not a CSV record; a record is one line")
                continue
            if len(fields) != len(header):
                yield _bad(number, f"{len(fields)} fields where the header has {len(header)}")
                continue
            pairs = zip(header, fields, strict=True)
            yield _check(number, {name: text for name, text in pairs if text.strip()}, kind)
    if header is None:
        raise FileRefused("the file is empty", field="/header")


async def read_jsonl(
    chunks: AsyncIterable[bytes], kind: type[Row], encoding: str = UTF_8
) -> AsyncIterator[Line[Row]]:
    """Rows of a file with one JSON object per line."""
    async for number, raw in _split(chunks, encoding):
        if isinstance(raw, Problem):
            yield Line(number, None, (raw,))
            continue
        if "\\u0000" in raw:
            yield _bad(number, _NO_TEXT)
            continue
        try:
            value = orjson.loads(raw)
        except orjson.JSONDecodeError:
            yield _bad(number, "not JSON")
            continue
        if isinstance(value, dict):
            yield _check(number, value, kind)
        else:
            yield _bad(number, "not a JSON object")


async def _split(
    chunks: AsyncIterable[bytes], encoding: str
) -> AsyncIterator[tuple[int, str | Problem]]:
    """Numbered lines as text, blank ones left out; never holds more than one chunk and a line."""
    number, rest, is_skipping = 0, b"", False
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            number += 1
            if is_skipping:
                is_skipping = False
                continue
            for text in _text(number, line, encoding):
                yield number, text
        if len(rest) > LONGEST_LINE:
            if not is_skipping:
                yield number + 1, _too_long(number + 1)
            rest, is_skipping = b"", True
    if rest and not is_skipping:
        for text in _text(number + 1, rest, encoding):
            yield number + 1, text


def _text(number: int, line: bytes, encoding: str) -> Iterator[str | Problem]:
    if number == 1:
        line = line.removeprefix(_BOM)
    if len(line) > LONGEST_LINE:
        yield _too_long(number)
        return
    try:
        text = line.decode(encoding).rstrip("\r")
    except UnicodeDecodeError:
        yield Problem(number, "", f"not {encoding.upper()}")
        return
    if "\0" in text:
        yield Problem(number, "", _NO_TEXT)
    elif text.strip():
        yield text


def _too_long(number: int) -> Problem:
    return Problem(number, "", f"longer than {LONGEST_LINE} bytes")


def _read_header(text: str, kind: type[BaseModel]) -> list[str]:
    try:
        header = [name.strip() for name in next(csv.reader([text], strict=True))]
    except csv.Error as error:
        raise FileRefused("the header line cannot be read", field="/header") from error
    for name in header:
        if name not in kind.model_fields:
            raise FileRefused("the file has a column that is not known", field=f"/{name[:100]}")
        if header.count(name) > 1:
            raise FileRefused("the file has a column twice", field=f"/{name}")
    for name, field in kind.model_fields.items():
        if field.is_required() and name not in header:
            raise FileRefused("the file lacks a column", field=f"/{name}")
    return header


def _check(number: int, value: dict[str, object], kind: type[Row]) -> Line[Row]:
    try:
        return Line(number, kind.model_validate(value))
    except ValidationError as error:
        return Line(
            number,
            None,
            tuple(
                # pydantic's text names the rule; the value itself stays out of the report
                Problem(number, str(entry["loc"][0])[:100], entry["msg"].split(", got")[0][:200])
                for entry in error.errors(include_url=False, include_input=False)
            ),
        )


def _bad(number: int, reason: str) -> Line[Row]:
    return Line(number, None, (Problem(number, "", reason),))
