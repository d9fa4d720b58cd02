#!/usr/bin/env python3
"""Turns Debian package lists into documents: one JSON object a line on standard output.

Reads uncompressed Packages files (name, section) and Translation-en files (the full descriptions).
The same lists and count always give the same lines: packages are drawn in the order of a hash of
their name, after a few from every section, so that small sections are represented too.
"""

import argparse
import hashlib
import json
import re
import sys
from collections import Counter
from itertools import chain
from typing import NamedTuple

DESCRIPTION_CHARACTERS_MIN = 80  # Shorter ones say nothing that a reader could classify.
SECTION_DOCUMENTS_MIN = 10  # Drawn from every section first, where the count leaves room for it.


class Document(NamedTuple):
    """One line of the output; the section is the label, not part of the text."""

    id: str
    name: str
    summary: str
    description: str
    section: str


def stanzas(path, wanted):
    """Yields the wanted fields of each stanza that has them all, continuation lines included."""
    with open(path, encoding="utf-8") as lines:
        fields, value = {}, []
        for line in chain(lines, "\n"):  # The last stanza may lack its empty line.
            if line == "\n":
                if len(fields) == len(wanted):
                    yield {name: "".join(text).strip() for name, text in fields.items()}
                fields, value = {}, []
            elif line[0] in " \t":
                value.append(line)
            else:
                name, _, text = line.partition(":")
                value = [text]
                if name in wanted:
                    fields[name] = value


def plain_text(long_description):
    """Undoes Debian's markup: one line a paragraph, an empty line between two of them.

    Text lines begin with one space, lines to show as they are (lists, examples) with more, and
    a lone dot is an empty line (Debian policy 5.6.13).
    """
    paragraphs, wrapped = [], False
    for line in long_description.splitlines():
        text = line.strip()
        if text == ".":
            paragraphs.append("\n")
            wrapped = False
        elif line.startswith(("  ", " \t")):
            paragraphs.append("\n" + text)
            wrapped = False
        else:
            paragraphs.append((" " if wrapped else "\n") + text)
            wrapped = True
    return re.sub(r"\n{3,}", "\n\n", "".join(paragraphs)).strip()


def read_descriptions(paths):
    """Returns summary and plain description by package name and description digest."""
    descriptions = {}
    for path in paths:
        for fields in stanzas(path, {"Package", "Description-md5", "Description-en"}):
            key = fields["Package"], fields["Description-md5"]
            summary, _, long_description = fields["Description-en"].partition("\n")
            descriptions.setdefault(key, (summary, plain_text(long_description)))
    return descriptions


def read_documents(packages, translations):
    """Returns the documents by name; the first of several entries for a name counts."""
    descriptions = read_descriptions(translations)
    documents = {}
    for path in packages:
        for fields in stanzas(path, {"Package", "Description-md5", "Section"}):
            name = fields["Package"]
            summary, description = descriptions.get((name, fields["Description-md5"]), ("", ""))
            if len(description) < DESCRIPTION_CHARACTERS_MIN or name.endswith("-dbgsym"):
                continue
            section = fields["Section"].rpartition("/")[2]
            documents.setdefault(name, Document(name, name, summary, description, section))
    return documents


def draw(documents, count):
    """Returns `count` documents in hash order, some of every section among them."""
    ordered = sorted(documents, key=lambda document: hashlib.sha256(document.id.encode()).digest())
    sections = {document.section for document in ordered}
    section_min = min(SECTION_DOCUMENTS_MIN, count // (2 * len(sections)))
    seen, first, rest = Counter(), [], []
    for document in ordered:
        (first if seen[document.section] < section_min else rest).append(document)
        seen[document.section] += 1
    drawn = set((first + rest)[:count])
    return [document for document in ordered if document in drawn]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--packages", nargs="+", required=True)
    parser.add_argument("--translations", nargs="+", required=True)
    arguments = parser.parse_args()

    documents = read_documents(arguments.packages, arguments.translations).values()
    if len(documents) < arguments.count:
        sys.exit(f"fetch: error: Debian describes {len(documents)} packages; lower --count")
    sys.stdout.reconfigure(encoding="utf-8")
    for document in draw(documents, arguments.count):
        print(json.dumps(document._asdict(), ensure_ascii=False))


if __name__ == "__main__":
    main()
