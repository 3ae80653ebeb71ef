"""What a rule pays, written by the brand: an expression over the facts of one event.

The grammar is Python's, of which only arithmetic on whole numbers, comparison, `and`, `or`, `not`,
`in` and `a if b else c` are let through; simpleeval walks the parsed tree, nothing is compiled or
run. A formula sees the event alone, so the same events always pay the same.
"""

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import product
from typing import Any

from simpleeval import DEFAULT_OPERATORS, InvalidExpression, SimpleEval

from account_svc.models.incentive import LARGEST_REWARD, Trigger
from shared.events.lead import CommunityActivityKind, CommunityRole, LeadInMeans

LONGEST = 500
"""Characters of a formula."""
_DEEPEST = 40
_LARGEST_LITERAL = 10**12


def _of_numbers(reckon: Callable[[int, int], int]) -> Callable[[Any, Any], int]:
    """The operator for numbers alone: texts would be repeated, or filled in to any length."""

    def apply(left: Any, right: Any) -> int:
        if not isinstance(left, int) or not isinstance(right, int):
            raise TypeError("a text is no number to reckon with")
        return reckon(left, right)

    return apply


_OPERATORS = {
    ast.Add: _of_numbers(operator.add),
    ast.Sub: _of_numbers(operator.sub),
    ast.Mult: _of_numbers(operator.mul),
    ast.FloorDiv: _of_numbers(operator.floordiv),
    ast.Mod: _of_numbers(operator.mod),
} | {
    kind: DEFAULT_OPERATORS[kind]
    for kind in (
        ast.Eq,
        ast.NotEq,
        ast.Gt,
        ast.Lt,
        ast.GtE,
        ast.LtE,
        ast.Not,
        ast.USub,
        ast.In,
        ast.NotIn,
    )
}
_FUNCTIONS = {"min": min, "max": max}
_GRAMMAR = (
    ast.Expression,
    ast.BinOp,
    ast.UnaryOp,
    ast.BoolOp,
    ast.Compare,
    ast.IfExp,
    ast.Call,
    ast.Name,
    ast.Constant,
    ast.Load,
    ast.And,
    ast.Or,
    *_OPERATORS,
)

_TRANSFER: dict[str, tuple[int | str, ...]] = {
    "attempt": (1, 2, 1_000),
    "means": tuple(each.value for each in LeadInMeans),
}

VARIABLES: dict[Trigger, dict[str, tuple[int | str, ...]]] = {
    Trigger.LEAD_ACCEPTED: {
        "score": (0, 1, 60, 100),
        "grade": ("", "A", "B", "C", "D"),
        "from_post": (0, 1),
        "from_campaign": (0, 1),
        "self_entered": (0, 1),
    },
    Trigger.DEAL_WON: {
        "amount": (0, 1, 99, 1_999_900, 10**11),
        "currency": ("CNY", "USD"),
        "from_post": (0, 1),
        "from_campaign": (0, 1),
    },
    Trigger.POST_PUBLISHED: {
        "platform": ("xiaohongshu", "douyin", "channels", "wecom"),
        "in_campaign": (0, 1),
    },
    Trigger.POST_QUALITY: {
        "views": (0, 1, 100_000_000),
        "likes": (0, 1_000),
        "saves": (0, 1_000),
        "comments": (0, 1_000),
        "shares": (0, 1_000),
        "follows": (0, 1_000),
        "hours": (0, 24, 10_000),
    },
    Trigger.TRANSFER_STAGE_1: _TRANSFER,
    Trigger.TRANSFER_STAGE_2: _TRANSFER,
    Trigger.COMMUNITY_ACTIVITY: {
        "kind": tuple(each.value for each in CommunityActivityKind),
        "done_as": tuple(each.value for each in CommunityRole),
        "self_recorded": (0, 1),
        "has_external_id": (0, 1),
    },
}
"""What a trigger's formula may name, with values that it is tried with before it is taken.

`amount` is in minor units of `currency`, `hours` are those since the post was published; a fact
that the event does not tell is 0 or "". `attempt` counts the contact's transfers, this one
included. An activity is `self_recorded` by who is paid for it; with an external id its sender
knows it by its cause.
"""


class BadFormula(ValueError):
    """The text is no formula of the trigger; the message says what is wrong where."""


def check_formula(trigger: Trigger, text: str) -> None:
    """Raises BadFormula unless the text pays a whole, not negative amount for every trial."""
    tree = _parse(text)
    known = VARIABLES[trigger]
    for node in ast.walk(tree):
        if not isinstance(node, _GRAMMAR):
            raise BadFormula(f"what stands at {_place(node)} is not allowed in a formula")
        if isinstance(node, ast.Call):
            _check_call(node)
        elif isinstance(node, ast.Constant):
            _check_literal(node)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and id(node) not in called and node.id not in known:
            raise BadFormula(
                f"the name at {_place(node)} is unknown here; {trigger} tells {', '.join(known)}"
            )
    for facts in _trials(trigger):
        try:
            work_out(text, facts)
        except BadFormula as problem:
            told = ", ".join(f"{name}={value!r}" for name, value in facts.items())
            raise BadFormula(f"{problem} for {told}") from None


def work_out(text: str, facts: Mapping[str, int | str]) -> int:
    """What the formula pays for the facts; BadFormula if that is no amount."""
    try:
        found = SimpleEval(operators=_OPERATORS, functions=_FUNCTIONS, names=facts).eval(
            text, previously_parsed=_parsed(text)
        )
    except ZeroDivisionError:
        raise BadFormula("divides by zero") from None
    except (TypeError, InvalidExpression) as error:
        raise BadFormula(f"cannot be worked out: {error}") from None
    if isinstance(found, bool) or not isinstance(found, int):
        raise BadFormula("pays a text or a yes or no, not a whole number")
    if not 0 <= found <= LARGEST_REWARD:
        raise BadFormula(f"pays {found}, which is not between 0 and {LARGEST_REWARD}")
    return found


@lru_cache(maxsize=256)
def _parsed(text: str) -> ast.expr:
    return _parse(text).body


def _parse(text: str) -> ast.Expression:
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise BadFormula(f"is not an expression: {getattr(error, 'msg', error)}") from None
    if _depth(tree) > _DEEPEST:
        raise BadFormula(f"is nested more than {_DEEPEST} levels deep")
    return tree


def _depth(tree: ast.AST) -> int:
    depth, level = 0, [tree]
    while level:
        depth += 1
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    return depth


def _check_call(node: ast.Call) -> None:
    name = node.func.id if isinstance(node.func, ast.Name) else None
    if name not in _FUNCTIONS or node.keywords or len(node.args) < 2:
        raise BadFormula(f"at {_place(node)}: only min and max of two or more values may be called")


def _check_literal(node: ast.Constant) -> None:
    if isinstance(node.value, str):
        return
    if isinstance(node.value, bool) or not isinstance(node.value, int):
        raise BadFormula(f"the value at {_place(node)} is no whole number and no text")
    if node.value > _LARGEST_LITERAL:
        raise BadFormula(f"the number at {_place(node)} is larger than {_LARGEST_LITERAL}")


def _place(node: ast.AST) -> str:
    """Where it stands, not what it is: a refusal repeats nothing that was sent."""
    column = getattr(node, "col_offset", None)
    return "some place" if column is None else f"byte {column + 1}"


def _trials(trigger: Trigger) -> Iterator[dict[str, Any]]:
    known = VARIABLES[trigger]
    for values in product(*known.values()):
        yield dict(zip(known, values, strict=True))
