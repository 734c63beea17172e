"""Run a command; print its exit code, the seconds until its first line came, and its peak memory in MB, as JSON.

A small process of the standard library alone: the memory of a large parent would count as its child's.
"""

import json
import resource
import subprocess
import sys
import time

started = time.perf_counter()
with subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE) as child:
    line = child.stdout.readline() if child.stdout else b""
    seconds = time.perf_counter() - started
    child.communicate()
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
print(json.dumps([child.returncode if line.strip() else child.returncode or 1, seconds, peak]))
