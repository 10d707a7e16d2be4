"""The process of a job that names a Python function.

It is started as ``python -m orchestrator.schedule.task package.module:function``.
"""

import importlib
import os
import sys

__all__ = ["main"]


def main(arguments: list[str]) -> int:
    """Import the function and call it without arguments; what it raises is a traceback and exit code 1."""
    sys.path.append(os.getcwd())
    module, _, name = arguments[0].partition(":")
    getattr(importlib.import_module(module), name)()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
