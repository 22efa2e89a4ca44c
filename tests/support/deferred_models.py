"""aiogram's types get their validators when they are first used, as its methods do.

On import, aiogram builds the validators of all three hundred types, each with all that it contains: two seconds of
processor time in every worker of a run, which uses a few dozen. Processes of the product do as aiogram does.
"""

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

import pytest
from pydantic import BaseModel

PACKAGE = "aiogram.types"


def defer_models() -> None:
    """From now on, aiogram's types are imported without their validators; does nothing if they are imported already."""
    if PACKAGE not in sys.modules:
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != PACKAGE:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(Loader):
    def __init__(self, real: Loader) -> None:
        self._real = real

    def exec_module(self, module: ModuleType) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(BaseModel, "model_rebuild", classmethod(_later))
            self._real.exec_module(module)
        # A validator is built from annotations, whose names are looked up in the type's own module.
        names = {name: value for name, value in vars(module).items() if not name.startswith("__")}
        for name, part in list(sys.modules.items()):
            if name.startswith(f"{PACKAGE}."):
                vars(part).update({**names, **vars(part)})


def _later(_: type[BaseModel], /, **__: Any) -> None:
    """Builds nothing."""
