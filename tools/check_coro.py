#!/usr/bin/env python3
"""The rules of coroutines (style.md 5), in the folders that may have them; clang-tidy sees only a part.

Usage: check_coro.py [--root FOLDER] [FILE...]

  - no coroutine takes a reference, a view (string_view, span) or an iterator: what it refers to may be gone after a
    suspension. Pass by value, or by pointer where the caller's scope joins the coroutine;
  - no lambda that is a coroutine captures: the captures die with the lambda, the coroutine goes on;
  - outside those folders there is no coroutine at all.
A coroutine is what has co_await, co_return or co_yield in its body, or returns an awaitable.
Prints one line a fault; exits 1 when there is one.
"""
import argparse
import pathlib
import re
import sys

FOLDERS = ["runtime", "library", "bulk", "gateway", "pipeline", "cli"]

BLANK = re.compile(r'//[^\n]*|/\*.*?\*/|R"(?P<tag>[^(\s]*)\(.*?\)(?P=tag)"|"(?:[^"\\\n]|\\.)*"|'
                   r"(?<![0-9A-Za-z_])'(?:[^'\\\n]|\\.)+'", re.DOTALL)
KEYWORD = re.compile(r"\bco_(?:await|return|yield)\b")
AWAITABLE = re.compile(r"\bawaitable\s*<")
BORROWS = re.compile(r"\b(string_view|basic_string_view|span|const_iterator|iterator|reference_wrapper|cref|function_ref)\b")
CONTROL = re.compile(r"\b(if|for|while|switch|catch|constexpr|consteval)\s*$")
TAIL = re.compile(r"(?:\b(?:const|noexcept|mutable|override|final|static|try)\b|&&?|\s)+$")


def blank(text):
    """Comments and literals become spaces, so that offsets and lines stay."""
    return BLANK.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def match_back(text, at, closing, opening):
    """Where the bracket that `at` closes was opened; -1 when it was not."""
    depth = 0
    for i in range(at, -1, -1):
        if text[i] == closing:
            depth += 1
        elif text[i] == opening:
            depth -= 1
            if depth == 0:
                return i
    return -1


def match_on(text, at, opening, closing):
    depth = 0
    for i in range(at, len(text)):
        if text[i] == opening:
            depth += 1
        elif text[i] == closing:
            depth -= 1
            if depth == 0:
                return i
    return -1


def split_top(text):
    """Cuts at commas outside of brackets."""
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        if c in "([{<":
            depth += 1
        elif c in ")]}" or (c == ">" and text[i - 1:i] != "-"):
            depth -= 1
        elif c == "," and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    return [p.strip() for p in parts + [text[start:]] if p.strip()]


def without_trailing_return(head):
    """Cuts `-> type` off the end of what stands before a body."""
    arrow = head.rfind("->")
    if arrow < 0:
        return head
    tail = head[arrow + 2:]
    if re.fullmatch(r"[\w\s:<>,*&()]*", tail) and tail.count("<") == tail.count(">") and tail.count("(") == tail.count(")"):
        return head[:arrow]
    return head


class Function:
    """What a `{` opens: start of its head, its parameters, and the captures when it is a lambda."""

    def __init__(self, at, parameters, captures):
        self.at, self.parameters, self.captures = at, parameters, captures


def function_before(text, brace):
    """The function or lambda whose body opens at `brace`; nothing when that opens something else."""
    head = text[:brace]
    head = without_trailing_return(TAIL.sub("", head))
    head = TAIL.sub("", head)
    if not head:
        return None
    if head.endswith("]"):
        start = match_back(head, len(head) - 1, "]", "[")
        return lambda_at(text, start, len(head) - 1, "")
    if not head.endswith(")"):
        return None
    start = match_back(head, len(head) - 1, ")", "(")
    if start < 0:
        return None
    before = head[:start].rstrip()
    parameters = head[start + 1:-1]
    if CONTROL.search(before):
        return None
    if before.endswith("]"):
        bracket = match_back(before, len(before) - 1, "]", "[")
        return lambda_at(text, bracket, len(before) - 1, parameters)
    # A member initialiser of a constructor: `: a_(1), b_(2) {`. A constructor is no coroutine.
    if re.search(r"[\w>\]]$", before):
        return Function(start, parameters, None)
    return None


def lambda_at(text, start, end, parameters):
    if start < 0:
        return None
    if re.search(r"[\w)\]]\s*$", text[:start]) and not re.search(r"\b(return|co_return|co_await|co_yield)\s*$", text[:start]):
        return None  # an index, or an array
    return Function(start, parameters, text[start + 1:end].strip())


