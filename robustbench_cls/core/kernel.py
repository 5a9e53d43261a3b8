"""`@kernel`: a Python function over arrays, compiled when it is first called, and cached on disk afterwards.

numba would write the machine code beside the source files. In an installed package those files would stay when pip
removes the package, and Python would take what is left for the package. So the cache lies in the user's cache folder,
or in `NUMBA_CACHE_DIR` where that is set. Where the folder can't be written, kernels are compiled in every process.

Kernels release Python's lock, so threads run them side by side. They do not check array bounds. They keep the order
of floating-point operations, so that x86-64 and Arm compute the same bytes: there is no `fastmath`, and LLVM joins no
product and sum into one operation on its own.

A kernel calls only kernels of its own file, because numba renews a cached kernel when that file changes and looks at
no other file. Files hand arrays to one another instead. That measured faster than one fused loop, too: LLVM turns
small loops into vector code, and a photo fits into the second-level cache.

Kernels are compiled on the first call and not on import, so that `robust list` need not load numba, which takes a
third of a second.

numba computes with whole numbers in 64 bits, whatever the types of the two sides, and LLVM keeps it so where a result
is shifted right. A vector register holds four times as many 16-bit numbers. So kernels that must be fast write
`add(a, b)` for `a + b`, and so on: the result has the type of `a`. These operations never change their meaning,
because the cache looks at the file of the kernel alone.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from tempfile import TemporaryFile
from threading import Lock
from types import FunctionType
from typing import Any, Generic, ParamSpec, TypeVar, cast

from platformdirs import user_cache_dir

from robustbench_cls.core.errors import UserError

P = ParamSpec("P")
R = TypeVar("R")
N = TypeVar("N")


_CHOOSING_FOLDER = Lock()
"""Held while numba's setting, which belongs to the whole process, names our folder."""

MOST_TRIES = 20
"""Calls until a kernel runs on a full disk. It and each kernel that it calls may fail once, when it is cached."""


class Kernel(Generic[P, R]):
    """A function to be compiled; call it as the function itself."""

    def __init__(self, function: Callable[P, R]) -> None:
        self.function = cast(FunctionType, function)
        self._compiled: Callable[P, R] | None = None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function, compiled."""
        compiled = self._compiled or self.compiled()
        try:
            return compiled(*args, **kwargs)
        except (EOFError, UnpicklingError) as error:
            raise UserError(
                f"The cache of compiled kernels in {_cache_folder(os.environ.get('NUMBA_CACHE_DIR', ''))} is damaged "
                f"({error}). Delete that folder: it is made again."
            ) from error
        except OSError:  # the cache met a full disk; the machine code exists, and a second call runs it
            for _ in range(MOST_TRIES):
                with suppress(OSError):
                    return compiled(*args, **kwargs)
        return compiled(*args, **kwargs)

    def compiled(self) -> Callable[P, R]:
        """The function as numba wraps it. Each kind of arguments gets its machine code at the first call with them."""
        if self._compiled is None:
            self._compiled = _compile(self.function)
        return self._compiled


def kernel(function: Callable[P, R]) -> Kernel[P, R]:
    """Mark a function over numpy arrays and numbers as compiled."""
    return Kernel(function)


class Narrow:
    """An operation on two whole numbers, for use in kernels. The result has the type of the left one, and wraps."""

    def __init__(self, name: str, build: Callable[[Any, Any, Any, bool], Any]) -> None:
        self.name = name
        self._build = build
        """Write the operation: an IR builder, the two sides in one type, whether it has a sign -> the result."""
        self._compiled: Callable[..., Any] | None = None

    def __call__(self, left: N, right: N | int) -> N:
        """Say where the operation can be used."""
        raise TypeError(f"{self.name} runs in kernels only")

    def compiled(self) -> Callable[..., Any]:
        """The operation as numba takes it."""
        if self._compiled is None:
            from numba.extending import intrinsic

            def typed(typing: Any, left: Any, right: Any) -> tuple[Any, Callable[..., Any]]:
                return left(left, right), self._generate

            self._compiled = intrinsic(typed)
        return self._compiled

    def _generate(self, context: Any, builder: Any, signature: Any, sides: Any) -> Any:
        left, right = signature.args
        return self._build(builder, sides[0], context.cast(builder, sides[1], right, left), left.signed)


def _high(builder: Any, left: Any, right: Any, signed: bool) -> Any:
    wide = type(left.type)(2 * left.type.width)
    extend = builder.sext if signed else builder.zext
    product = builder.mul(extend(left, wide), extend(right, wide))
    return builder.trunc(builder.lshr(product, wide(left.type.width)), left.type)


add = Narrow("add", lambda builder, left, right, signed: builder.add(left, right))
sub = Narrow("sub", lambda builder, left, right, signed: builder.sub(left, right))
mul = Narrow("mul", lambda builder, left, right, signed: builder.mul(left, right))
high = Narrow("high", _high)
"""The upper half of the product."""
shl = Narrow("shl", lambda builder, left, right, signed: builder.shl(left, right))
shr = Narrow("shr", lambda builder, left, right, signed: (builder.ashr if signed else builder.lshr)(left, right))
"""A shift to the right; of numbers with a sign, rounded down."""


def _compile(function: FunctionType) -> Callable[..., Any]:
    from numba import njit

    called = {name: function.__globals__.get(name) for name in function.__code__.co_names}
    kernels = {name: value.compiled() for name, value in called.items() if isinstance(value, Kernel | Narrow)}
    names = {**function.__globals__, **kernels}
    clone = FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)
    clone.__qualname__ = function.__qualname__
    clone.__module__ = function.__module__
    return _with_cache(partial(njit, clone, nogil=True, error_model="numpy"))


def _with_cache(compile_: Callable[..., Callable[..., Any]]) -> Callable[..., Any]:
    """Call numba's decorator with a cache in the user's folder, or without a cache where none can be kept."""
    import numba

    config: Any = numba.core.config  # its settings are made when it is imported, so mypy knows none
    with _CHOOSING_FOLDER:
        before = config.CACHE_DIR  # NUMBA_CACHE_DIR, or nothing
        folder = _cache_folder(before)
        if folder is None:  # numba would go on to the folder of the source files
            return compile_()
        config.CACHE_DIR = str(folder)
        try:
            return compile_(cache=True)
        except RuntimeError as error:
            if "no locator available" not in str(error):
                raise
            return compile_()  # the function has no source file
        finally:
            config.CACHE_DIR = before


def _cache_folder(asked: str) -> Path | None:
    """The folder that was asked for, else one of the user; None where it can't be written."""
    try:
        folder = Path(asked) if asked else Path(user_cache_dir("robustbench_cls", appauthor=False), "numba")
        folder.expanduser().mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=folder).close()
    except (OSError, RuntimeError):  # RuntimeError: this user has no home folder
        return None
    return folder
