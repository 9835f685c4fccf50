"""How a lecture is told: its file is read, its steps are run, and a page shows what they left behind.

``lectures/attacks/lecture.py`` is an example. Read on in this order:

- ``cells``, ``report``, ``style``, ``files``, ``run``, ``notebook`` and ``story`` tell one lecture;
- ``formulas``, ``inline``, ``markdown``, ``section`` and ``page`` show it;
- ``catalogue`` and ``tour`` go through all of them.
"""

from lectures.telling.run import Run
from lectures.telling.story import Story
from lectures.telling.style import figure

__all__ = ["Run", "Story", "figure"]
