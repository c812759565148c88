"""Runs the handler on PYTHONPATH, of whatever commit: `benchmarks.speed.commits` starts it.

The first line of the input is an event. For each further line, it answers the event and prints the
milliseconds of CPU time.
"""

import json
import os
import sys
import time


def main() -> None:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    import handler

    given = json.loads(sys.stdin.readline())
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the handler prints metrics
    for _ in sys.stdin:
        start = time.process_time()
        answer = handler.lambda_handler(given, None)
        seconds = time.process_time() - start
        assert answer["statusCode"] == 200, answer["body"]
        print(seconds * 1000, file=out, flush=True)


if __name__ == "__main__":
    main()
