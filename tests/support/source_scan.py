"""What the code says, read from the code: labels of buttons, errors that are raised, codes that are announced."""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from crm_core import errors
from crm_core.delivery import bots
from crm_core.errors import CrmError

ROOT = Path(__file__).parents[2]
ERRORS = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, CrmError) and kind is not CrmError
}


@cache
def _sources(package: str) -> list[tuple[Path, str]]:
    return [(path, path.read_text(encoding="utf-8")) for path in sorted((ROOT / package).rglob("*.py"))]


def modules(*packages: str, without: str = "", mentioning: Iterable[str] = ()) -> Iterator[ast.Module]:
    """The parsed code; the sandbox is not ours to speak.

    Args:
        mentioning: only modules in which one of these words stands; each process of a test run parses what it is given.
    """
    mentions = _mentions(mentioning)
    for text in _texts(*packages, without=without):
        if mentions.search(text):
            yield ast.parse(text)


def _texts(*packages: str, without: str = "") -> Iterator[str]:
    for package in packages:
        for path, text in _sources(package):
            if not {"sandbox", "migrations", without} & {*path.parts}:
                yield text


def _mentions(words: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(rf"\b{word}\b" for word in words))


def called(call: ast.Call) -> str:
    """The last part of the name that is called."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    """Every call in a piece of code."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def labels() -> set[str]:
    """The English texts that stand on buttons."""
    found, buttons = set(), ("button", "back", "InlineKeyboardButton", "KeyboardButton")
    for tree in modules("bot", mentioning=buttons):
        for call in calls(tree):
            if called(call) in buttons:
                where = [*call.args[:1], *(one.value for one in call.keywords if one.arg == "text")]
                texts = [one.args[0] for part in where for one in calls(part) if called(one) == "_"]
                found |= {str(text.value) for text in texts if isinstance(text, ast.Constant)}
    return found | {"today", "7 days", "30 days", "all time"}  # periods get their names from a function


@cache
def raised() -> list[tuple[str, tuple[str, ...]]]:
    """Every error with the fields that it is given, wherever one is made; without fields where none ever is."""
    found = {
        (called(call), tuple(sorted(one.arg for one in call.keywords if one.arg)))
        for tree in modules("crm_core", "bot", mentioning=ERRORS)
        for call in calls(tree)
        if called(call) in ERRORS
    }
    return sorted(found | {(name, ()) for name in ERRORS.keys() - {name for name, _ in found}})


# A code that is put together where it is used.
PUT_TOGETHER = {
    "f'bot_{state}'": tuple(f"bot_{state}" for state in bots.TROUBLES),
    "'switched_on' if is_active else 'switched_off'": ("switched_on", "switched_off"),
    "'source_given' if is_assigned else 'source_taken'": ("source_given", "source_taken"),
    "over": tuple(f"{state}_over" for state in bots.TROUBLES),
}
NOT_SAID = {"code", "cause", "now", "bot_id", "quiet", "besides"}  # what `tell_admins` keeps to itself


@dataclass(frozen=True, slots=True)
class Announcer:
    """A function that announces whatever code it is given."""

    place: int
    is_for_clients: bool
    fields: set[str]  # that it adds of its own


def functions(mentioning: Iterable[str]) -> list[ast.FunctionDef]:
    """Every function of the core that mentions one of these words; the API has its own, for programs."""
    mentions, found = _mentions(mentioning), []
    for text in _texts("crm_core", without="api"):
        if mentions.search(text):
            lines = text.split("\n")
            for node in _functions_in(ast.parse(text)):
                if mentions.search("\n".join(lines[node.lineno - 1 : node.end_lineno])):
                    found.append(node)
    return found


def _functions_in(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    """The functions and methods of a module, those within functions included."""
    for node in getattr(tree, "body", ()):
        if isinstance(node, ast.FunctionDef):
            yield node
        yield from _functions_in(node)


def payloads(function: ast.FunctionDef) -> Iterator[tuple[ast.expr, set[str]]]:
    """The code and the other keys of each payload that is written down in a function."""
    for node in ast.walk(function):
        if isinstance(node, ast.Dict):
            content = {
                key.value: value
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant)
            }
            if "code" in content:
                yield content["code"], {str(key) for key in content} - {"code"}


def code_of(call: ast.Call, announcer: Announcer) -> ast.expr:
    """What a call gives as the code."""
    return next((one.value for one in call.keywords if one.arg == "code"), None) or call.args[announcer.place]


def announcers(every: Sequence[ast.FunctionDef]) -> dict[str, Announcer]:
    """Those of the functions that announce a code, and those that hand theirs on to them."""
    found: dict[str, Announcer] = {}
    rest = {one.name: one for one in every if "code" in {arg.arg for arg in (*one.args.args, *one.args.kwonlyargs)}}
    for _round in range(3):
        for name, function in rest.items():
            place = next((at for at, arg in enumerate(function.args.args) if arg.arg == "code"), -1)
            for code, keys in payloads(function):
                if ast.unparse(code) == "code":
                    found[name] = Announcer(place, "CLIENT_NOTICE" in ast.unparse(function), keys)
            for call in calls(function):
                inner = found.get(called(call))
                if inner and name not in found and ast.unparse(code_of(call, inner)) == "code":
                    found[name] = Announcer(place, inner.is_for_clients, inner.fields)
    return found


@cache
def announced() -> list[tuple[str, bool, tuple[str, ...]]]:
    """Every code that the core announces: to clients or not, with which fields."""
    known, found = announcers(functions(["code"])), set()
    for function in functions(["code", *known]):
        said = [(code, "CLIENT_NOTICE" in ast.unparse(function), keys) for code, keys in payloads(function)]
        for call in calls(function):
            if announcer := known.get(called(call)):
                given = {one.arg for one in call.keywords if one.arg} - NOT_SAID
                said.append((code_of(call, announcer), announcer.is_for_clients, announcer.fields | given))
        for code, is_for_clients, keys in said:
            if function.name in known and ast.unparse(code) == "code":
                continue
            written = [str(code.value)] if isinstance(code, ast.Constant) else PUT_TOGETHER[ast.unparse(code)]
            found |= {(one, is_for_clients, tuple(sorted(keys))) for one in written}
    return sorted(found)
