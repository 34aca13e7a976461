"""Templates of strangers: those of models write what they should, and hostile ones take no memory."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2.exceptions import TemplateError

from sandbox.llm.bounded_jinja import BUDGET, compiled

MESSAGES = [
    {"role": "system", "content": "You are careful."},
    {"role": "user", "content": " A hall.\n"},
    {"role": "assistant", "content": "<think>hm</think>go north"},
]


@pytest.fixture(autouse=True)
def memory() -> Iterator[None]:
    """Half a gibibyte more than there is: without a bound, this is what gives way."""
    used = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (used + (512 << 20), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_DATA, before)


GROWS = "{% set ns = namespace(x='ab', l=[1], n=7) %}{% for i in range(60) %}"

HOSTILE = {
    "product": "{{ 'a' * 10**10 }}",
    "product, turned": "{{ 10**10 * 'a' }}",
    "product of a variable": "{% set n = 10000000000 %}{{ messages[0].content * n }}",
    "product of a list": "{{ [1] * 10**10 }}",
    "power": "{{ 10 ** (10 ** 10) }}",
    "power, squared": GROWS + "{% set ns.n = ns.n * ns.n %}{% endfor %}",
    "sum": GROWS + "{% set ns.x = ns.x + ns.x %}{% endfor %}",
    "sum of lists": GROWS + "{% set ns.l = ns.l + ns.l %}{% endfor %}",
    "joined": GROWS + "{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
    "joined, many": "{% set x = 'a' * 1000000 %}{{ " + " ~ ".join(["x"] * 2000) + " }}",
    "list of lists": GROWS + "{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}",
    "tuple of tuples": GROWS + "{% set ns.l = (ns.l, ns.l) %}{% endfor %}{{ ns.l }}",
    "mapping of mappings": GROWS + "{% set ns.l = {'a': ns.l, 'b': ns.l} %}{% endfor %}{{ ns.l }}",
    "block": GROWS + "{% set x %}{{ ns.x }}{{ ns.x }}{% endset %}{% set ns.x = x %}{% endfor %}",
    "macro": "{% macro d(x) %}{{ x }}{{ x }}{% endmacro %}{{ " + "d(" * 40 + "'ab'" + ")" * 40 + " }}",
    "filter block": GROWS
    + "{% set ns.x %}{% filter upper %}{{ ns.x }}{{ ns.x }}{% endfilter %}{% endset %}{% endfor %}",
    "format": "{{ '%1000000000d' % 1 }}",
    "format, method": "{{ '{:1000000000}'.format(1) }}",
    "format, attribute": "{{ ('{:1000000000}'|attr('format'))(1) }}",
    "format, filter": "{{ '%1000000000d'|format(1) }}",
    "center": "{{ 'a'|center(10**9) }}",
    "center, method": "{{ 'a'.center(10**9) }}",
    "ljust": "{{ 'a'.ljust(1000000000) }}",
    "zfill": "{{ 'a'.zfill(1000000000) }}",
    "tabs": "{{ '\t'.expandtabs(1000000000) }}",
    "bytes": "{{ (5).to_bytes(1000000000, 'big') }}",
    "replace": "{% set x = 'a' * 100000 %}{{ x.replace('a', x) }}",
    "replace, filter": "{% set x = 'a' * 100000 %}{{ x|replace('a', x) }}",
    "join": "{% set x = 'a' * 100000 %}{{ x.join(range(100000)|map('string')|list) }}",
    "join, filter": "{% set x = 'a' * 100000 %}{{ range(100000)|list|join(x) }}",
    "indent": "{{ ('\n' * 100000)|indent(100000) }}",
    "json": "{{ [[[1]]]|tojson(indent=1000000000) }}",
    "lorem": "{{ lipsum(n=100000) }}",
    "batch": "{{ [1]|batch(1000000000, 1)|list }}",
    "round": "{{ 2|round(1000000000) }}",
    "mapped": "{% set x = 'a' * 10000 %}{{ range(100000)|map('replace', '0', x)|list|length }}",
    "split": "{% set x = 'a ' * 4000000 %}{{ x.split()|length }}",
    "keys": "{{ dict.fromkeys(range(100000), 'a' * 1000) }}",
    "output": "{% set x = 'a' * 100000 %}{% for i in range(100000) %}{{ x }}{% endfor %}",
    "data": "{% for i in range(100000) %}{% for j in range(1000) %}" + "a" * 1000 + "{% endfor %}{% endfor %}",
}


@pytest.mark.parametrize("source", HOSTILE.values(), ids=HOSTILE)
def test_a_template_that_would_take_much_memory_is_stopped(source: str) -> None:
    with pytest.raises((TemplateError, TypeError)):
        compiled(source)({"messages": MESSAGES})


USUAL = {
    "{% for m in messages %}<|{{ m['role'] }}|>\n{{ m.content | trim }}{{ eos }}{% endfor %}": (
        "<|system|>\nYou are careful.</s><|user|>\nA hall.</s><|assistant|>\n<think>hm</think>go north</s>"
    ),
    "{{ messages[-1].content.split('</think>')[-1].lstrip('\\n') ~ eos + '!' * 3 }}": "go north</s>!!!",
    "{% set ns = namespace(n=0) %}{% for m in messages if m.role != 'system' %}{% set ns.n = ns.n + 1 %}"
    "{%- if loop.last %}{{ ns.n }}{{ loop.index0 % 2 }}{% endif %}{% endfor %}": "21",
    "{% macro said(m) -%}[{{ m.content }}]{%- endmacro %}{{ said(messages[0]) }}": "[You are careful.]",
    "{%- for m in messages[::-1] %}{% if m.role == 'user' %}{{ m | tojson }}{% break %}{% endif %}{% endfor %}": (
        '{"role": "user", "content": " A hall.\\n"}'
    ),
    "{% generation %}{{ messages|map(attribute='role')|join(' ') }}{% endgeneration %}": "system user assistant",
    "{{ messages|selectattr('role', 'equalto', 'user')|list|length }}{{ 2 ** 3 }}{{ tools is none }}": "18False",
    "{{ ({'a': [1, (2, 3)]}).items()|list }}": "[('a', [1, (2, 3)])]",
    "{{ 'a' if eos.startswith('<') else raise_exception('no') }}": "a",
}


@pytest.mark.parametrize(("source", "text"), USUAL.items())
def test_what_templates_of_models_are_made_of_works(source: str, text: str) -> None:
    assert compiled(source)({"messages": MESSAGES, "eos": "</s>"}) == text


def test_a_long_conversation_is_within_the_bound() -> None:
    long = [{"role": "user", "content": "a" * 2000}] * 100
    source = "{% for m in messages %}{{ '<' + m.role + '>' + m.content | trim }}{% endfor %}"
    render = compiled(source)
    assert len(render({"messages": long})) == len(render({"messages": long})) > 200_000 > BUDGET // 100


def test_a_template_that_raises_says_so() -> None:
    with pytest.raises(TemplateError, match="no system"):
        compiled("{{ raise_exception('no system') }}")({})
