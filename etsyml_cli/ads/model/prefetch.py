"""Memory prefetch for numba, which has none: a function for the LLVM instruction."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

TO_WRITE, EVERY_LEVEL, DATA = 1, 3, 1  # llvm.prefetch(address, rw, locality, cache type)


def _prefetch_row(_typing: Any, rows: Any, _number: Any) -> Any:
    """Prefetch rows[number] into the cache; `rows` is (N, 2) and contiguous. Has no effect on results."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, index = arguments
        start = context.make_array(signature.args[0])(context, builder, array).data
        address = builder.gep(start, [builder.mul(index, index.type(2))])
        pointer, flag = ir.IntType(8).as_pointer(), ir.IntType(32)
        instruction = builder.module.declare_intrinsic(
            "llvm.prefetch", [pointer], ir.FunctionType(ir.VoidType(), [pointer, flag, flag, flag])
        )
        flags = [flag(value) for value in (TO_WRITE, EVERY_LEVEL, DATA)]
        builder.call(instruction, [builder.bitcast(address, pointer), *flags])
        return context.get_dummy_value()

    return types.void(rows, types.int64), generate


prefetch_row: Any = intrinsic(_prefetch_row)
