"""The reference of python.md: signatures and docstrings, in the place of `<!-- reference -->`."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from functools import cached_property
from types import GenericAlias, UnionType
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import neurorecon

if TYPE_CHECKING:
    from mkdocs.structure.pages import Page

MARK = "<!-- reference -->"


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Called by MkDocs for each page."""
    return markdown.replace(MARK, reference()) if page.file.src_uri == "python.md" else markdown


def reference() -> str:
    """Every name of `neurorecon.__all__`, functions first."""
    named = {name: getattr(neurorecon, name) for name in neurorecon.__all__}
    functions = [name for name, thing in named.items() if inspect.isfunction(thing)]
    classes = [name for name, thing in named.items() if inspect.isclass(thing)]
    parts = []
    for name in functions:
        parts += [f"### {name}", *_entry(name, named[name])]
    for name in classes:
        parts += [f"### {name}", *_class(name, named[name])]
    return "\n\n".join(parts)


def _class(name: str, kind: type) -> Iterator[str]:
    if issubclass(kind, Exception):
        yield f"{inspect.getdoc(kind)} Derives from `{kind.__mro__[1].__name__}`."
        return
    yield from _entry(name, kind)
    for what, method in _own(kind):
        bound = method.__func__ if isinstance(method, classmethod) else method
        yield f"#### {name}.{what}"
        if isinstance(bound, property | cached_property):
            yield inspect.getdoc(bound) or ""
        else:
            yield from _entry(f"{name}.{what}", bound)


def _own(kind: type) -> Iterator[tuple[str, Any]]:
    """Public methods of a class, and the properties that its docstring names, inherited or not."""
    told = set(re.findall(r"`(\w+)`", kind.__doc__ or ""))
    everything = {name: each for one in reversed(kind.__mro__) for name, each in vars(one).items()}
    for name, each in everything.items():
        is_method = isinstance(each, classmethod) or inspect.isfunction(each)
        own_method = is_method and name in vars(kind) and not name.startswith("_")
        if own_method or (isinstance(each, property | cached_property) and name in told):
            yield name, each


def _entry(name: str, thing: Any) -> Iterator[str]:
    """The signature, a parameter a line where there are several, and the docstring."""
    signature = inspect.signature(thing)
    given = [each for name, each in signature.parameters.items() if name not in ("self", "cls")]
    names = vars(sys.modules[thing.__module__])
    words = [_parameter(each, names) for each in given]
    keyword_only = [each.kind is each.KEYWORD_ONLY for each in given]
    if any(keyword_only):
        words.insert(keyword_only.index(True), "*")
    inside = ", ".join(words)
    if len(inside) > 60:
        inside = "\n    " + ",\n    ".join(words) + ",\n"
    returns = "" if inspect.isclass(thing) else f" -> {_type(signature.return_annotation, names)}"
    yield f"```python\n{name}({inside}){returns}\n```"
    yield _markdown(inspect.getdoc(thing) or "", list(signature.parameters))


def _parameter(each: inspect.Parameter, names: dict[str, Any]) -> str:
    text = each.name
    if each.annotation is not each.empty:
        text += f": {_type(each.annotation, names)}"
    return text if each.default is each.empty else f"{text} = {each.default!r}"


def _type(annotation: Any, names: dict[str, Any]) -> str:
    """As it stands in the source, but for the short names that neurorecon has for types."""
    text = getattr(annotation, "__forward_arg__", annotation)  # of a NamedTuple

    def meant(found: re.Match[str]) -> str:
        alias = names.get(found[0])
        if get_origin(alias) is Literal:
            return " | ".join(map(repr, get_args(alias)))
        own = isinstance(alias, UnionType | GenericAlias) and found[0] not in ("ArrayLike",)
        return re.sub(r"\b(?:typing|collections\.abc)\.", "", str(alias)) if own else found[0]

    return re.sub(r"\b[A-Z]\w+(?!\[)\b", meant, str(text))


def _markdown(docstring: str, names: list[str]) -> str:
    """The paragraphs of a docstring; what begins with names of parameters, as a list."""
    one = "|".join(map(re.escape, names)) or "(?!)"
    start = re.compile(rf"(?:^|(?<=\. ))((?:{one})(?:, (?:{one}))*): ")
    paragraphs = []
    for paragraph in docstring.split("\n\n"):
        text = " ".join(line.strip() for line in paragraph.splitlines())
        if not start.match(text):
            paragraphs.append(text)
            continue
        _, *parts = start.split(text)
        items = zip(parts[::2], parts[1::2], strict=True)
        paragraphs.append("\n".join(f"- {_code(name)}: {said.strip()}" for name, said in items))
    return "\n\n".join(paragraphs)


def _code(names: str) -> str:
    return ", ".join(f"`{name}`" for name in names.split(", "))
