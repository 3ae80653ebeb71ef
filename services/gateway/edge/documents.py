"""Documents: parsed, measured and validated once; trusted ones known by their hash."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    ValueNode,
    parse,
    specified_rules,
    validate,
)

from gateway.edge.compiled import CompiledDocument
from gateway.edge.limits import (
    ALIASES,
    DEPTH,
    REPEATS,
    TOKENS,
    Measurer,
    most_repeated,
    size_key,
)
from gateway.edge.planned import Plan
from gateway.edge.refusals import Flaw, InvalidDocument, RequestRefused
from gateway.relations import Plan as Relations

_MOST_DOCUMENTS = 1000
_MOST_CHARACTERS = 1_000_000
"""Of all remembered documents: a parsed one takes some 200 bytes for each of its characters."""
_MOST_INVALID = 200
_MOST_COSTS = 100


@dataclass(slots=True)
class Operation:
    node: OperationDefinitionNode
    defaults: Mapping[str, ValueNode]
    used: frozenset[str] | None = None
    """The variables that the cost depends on; None until it was measured once."""
    costs: dict[tuple[object, ...], int] = field(default_factory=dict)
    plan: Plan | None = None
    """How it runs without the executor, if `is_planned` and it can."""
    is_planned: bool = False


@dataclass(slots=True)
class Document:
    node: DocumentNode
    operations: dict[str, Operation]
    fragments: dict[str, FragmentDefinitionNode]
    is_valid: bool = False
    plans: dict[tuple[int, ...], Relations] = field(default_factory=dict)
    compiled: CompiledDocument = field(default_factory=dict)

    def operation(self, name: str | None) -> Operation:
        if name is not None:
            if name not in self.operations:
                raise RequestRefused(400, "unknown_operation", "no operation has this name")
            return self.operations[name]
        if len(self.operations) != 1:
            raise RequestRefused(
                400, "unknown_operation", "send operationName: the document has not one operation"
            )
        return next(iter(self.operations.values()))


class Documents:
    """A bounded memory of documents by their text, and a smaller one of invalid ones."""

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        most_cost: int,
        introspection: bool,
        trusted: Mapping[str, str],
    ) -> None:
        self._schema = schema
        self._most_cost = most_cost
        self._introspection = introspection
        self._rules = [*specified_rules]
        if not introspection:
            self._rules.append(NoSchemaIntrospectionCustomRule)
        self._trusted = trusted
        self._known: OrderedDict[str, Document] = OrderedDict()
        self._characters = 0
        self._invalid: OrderedDict[str, tuple[str, list[Flaw]]] = OrderedDict()

    def trusted(self, document_id: str) -> str:
        """The text behind `sha256:<hex>`."""
        text = self._trusted.get(document_id)
        if text is None:
            raise RequestRefused(400, "unknown_document", "no document has this id")
        return text

    def reading_cost(self, text: str) -> int:
        """What a document that is not remembered costs before it runs, or is refused: parsing and
        validating 2000 tokens takes a quarter of a second."""
        return 0 if text in self._known or text in self._invalid else len(text) // 2

    def prepare(
        self, text: str, operation_name: str | None, variables: Mapping[str, Any]
    ) -> tuple[Document, Operation, int]:
        """The document, its operation and what it costs; raises RequestRefused."""
        document = self._known.get(text)
        if document is None:
            refused = self._invalid.get(text)
            if refused is not None:
                raise InvalidDocument(*refused)
            document = self._parse(text)
        else:
            self._known.move_to_end(text)
        operation = document.operation(operation_name)
        cost = self._cost(document, operation, variables)
        if not document.is_valid:
            errors = validate(
                self._schema,
                document.node,
                self._rules,
                max_errors=5,
                hide_suggestions=not self._introspection,
            )
            if errors:
                raise self._refuse(text, "invalid_document", errors)
            document.is_valid = True
            self._keep(text, document)
        return document, operation, cost

    def _parse(self, text: str) -> Document:
        try:
            node = parse(text, max_tokens=TOKENS)
        except GraphQLError as error:
            raise self._refuse(text, "syntax", [error]) from None
        operations: dict[str, Operation] = {}
        fragments: dict[str, FragmentDefinitionNode] = {}
        for definition in node.definitions:
            if isinstance(definition, OperationDefinitionNode):
                name = "" if definition.name is None else definition.name.value
                defaults = {
                    variable.variable.name.value: variable.default_value
                    for variable in definition.variable_definitions or ()
                    if variable.default_value is not None
                }
                operations[name] = Operation(definition, defaults)
            elif isinstance(definition, FragmentDefinitionNode):
                fragments[definition.name.value] = definition
        if most_repeated(node, fragments) > REPEATS:
            raise RequestRefused(
                400, "too_many_repeats", f"a selection may name a field {REPEATS} times"
            )
        return Document(node, operations, fragments)

    def _cost(self, document: Document, operation: Operation, variables: Mapping[str, Any]) -> int:
        if operation.used is not None:
            known = operation.costs.get(size_key(operation.used, variables))
            if known is not None:
                return known
        measurer = Measurer(self._schema, document.fragments, variables, operation.defaults)
        measure = measurer.measure(operation.node)
        if measure.depth > DEPTH:
            raise RequestRefused(400, "too_deep", f"a document may be {DEPTH} fields deep")
        if measure.aliases > ALIASES:
            raise RequestRefused(400, "too_many_aliases", f"a document may have {ALIASES} aliases")
        if measure.cost > self._most_cost:
            raise RequestRefused(
                400,
                "too_costly",
                f"this operation costs {measure.cost}; {self._most_cost} is the most",
            )
        operation.used = frozenset(measurer.used)
        if len(operation.costs) < _MOST_COSTS:
            operation.costs[size_key(operation.used, variables)] = measure.cost
        return measure.cost

    def _keep(self, text: str, document: Document) -> None:
        self._known[text] = document
        self._characters += len(text)
        while len(self._known) > _MOST_DOCUMENTS or self._characters > _MOST_CHARACTERS:
            oldest, _ = self._known.popitem(last=False)
            self._characters -= len(oldest)

    def _refuse(self, text: str, code: str, errors: list[GraphQLError]) -> InvalidDocument:
        flaws = [Flaw(error.message, error.locations) for error in errors]
        _remember(self._invalid, text, (code, flaws), _MOST_INVALID)
        return InvalidDocument(code, flaws)


def is_subscription(operation: Operation) -> bool:
    return operation.node.operation is OperationType.SUBSCRIPTION


def _remember(memory: OrderedDict[str, Any], text: str, value: object, most: int) -> None:
    memory[text] = value
    if len(memory) > most:
        memory.popitem(last=False)


def document_id(text: str) -> str:
    return f"sha256:{sha256(text.encode()).hexdigest()}"


def read_trusted(path: Path | None) -> dict[str, str]:
    """The documents of a trusted-documents file; ValueError when a hash is not that of its text."""
    if path is None:
        return {}
    trusted = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    for given, text in trusted.items():
        if given != document_id(text):
            raise ValueError(f"{path}: {given} is not the hash of its document")
    return trusted
