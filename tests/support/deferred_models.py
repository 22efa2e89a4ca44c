"""aiogram's types and methods get their validators when they are first used.

On import, aiogram builds the validators of all three hundred types and a hundred and eighty methods, each with all that
it contains: three seconds of processor time in every worker of a run and every process of the simulator, which use a
few dozen. Processes of the product do as aiogram does.
"""

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from pydantic import BaseModel

PACKAGE = "aiogram.types"
METHODS = "aiogram.methods.base"


def defer_models() -> None:
    """From now on, aiogram's models are imported without their validators; does nothing if they are already there."""
    if PACKAGE not in sys.modules:
        sys.meta_path[:0] = [_Finder(PACKAGE, _TypesLoader), _Finder(METHODS, _MethodsLoader)]


class _Finder(MetaPathFinder):
    def __init__(self, name: str, loader: Callable[[Loader], Loader]) -> None:
        self._name, self._loader = name, loader

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = self._loader(spec.loader)
        return spec


class _MethodsLoader(Loader):
    """The base of all methods, whose settings they inherit."""

    def __init__(self, real: Loader) -> None:
        self._real = real

    def exec_module(self, module: ModuleType) -> None:
        self._real.exec_module(module)
        module.TelegramMethod.model_config["defer_build"] = True


class _TypesLoader(Loader):
    def __init__(self, real: Loader) -> None:
        self._real = real

    def exec_module(self, module: ModuleType) -> None:
        inherited = BaseModel.__dict__["model_rebuild"]
        type.__setattr__(BaseModel, "model_rebuild", classmethod(_later))
        try:
            self._real.exec_module(module)
        finally:
            type.__setattr__(BaseModel, "model_rebuild", inherited)
        # A validator is built from annotations, whose names are looked up in the type's own module.
        names = {name: value for name, value in vars(module).items() if not name.startswith("__")}
        for name, part in list(sys.modules.items()):
            if name.startswith(f"{PACKAGE}."):
                vars(part).update({**names, **vars(part)})


def _later(_: type[BaseModel], /, **__: Any) -> None:
    """Builds nothing."""
