"""A jinja environment for templates of strangers: what one writes, and all that it makes on the way, has a bound.

Jinja's own sandbox keeps a template from reaching into Python, and bounds ranges; `{{ 'a' * 10 ** 10 }}` it lets
pass, in one step of the interpreter that nothing can interrupt. Here whatever can make a value larger than those
it is made of asks first, and pays from a budget: operators, joined strings, lists, filters, methods, blocks of
text. Filters and methods that chat templates have no use for are left out.

The extras are those that transformers documents for chat templates.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from functools import wraps
from types import BuiltinMethodType, ModuleType
from typing import Any

from jinja2 import Template, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

BUDGET = 16 << 20
"""What all values of one rendering may come to: characters, and `_ITEM` for each item of a list."""
_ITEM = 8
_DIGITS = 4096
"""Bits of a number."""

_FILTERS = str.split(
    "abs attr capitalize count d default dictsort e escape first float int items join last length list lower map "
    "max min reject rejectattr replace reverse safe select selectattr sort string title trim unique upper"
)
_METHODS = str.split(
    "capitalize count endswith find get index isalnum isalpha isdecimal isdigit islower isnumeric isspace istitle "
    "isupper items join keys lower lstrip partition removeprefix removesuffix replace rfind rindex rpartition "
    "rsplit rstrip split splitlines startswith strip swapcase title upper values"
)
_LEFT: ContextVar[list[int]] = ContextVar("left")
"""What is left of the budget of the rendering, or the compiling, that is under way."""


def compiled(source: str) -> Callable[[Mapping[str, Any]], str]:
    """A template as a function from its variables to its text.

    The function, and this one, raise whatever a template may raise, `SecurityError` where it goes beyond a bound.
    """
    _LEFT.set([BUDGET])
    template: Template = _Environment().from_string(source)

    def render(variables: Mapping[str, Any]) -> str:
        _LEFT.set([BUDGET])
        return _paid_concat(template.generate(variables))

    return render


def _pay(cost: int) -> None:
    left = _LEFT.get()
    left[0] -= cost
    if left[0] < 0:
        raise SecurityError("it makes more text than a conversation could need")


def _paid(value: Any) -> Any:
    """The value, which is paid for."""
    _pay(_size(value))
    return value


def _size(value: Any) -> int:
    """How much a value is when it is written out; more than is left where it is that at least."""
    most, size, waiting = _LEFT.get()[0], 0, [value]
    while waiting and size <= most:
        each = waiting.pop()
        if isinstance(each, str | bytes | range):
            size += len(each)
        elif isinstance(each, int):
            if each.bit_length() > _DIGITS:
                raise SecurityError("it counts too far")
        elif isinstance(each, Mapping):
            size += _ITEM * len(each)
            waiting += [*each.keys(), *each.values()] if size <= most else ()
        elif isinstance(each, list | tuple | set | frozenset):
            size += _ITEM * len(each)
            waiting += each if size <= most else ()
    return size


def _paid_concat(pieces: Iterable[str]) -> str:
    """Join text piece by piece, which may not exist yet, as long as it can be paid for."""
    return "".join(_paid(piece) for piece in pieces)


class _Compiler(CodeGenerator):
    """Has joined strings, and lists, paid for where they are made."""

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802 (jinja's name)
        self.write("environment.joined((")
        for each in node.nodes:
            self.visit(each, frame)
            self.write(", ")
        self.write("))")

    def visit_List(self, node: nodes.List, frame: Frame) -> None:  # noqa: N802
        self.write("environment.paid(")
        super().visit_List(node, frame)
        self.write(")")

    def visit_Dict(self, node: nodes.Dict, frame: Frame) -> None:  # noqa: N802
        self.write("environment.paid(")
        super().visit_Dict(node, frame)
        self.write(")")

    def visit_Tuple(self, node: nodes.Tuple, frame: Frame) -> None:  # noqa: N802
        if node.ctx != "load":  # names to be set
            super().visit_Tuple(node, frame)
            return
        self.write("environment.paid(")
        super().visit_Tuple(node, frame)
        self.write(")")


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"+", "*", "**", "%"})
    code_generator_class = _Compiler
    paid = staticmethod(_paid)
    concat = staticmethod(_paid_concat)

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _GenerationTag], finalize=_paid
        )
        self.filters = {name: _paying(name, self.filters[name]) for name in _FILTERS if name != "tojson"}
        self.filters["tojson"] = _as_json
        self.globals = {name: self.globals[name] for name in ("range", "dict", "namespace")}
        self.globals["raise_exception"] = _raise

    @staticmethod
    def joined(parts: Iterable[Any]) -> str:
        return "".join(str(_paid(part)) for part in parts)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "%" and isinstance(left, str | bytes):
            raise SecurityError("% of strings is left out")
        if operator == "**":
            _pay(_size(left) + _size(right))
            if (
                left.bit_length() * abs(right) > _DIGITS
                if isinstance(left, int) and isinstance(right, int)
                else False
            ):
                raise SecurityError("it counts too far")
        if operator == "*":
            for value, times in ((left, right), (right, left)):
                if isinstance(times, int) and not isinstance(value, int | float):
                    _pay(_size(value) * max(times, 0))
        return _paid(super().call_binop(context, operator, left, right))

    def call(__self, __context: Context, __obj: Any, *args: Any, **more: Any) -> Any:  # noqa: N805 (as in jinja)
        if isinstance(__obj, BuiltinMethodType) and not isinstance(__obj.__self__, ModuleType):
            _pay_for_method(__obj, args)
        return _paid(super().call(__context, __obj, *args, **more))

    def wrap_str_format(self, value: Any) -> Any:
        """No formats: a width in one is a length."""
        found = super().wrap_str_format(value)
        if found is not None:
            raise SecurityError("format is left out")
        return found


def _pay_for_method(method: BuiltinMethodType, given: tuple[Any, ...]) -> None:
    """For what a method of a string, list or mapping will make, beyond which it is paid for itself."""
    name, own = method.__name__, method.__self__
    if name not in _METHODS:
        raise SecurityError(f"{name} is left out")
    if isinstance(own, str):
        _pay_for_text(name, own, given)


def _pay_for_text(name: str, own: Any, given: tuple[Any, ...]) -> None:
    if name == "replace" and len(given) > 1 and all(isinstance(each, str) for each in (own, *given[:2])):
        _pay(own.count(given[0]) * len(given[1]))
    elif name == "join":
        for items, between in ((own, "".join(map(str, given))), (given[0] if given else (), own)):
            if isinstance(items, list | tuple):
                _pay(_size(items) + len(items) * len(str(between)))
    elif name in ("split", "rsplit", "splitlines", "list"):
        _pay(_ITEM * len(own) if isinstance(own, str) else _size(own))


def _paying(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter of jinja that asks first. It may take a context or an environment before its values."""

    @wraps(function)
    def asked(*given: Any, **more: Any) -> Any:
        skipped = 1 if hasattr(function, "jinja_pass_arg") else 0
        values = given[skipped:]
        _pay(sum(map(_size, values)))
        if values:
            _pay_for_text(name, values[0], (*values[1:], *more.values()))
        return _paid(function(*given, **more))

    return asked


def _as_json(value: Any, ensure_ascii: bool = False, indent: int | None = None, sort_keys: bool = False) -> str:
    """A value as transformers has templates write it."""
    _pay(_size(value) * (1 + 64 * max(indent or 0, 0)))
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, sort_keys=sort_keys)


def _raise(message: str) -> None:
    raise TemplateError(message)


class _GenerationTag(Extension):
    """`{% generation %}`, with which templates mark what a model has said: the text in it, as it is."""

    tags = {"generation"}  # noqa: RUF012 (as in jinja)

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)
