#!/usr/bin/env python3
"""The order of the folders (design.md 3), read off every #include "…" under src/ and include/.

Usage: check_layers.py [--root FOLDER]

A folder includes only itself and folders above it in the list. Besides:
  - a provider includes neither another provider nor the engine, and nothing but the program includes a provider;
  - the front ends (bulk, gateway, pipeline) do not include each other;
  - the simulator includes base, json, http and itself alone, a simulated provider also not another one;
  - only the program (cli) includes the generated registries of providers, and the library that of the adapters;
  - no header includes itself by way of others;
  - engine, plan and cost name no provider in a string: they decide by capabilities.
Tests obey the same rules, and may include what exists for tests (testing.h, *_testing.h, *_script.h, support/).
Prints one line a fault; exits 1 when there is one.
"""
import argparse
import pathlib
import re
import sys

# From the top down. Folders on one line are peers: they do not include each other.
ORDER = [
    ["weir"],  # include/weir, the installed facade
    ["base"], ["json"], ["http"], ["llm"], ["catalogue"], ["prompt"], ["provider"], ["cost"],
    ["plan"], ["engine"], ["providers"], ["config"], ["report"], ["runtime"],
    ["library"],  # behind include/weir
    ["bulk", "gateway", "pipeline"], ["sim"], ["cli"],
]
RANK = {folder: rank for rank, peers in enumerate(ORDER) for folder in peers}
SIM_MAY = {"base", "json", "http", "sim"}
REGISTRIES = {"weir_registry.h", "weir_sim_registry.h"}
NAMELESS = ["engine", "plan", "cost"]
# The fourteen of design.md, so that a name is found before its folder exists.
PROVIDERS = {
    "anthropic", "openAI", "gemini", "azureOpenAI", "bedrock", "vertexAI", "cohere", "fireworks", "groq",
    "mistral", "ollama", "together", "xai", "openAICompatible",
}

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
COMMENT_OR_STRING = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<tag>[^(\s]*)\(.*?\)(?P=tag)"|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)+\'', re.DOTALL)


def is_test(path):
    return path.stem.endswith("_test") or is_test_support(path)


def is_test_support(path):
    return (path.stem == "testing" or path.stem.endswith(("_testing", "_script"))
            or "support" in path.parts[:-1])


def folder_of(path):
    """The folder of a path below src/ ('json', 'providers/openAI', 'sim', 'sim/providers/openAI')."""
    parts = path.parts
    if parts[:2] == ("sim", "providers") and len(parts) > 3:
        return "/".join(parts[:3])
    if parts[0] == "providers" and len(parts) > 2:
        return "/".join(parts[:2])
    return parts[0]


def fault_of(source, target, test):
    """Why a file of folder `source` must not include one of folder `target`; nothing when it may."""
    if source == target:
        return None
    top, other = source.split("/")[0], target.split("/")[0]
    for name in (top, other):
        if name not in RANK:
            return f"folder '{name}' is not in the list of design.md 3"
    if top == "sim":
        if other not in SIM_MAY:
            return "the simulator may include base, json, http and nothing else of ours"
        if target.startswith("sim/providers/"):
            return "only the program includes a simulated provider"
        return None
    if top == "cli":
        return None
    if top == "providers" and other == "providers":
        return "a provider never includes another provider"
    if top == "providers" and other == "engine":
        return "a provider never includes the engine"
    if other == "providers" and not (test and RANK[top] > RANK["providers"]):
        return "only the program includes a provider"
    if RANK[top] == RANK[other]:
        return f"{top} and {other} never include each other"
    if RANK[top] < RANK[other]:
        return f"{other} stands below {top} in design.md 3"
    return None


class Tree:
    def __init__(self, root):
        self.root = root
        self.files = {}  # path below src/ (or weir/… of include/) -> text
        for base in (root / "src", root / "include"):
            for path in sorted(base.rglob("*")):
                if path.suffix in (".h", ".cc", ".hpp", ".cpp") and path.is_file():
                    self.files[path.relative_to(base)] = path.read_text(encoding="utf-8")
        self.faults = []

    def report(self, path, line, what):
        base = "include" if path.parts[0] == "weir" else "src"
        self.faults.append(f"{base}/{path}:{line}: {what}")

    def resolve(self, path, name):
        for candidate in (pathlib.Path(name), path.parent / name):
            if candidate in self.files:
                return candidate
        return None

    def includes(self, path):
        text = self.files[path]
        for match in INCLUDE.finditer(text):
            yield match.group(1), text.count("\n", 0, match.start()) + 1

    def check_edges(self):
        for path in self.files:
            source = folder_of(path)
            for name, line in self.includes(path):
                if name in REGISTRIES:
                    if source != "cli" and (source, name) != ("library", "weir_registry.h"):
                        self.report(path, line, f'includes "{name}": only the program (cli) and the library see the registry of providers')
                    continue
                target = self.resolve(path, name)
                if target is None:
                    self.report(path, line, f'includes "{name}", which is not below src/ or include/')
                    continue
                if is_test(path) and is_test_support(target):
                    continue
                why = fault_of(source, folder_of(target), is_test(path))
                if why is None and is_test_support(target) and not is_test(path):
                    why = "it exists for tests"
                if why:
                    self.report(path, line, f'includes "{name}": {why}')

    def check_cycles(self):
        done, stack = set(), []

        def visit(path):
            if path in done:
                return
            if path in stack:
                ring = " -> ".join(str(p) for p in stack[stack.index(path):] + [path])
                self.report(path, 1, f"includes itself: {ring}")
                return
            stack.append(path)
            for name, _ in self.includes(path):
                target = self.resolve(path, name)
                if target is not None and target != path:
                    visit(target)
            stack.pop()
            done.add(path)

        for path in self.files:
            visit(path)

    def check_names(self):
        names = {p.name for p in (self.root / "src" / "providers").glob("*") if p.is_dir()}
        names |= {p.stem for p in (self.root / "data" / "catalogue").glob("*.json")} | PROVIDERS
        pattern = re.compile(r"(?<![A-Za-z0-9])(" + "|".join(sorted(map(re.escape, names))) + r")(?![A-Za-z0-9])",
                             re.IGNORECASE)
        for path, text in self.files.items():
            if path.parts[0] not in NAMELESS or is_test(path):
                continue
            for match in COMMENT_OR_STRING.finditer(text):
                token = match.group()
                if token.startswith(("//", "/*")):
                    continue
                line = text.count("\n", 0, match.start()) + 1
                start = text.rfind("\n", 0, match.start()) + 1
                if "#include" in text[start:match.start()].replace(" ", ""):
                    continue
                found = pattern.search(token)
                if found:
                    self.report(path, line, f"names the provider '{found.group()}': decide by capabilities, never by a name")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2])
    tree = Tree(parser.parse_args().root)
    if not tree.files:
        sys.exit("layers: no sources below src/")
    tree.check_edges()
    tree.check_cycles()
    tree.check_names()
    for fault in tree.faults:
        print(fault)
    if tree.faults:
        sys.exit(f"layers: {len(tree.faults)} faults in {len(tree.files)} files")
    print(f"layers: {len(tree.files)} files, no fault")


if __name__ == "__main__":
    main()
