"""What the tests of the lectures share: a stand-in for the shell of a notebook."""

import sys
import types

import pytest


class Shell:
    """Stands for IPython's shell: remembers what was displayed."""

    def __init__(self):
        self.shown = []
        self.display_pub = self

    def publish(self, data, metadata):
        self.shown.append((data, metadata))


@pytest.fixture
def shell(monkeypatch):
    shell = Shell()
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: shell
    ipython.version_info = (9, 0)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    return shell
