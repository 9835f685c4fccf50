"""Steps without the engine: `compile` records what a step asks of NumPy, and replays it.

1. `recorded`: an array that computes, and has every call written down.
2. `calls`: what is written down.
3. `discovery`: the tensors and arrays that a step can reach, and what else it refers to.
4. `recording` and `recorder`: the list of the calls, and the backend that makes it.
5. `comparing`: whether two recordings are the same.
6. `lowering`, `memory`, `source` and `program`: from a recording to plain lines of NumPy.
7. `compiled`: `compile` itself.
"""

from minigrad.compiling.compiled import Compiled, compile
from minigrad.compiling.recorded import CompileError

__all__ = ["CompileError", "Compiled", "compile"]
