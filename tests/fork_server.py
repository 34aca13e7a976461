"""Runs code as `python -c` does, each time in a process of its own that has other people's packages already.

A process for each call of the program is what a user has, and most of its second goes to the import of what it
builds on: that is done once here, before the processes are forked. What is ours each imports itself, in its order.

Reads requests as lines of JSON on standard input, and answers each with the exit status.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import sys
import threading
import traceback

for name in sys.argv[1:]:
    importlib.import_module(name)

gc.freeze()  # what is not looked at is not copied
for line in sys.stdin:
    asked = json.loads(line)
    if (child := os.fork()) == 0:
        break
    sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
    sys.stdout.flush()
else:
    sys.exit()

# In the child, where nothing tells what follows from a program of its own.
os.chdir(asked["cwd"])
for descriptor, (file, flags) in enumerate(asked["files"]):
    os.dup2(os.open(file, flags), descriptor)
sys.stdin, sys.stdout, sys.stderr = (
    open(number, mode, encoding="utf-8", buffering=buffering, closefd=False)  # noqa: SIM115
    for number, (mode, buffering) in enumerate((("r", -1), ("w", -1), ("w", 1)))
)
os.environ.clear()
os.environ.update(asked["env"])
sys.argv, sys.path[0] = ["-c", *asked["words"]], ""
del __file__
status = 0
try:
    exec(compile(asked["code"], "<string>", "exec"), {"__name__": "__main__"})
except SystemExit as left:
    status = left.code if isinstance(left.code, int) else int(left.code is not None)
    if isinstance(left.code, str):
        sys.stderr.write(f"{left.code}\n")
except BaseException:
    traceback.print_exc()
    status = 1
threading._shutdown()
atexit._run_exitfuncs()
sys.stdout.flush()
os._exit(status)  # taking all apart that was imported would take as long as to import it
