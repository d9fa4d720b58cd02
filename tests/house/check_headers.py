#!/usr/bin/env python3
"""Every header stands on its own, and the pure core is also GCC's (design.md 7).

Usage: check_headers.py [--root FOLDER] [--jobs N] [--clang COMMAND] [--gcc COMMAND] [--stamps FOLDER]

  --clang COMMAND  compile (syntax only) every header of src/ and include/ alone; a header that the .cc of the same name
                   includes first is proven by the build, and left out
  --gcc COMMAND    compile (syntax only) each installed header alone, and all of the pure core, base to engine: a folder at
                   a time, since GCC is asked for its opinion of the language, and the includes are Clang's to judge
  --stamps FOLDER  remember what passed, and leave it out while nothing that it could include has changed
"""
import argparse
import concurrent.futures
import hashlib
import pathlib
import re
import subprocess
import sys

PURE = ["base", "json", "http", "llm", "catalogue", "prompt", "provider", "plan", "cost", "engine"]
FIRST = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]', re.MULTILINE)


def is_test(path):
    return path.stem.endswith(("_test", "_testing", "_script")) or path.stem == "testing"


def sources(root, suffix, folders=None):
    for base in ("src", "include"):
        for path in sorted((root / base).rglob("*" + suffix)):
            name = path.relative_to(root / base)
            if folders is None or base == "include" or name.parts[0] in folders:
                yield path, name


def proven_by_its_source(path, name):
    source = path.with_suffix(".cc")
    if not source.is_file():
        return False
    first = FIRST.search(source.read_text(encoding="utf-8"))
    return first is not None and first.group(1) == name.as_posix()


def command(root, compiler, *arguments):
    return [compiler, "-std=c++23", "-fsyntax-only", '-DWEIR_SOURCE_DIR=""', "-I", str(root / "src"), "-I", str(root / "include"), *arguments]


def gcc_units(root):
    """What GCC compiles as one: each installed header, each folder of the core. The largest come first."""
    units = {}
    for suffix in (".h", ".cc"):
        for path, name in sources(root, suffix, PURE):
            if is_test(path) or (suffix == ".h" and proven_by_its_source(path, name)):
                continue
            installed = (root / "include") in path.parents
            units.setdefault((path if installed else path.parent).relative_to(root), []).append(name.as_posix())
    return dict(sorted(units.items(), key=lambda unit: -len(unit[1])))


def run(task):
    what, line, text = task
    done = subprocess.run(line, input=text, capture_output=True, text=True, check=False)
    return what, done.returncode, done.stderr


def fingerprint(root, compiler):
    digest = hashlib.sha256(compiler.encode())
    for suffix in (".h", ".cc"):
        for path, name in sources(root, suffix):
            digest.update(str(name).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def check(title, tasks, arguments, compiler):
    stamp = None
    if arguments.stamps:
        arguments.stamps.mkdir(parents=True, exist_ok=True)
        stamp = arguments.stamps / title.split()[0]
        print_now = fingerprint(arguments.root, compiler)
        if stamp.is_file() and stamp.read_text() == print_now:
            print(f"{title}: nothing changed since it last passed")
            return True
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for what, code, output in pool.map(run, tasks):
            if code != 0:
                bad += 1
                print(f"{what}: does not compile alone\n{output[:4000]}")
    print(f"{title}: {len(tasks)} compiled, {bad} faults")
    if stamp and bad == 0:
        stamp.write_text(print_now)
    return bad == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--clang")
    parser.add_argument("--gcc")
    parser.add_argument("--stamps", type=pathlib.Path)
    arguments = parser.parse_args()
    root = arguments.root

    ok = True
    if arguments.clang:
        # On standard input, so that #pragma once does not complain about a main file.
        tasks = [(path.relative_to(root), command(root, arguments.clang, "-x", "c++", "-"), f'#include "{name}"\n')
                 for path, name in sources(root, ".h") if not proven_by_its_source(path, name)]
        ok &= check("headers alone (Clang)", tasks, arguments, arguments.clang)
    if arguments.gcc:
        line = command(root, arguments.gcc, "-x", "c++", "-")
        tasks = [(what, line, "".join(f'#include "{name}"\n' for name in names))
                 for what, names in gcc_units(root).items()]
        ok &= check("core (GCC)", tasks, arguments, arguments.gcc)
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()
