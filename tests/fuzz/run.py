"""Fuzzes one reader, or all in turn, with atheris: ``make fuzz``; ``python tests/fuzz/run.py proteome --seconds 600``.

Each reader gets a process of its own, since libFuzzer ends the one it is in. A fault leaves its input beside
(``crash-…``) and ends with its traceback; make it a case of the reader's own test. More than 10 s for one input, or
2 GB, is a fault too.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))


def fuzz(name: str, seconds: int) -> None:
    import atheris

    with atheris.instrument_imports(include=["homodb"]):
        from parsers import PARSERS
    parser = PARSERS[name]
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(parser.seeds):
            (Path(corpus) / f"seed-{number}").write_bytes(seed)
        limits = [f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-max_len=4096"]
        atheris.Setup([sys.argv[0], corpus, *limits, "-print_final_stats=1", "-verbosity=0"], parser)
        atheris.Fuzz()


def main() -> None:
    from parsers import PARSERS

    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("names", nargs="*", metavar="READER", help=f"default: all of {', '.join(PARSERS)}")
    asked.add_argument("--seconds", type=int, default=60, help="for each")
    asked.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    told = asked.parse_args()
    if told.here:
        fuzz(told.names[0], told.seconds)
        return
    failed = []
    for name in told.names or PARSERS:
        command = [sys.executable, __file__, "--here", name, "--seconds", str(told.seconds)]
        done = subprocess.run(command, capture_output=True, text=True)
        stats = [line for line in done.stderr.splitlines() if "number_of_executed_units" in line]
        inputs = stats[-1].split()[-1] if stats else "?"
        print(f"{name}: {inputs} inputs, {'sound' if not done.returncode else 'FAULT'}", flush=True)
        if done.returncode:
            failed.append(name)
            print(done.stdout[-2000:], done.stderr[-4000:])
    if failed:
        sys.exit(f"faults in {', '.join(failed)}")


if __name__ == "__main__":
    main()
