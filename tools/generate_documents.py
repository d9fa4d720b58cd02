#!/usr/bin/env python3
"""Writes generated documents as JSON lines: the fields of the quickstart's documents, the same bytes for the same options.

Usage: generate_documents.py --count N [--bytes 1024] [--seed 1]
"""
import argparse
import random
import sys

WORDS = (
    "library tool server client network package data file system support language module interface format image sound "
    "graph text search index query table record stream batch cache route ledger price token model prompt answer schema "
    "compile parse encode decode verify sign encrypt compress archive mount print scan edit view play record convert "
    "small fast simple complete portable modern classic shared static dynamic common extra internal secure remote local"
).split()
BLOCKS = 512  # prepared pieces of text; a document is a few of them, so that a million take seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--bytes", type=int, default=1024, help="length of a line, about")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    blocks = [" ".join(rng.choice(WORDS) for _ in range(16)) + "." for _ in range(BLOCKS)]
    average = sum(map(len, blocks)) / BLOCKS + 1
    pieces = max(1, round((arguments.bytes - 130) / average))
    lines = []
    for i in range(arguments.count):
        name = f"{WORDS[i % len(WORDS)]}-{i}"
        description = " ".join(rng.choices(blocks, k=pieces))
        lines.append(f'{{"id": "doc-{i}", "name": "{name}", "summary": "{blocks[i % BLOCKS][:60].rstrip()}", '
                     f'"description": "{description}", "section": "misc"}}\n')
        if len(lines) == 2000:
            sys.stdout.write("".join(lines))
            lines.clear()
    sys.stdout.write("".join(lines))


if __name__ == "__main__":
    main()
