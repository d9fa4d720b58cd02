#!/usr/bin/env python3
"""Prints the configured apt sources that can serve one Debian suite, narrowed to its main section.

Reads one-line (`.list`) and deb822 (`.sources`) files; other suites, components and kinds of source
are left out, so that a broken third-party source cannot get in the way. Mirror and key stay as
configured. Where nothing fits, Debian's own mirror is printed.
"""

import argparse
import re
import sys
from pathlib import Path

# What is asked of every source, whatever the machine's own architecture and languages are.
NARROWED = {
    "Types": "deb",
    "Components": "main",
    "Architectures": "amd64",
    "Languages": "en",
    "Targets": "Packages Translations",
}
# Options that decide where and whom to trust; everything else keeps apt's default.
KEPT = ("Signed-By", "Trusted", "Check-Valid-Until", "Check-Date")
DEBIAN = {
    "URIs": "http://deb.debian.org/debian",
    "Signed-By": "/usr/share/keyrings/debian-archive-keyring.gpg",
}
ONE_LINE = re.compile(
    r"deb\s+(?:\[(?P<options>[^]]*)\]\s*)?"
    r"(?P<uri>\S+)\s+(?P<suite>\S+)\s*(?P<components>[^#]*)"
)


def read_list(text):
    """Yields the fields of each `deb` line, named as in deb822 but in lower case."""
    for line in text.splitlines():
        if match := ONE_LINE.match(line.strip()):
            options = re.findall(r"([\w-]+)=(\S+)", match["options"] or "")
            yield {
                **{name.lower(): value for name, value in options},
                "types": "deb",
                "uris": match["uri"],
                "suites": match["suite"],
                "components": match["components"],
            }


def read_deb822(text):
    """Yields the fields of each stanza, names in lower case, continuation lines kept."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for stanza in re.split(r"\n\s*\n", "\n".join(lines)):
        fields = re.findall(r"^([\w-]+):[ \t]*(.*(?:\n[ \t].*)*)", stanza, re.MULTILINE)
        yield {name.lower(): value for name, value in fields}


def serves(source, suite):
    """True where the source is on, holds binary packages of the suite, and needs no disc."""
    return (
        "deb" in source.get("types", "").split()
        and suite in source.get("suites", "").split()
        and "main" in source.get("components", "").split()
        and source.get("enabled", "yes").lower() not in ("no", "false", "0")
        and not source.get("uris", "cdrom:").startswith("cdrom:")
    )


def narrow(source, suite):
    """Returns the stanza that asks the source for nothing but the suite's main package lists."""
    kept = {name: source[name.lower()] for name in KEPT if name.lower() in source}
    fields = {"URIs": source["uris"], "Suites": suite, **NARROWED, **kept}
    return "".join(f"{name}: {value}\n" for name, value in fields.items())


def read_sources(source_list, source_parts):
    """Yields every source that the machine's apt would use; unreadable files are passed over."""
    parts = sorted(source_parts.iterdir()) if source_parts.is_dir() else []
    for path in [source_list, *parts]:
        readers = {".list": read_list, ".sources": read_deb822}
        if path.suffix not in readers or not path.is_file():
            continue
        try:
            yield from readers[path.suffix](path.read_text(encoding="utf-8", errors="replace"))
        except OSError as error:
            print(f"debian_sources: {path} is left out: {error.strerror}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", required=True)
    parser.add_argument("source_list", type=Path)
    parser.add_argument("source_parts", type=Path)
    arguments = parser.parse_args()

    sources = read_sources(arguments.source_list, arguments.source_parts)
    fitting = [source for source in sources if serves(source, arguments.suite)]
    if not fitting:
        fitting = [{name.lower(): value for name, value in DEBIAN.items()}]
    # Two entries for one mirror would make apt complain; the first one counts.
    stanzas = {}
    for source in fitting:
        stanzas.setdefault(source["uris"].rstrip("/"), narrow(source, arguments.suite))
    print("\n".join(stanzas.values()), end="")


if __name__ == "__main__":
    main()
