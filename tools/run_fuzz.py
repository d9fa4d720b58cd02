#!/usr/bin/env python3
"""Runs every fuzz target of a build folder for a while, from the seeds in fuzz/corpus.

Usage: run_fuzz.py --folder build/fuzz [--seconds 600] [--jobs 2] [NAME...]

What a run learns stays in FOLDER/corpus/<name>, so that the next one goes on from there; what a run finds is left in
FOLDER/findings, each file being the input that shows it. Prints one line a target to stderr and one line of JSON to
stdout; exits 1 when there is a finding.
"""
import argparse
import concurrent.futures
import json
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]


def last(pattern, text, fallback=0):
    found = re.findall(pattern, text)
    return int(found[-1]) if found else fallback


def fuzz(program, folder, seconds):
    name = program.name.removeprefix("fuzz_")
    learned, findings, logs = folder / "corpus" / name, folder / "findings", folder / "logs"
    for each in (learned, findings, logs):
        each.mkdir(parents=True, exist_ok=True)
    seeds = ROOT / "fuzz" / "corpus" / name
    line = [str(program), f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=2048", "-print_final_stats=1",
            f"-artifact_prefix={findings}/{name}.", str(learned)]
    if seeds.is_dir():
        line.append(str(seeds))
    begin = time.monotonic()
    log = logs / f"{name}.log"
    with log.open("w") as out:
        done = subprocess.run(line, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, check=False)
    text = log.read_text(errors="replace")
    row = {
        "target": name, "runs": last(r"stat::number_of_executed_units:\s*(\d+)", text),
        "coverage": last(r"\bcov: (\d+)", text), "features": last(r"\bft: (\d+)", text),
        "seeds": sum(1 for _ in seeds.iterdir()) if seeds.is_dir() else 0,
        "seconds": round(time.monotonic() - begin), "findings": int(done.returncode != 0),
    }
    print("fuzz: {target}: {runs} runs, coverage {coverage}, {seconds} s, {findings} findings".format(**row),
          file=sys.stderr, flush=True)
    if done.returncode != 0:
        print(text[-6000:], file=sys.stderr, flush=True)
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    # The sources name the targets: a program whose source is gone is not run.
    names = arguments.names or sorted(path.stem for path in (ROOT / "fuzz").glob("*.cc"))
    programs = [folder / "bin" / f"fuzz_{name}" for name in names]
    missing = [program.name for program in programs if not program.is_file()]
    if missing or not programs:
        sys.exit(f"fuzz: error: not built in {folder}: {', '.join(missing) or 'any target'}")
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        rows = list(pool.map(lambda program: fuzz(program, folder, arguments.seconds), programs))
    findings = sum(row["findings"] for row in rows)
    print(json.dumps({
        "name": "fuzz", "ok": findings == 0, "targets": len(rows), "seconds_each": arguments.seconds,
        "runs": sum(row["runs"] for row in rows), "findings": findings, "rows": rows,
    }), flush=True)
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
