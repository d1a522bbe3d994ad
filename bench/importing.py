"""How fast a file of cases comes in, and how much memory it takes: `make bench-import ARGS="--debtors 100000"`.

Generates a portfolio, imports it twice by the command that people use, each in a process of its own, and prints rows a
second and the peak of the resident memory. The second import must change nothing.
"""

import argparse
import csv
import os
import re
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from dialer.cases.portfolio import COLUMNS, rows

CONFIG = '[campaigns.luce]\ncaller_id = "+390694801234"\n'
TODAY = date(2026, 11, 22)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--debtors", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--once", action="store_true", help="only the first import")
    wish = parser.parse_args()
    with TemporaryDirectory(prefix="bench-import-") as name:
        folder = Path(name)
        (folder / "dialer.toml").write_text(CONFIG)
        began = time.perf_counter()
        with (folder / "cases.csv").open("w", newline="", encoding="utf-8") as out:
            writer = csv.DictWriter(out, COLUMNS, delimiter=";", restval="")
            writer.writeheader()
            writer.writerows(rows(wish.debtors, wish.seed, TODAY))
        size = (folder / "cases.csv").stat().st_size
        print(f"generated {wish.debtors:,} debtors, {size / 1e6:.0f} MB, in {time.perf_counter() - began:.1f} s")
        first = measured(folder, "first import")
        if wish.once:
            return 0 if " 0 of" in first else 1
        second = measured(folder, "second import")
        unchanged = re.search(r": 0 new cases came in, 0 changed, ", second) is not None
        print("the second import changed nothing" if unchanged else f"THE SECOND IMPORT CHANGED SOMETHING: {second}")
        return 0 if unchanged and " 0 of" in first else 1


def measured(folder: Path, what: str) -> str:
    command = [sys.executable, "-m", "dialer", "cases", "import", "cases.csv", "--campaign", "luce"]
    began = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(Path.cwd())}
    )
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    found = re.search(r"of (\d+) rows", said)
    count = int(found[1]) if found else 0
    print(
        f"{what}: {count:,} rows in {seconds:.1f} s, {count / seconds:,.0f} rows/s, processor {used.ru_utime:.1f} s, "
        f"peak memory {used.ru_maxrss / 1024:.0f} MiB"
    )
    print(f"  {said.strip()}")
    return said


if __name__ == "__main__":
    sys.exit(main())
