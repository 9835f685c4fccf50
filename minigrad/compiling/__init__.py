"""Steps without the engine: `compile` records what a step asks of NumPy, and replays it.

1. `recorded`: an array that computes, and has every call written down.
2. `recording`: the list of the calls, and the backend that makes it.
3. `discovery`: the tensors that a step can reach, and what else it refers to.
4. `comparing`: whether two recordings are the same.
5. `memory`, `lowering` and `program`: from a recording to plain lines of NumPy.
6. `compiled`: `compile` itself.
"""

from minigrad.compiling.compiled import Compiled, compile
from minigrad.compiling.recorded import CompileError

__all__ = ["CompileError", "Compiled", "compile"]