def enclosing(text, at):
    """The innermost function or lambda around `at`."""
    depth = 0
    for i in range(at - 1, -1, -1):
        if text[i] == "}":
            depth += 1
        elif text[i] == "{":
            if depth == 0:
                found = function_before(text, i)
                if found:
                    return found
            else:
                depth -= 1
    return None


def declarations(text):
    """Functions declared to return an awaitable, whether or not their body is here, and lambdas too."""
    for match in AWAITABLE.finditer(text):
        close = match_on(text, match.end() - 1, "<", ">")
        if close < 0:
            continue
        rest = text[close + 1:]
        named = re.match(r"\s*(?:[A-Za-z_]\w*\s*::\s*)*[A-Za-z_]\w*\s*\(", rest)
        if named:
            opening = close + 1 + named.end() - 1
            ending = match_on(text, opening, "(", ")")
            inside = text[opening + 1:ending]
            # `awaitable<void> task(make())` declares a variable: an argument has no type before its name.
            if ending > 0 and re.match(r"\s*(?:const|noexcept|override|final|=\s*(?:0|default|delete)|&|\s)*[;{]", text[ending + 1:]):
                if looks_like_parameters(inside):
                    yield Function(opening, inside, None)
        arrow = text[:match.start()].rstrip()
        arrow = re.sub(r"[\w:]+$", "", arrow).rstrip()
        if arrow.endswith("->"):
            head = TAIL.sub("", arrow[:-2])
            if head.endswith(")"):
                start = match_back(head, len(head) - 1, ")", "(")
                before = head[:start].rstrip()
                if before.endswith("]"):
                    bracket = match_back(before, len(before) - 1, "]", "[")
                    found = lambda_at(text, bracket, len(before) - 1, head[start + 1:-1])
                    if found:
                        yield found


def looks_like_parameters(inside):
    return all(re.search(r"[\w>&*]\s*[&*\s]\s*\w+\s*(=.*)?$|[&*>]\s*$|^\s*(void|[\w:]+)\s*$", part, re.DOTALL)
               for part in split_top(inside))


def faults_of(function):
    for parameter in split_top(function.parameters):
        declared = re.sub(r"=.*", "", parameter, flags=re.DOTALL)
        # References inside template arguments (function<void(const T&)>) are types, not parameters.
        plain = declared
        while re.search(r"<[^<>]*>", plain):
            plain = re.sub(r"<[^<>]*>", " ", plain)
        shown = " ".join(parameter.split())
        if "&" in plain:
            yield f"coroutine takes a reference ({shown}): pass a value, or a pointer whose owner joins it"
        elif BORROWS.search(plain):
            yield f"coroutine takes a view ({shown}): pass a value"
    if function.captures:
        shown = " ".join(function.captures.split())
        yield f"coroutine lambda captures ({shown}): pass what it needs as parameters"


def check(path, text, allowed):
    if "co_" not in text and "awaitable" not in text:
        return
    clean = blank(text)
    functions = {}
    for match in KEYWORD.finditer(clean):
        found = enclosing(clean, match.start())
        if not allowed:
            line = clean.count("\n", 0, match.start()) + 1
            yield line, f"{match.group()}: coroutines live in runtime, the library and the front ends only"
        elif found:
            functions[found.at] = found
    if allowed:
        for found in declarations(clean):
            functions.setdefault(found.at, found)
    for at in sorted(functions):
        line = clean.count("\n", 0, at) + 1
        for fault in faults_of(functions[at]):
            yield line, fault


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[1])
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    arguments = parser.parse_args()
    source = arguments.root / "src"
    paths = arguments.files or sorted(p for p in source.rglob("*") if p.suffix in (".h", ".cc") and p.is_file())
    count = 0
    for path in paths:
        try:
            folder = path.relative_to(source).parts[0]
        except ValueError:
            folder = FOLDERS[0]
        for line, fault in check(path, path.read_text(encoding="utf-8"), folder in FOLDERS):
            count += 1
            shown = path.relative_to(arguments.root) if path.is_relative_to(arguments.root) else path
            print(f"{shown}:{line}: {fault}")
    if count:
        sys.exit(f"coroutines: {count} faults in {len(paths)} files")
    print(f"coroutines: {len(paths)} files, no fault")


if __name__ == "__main__":
    main()
