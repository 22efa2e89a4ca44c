"""aiogram's types and methods get their validators when they are first used.

On import, aiogram builds the validators of all three hundred types and a hundred and eighty methods, each with all that
it contains: two seconds of processor time before a process does anything, which then uses a few dozen of them. One that
is built later takes some milliseconds, once.
"""

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

TYPES, METHODS = "aiogram.types", "aiogram.methods.base"
Execute = Callable[[ModuleType], None]


def build_models_when_used() -> None:
    """From now on, aiogram's models are imported without their validators; does nothing if they are there already."""
    if TYPES not in sys.modules:
        sys.meta_path[:0] = [_Finder(TYPES, _import_types), _Finder(METHODS, _import_methods)]


class _Finder:
    """Finds one module, once, and has it executed by a function of ours."""

    def __init__(self, name: str, imports: Callable[[Execute, ModuleType], None]) -> None:
        self._name, self._imports = name, imports

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            execute, imports = spec.loader.exec_module, self._imports
            spec.loader.exec_module = lambda module: imports(execute, module)  # type: ignore[method-assign]
        return spec


def _import_methods(execute: Execute, module: ModuleType) -> None:
    """The base of all methods, whose settings they inherit."""
    execute(module)
    module.TelegramMethod.model_config["defer_build"] = True


def _import_types(execute: Execute, module: ModuleType) -> None:
    from pydantic import BaseModel

    rebuild = BaseModel.__dict__["model_rebuild"]
    BaseModel.model_rebuild = classmethod(_later)  # type: ignore[assignment]
    try:
        execute(module)
    finally:
        BaseModel.model_rebuild = rebuild  # type: ignore[method-assign]
    # A validator is built from annotations, whose names are looked up in the type's own module.
    names = {name: value for name, value in vars(module).items() if not name.startswith("__")}
    for name, part in list(sys.modules.items()):
        if name.startswith(f"{TYPES}."):
            vars(part).update({**names, **vars(part)})


def _later(_: Any, /, **__: Any) -> None:
    """Builds nothing."""
