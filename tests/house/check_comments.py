#!/usr/bin/env python3
"""Every public function of include/weir has a comment that documents it (///).

Usage: check_comments.py [--root FOLDER]

Operators, destructors, what is deleted or defaulted, overrides (the base's comment holds), constructors that take an Impl
and what says "for Weir itself" need none. Prints one line a fault; exits 1 when there is one.
"""
import argparse
import pathlib
import re
import sys

SCOPE = re.compile(r"\b(namespace|class|struct|union|enum)\b")
NO_FUNCTION = re.compile(r"^(using|typedef|friend|static_assert|extern)\b")
NAME = re.compile(r"(~?\w+)\s*$")
TOKEN = re.compile(r"""
    (?P<comment>//[^\n]*|/\*.*?\*/)
  | (?P<preprocessor>^[ \t]*\#(?:[^\n\\]|\\.)*)
  | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)+')
  | (?P<access>\b(?:public|private|protected)\s*:(?!:))
  | (?P<word>\w+)
  | (?P<space>\s+)
  | (?P<sign>.)""", re.VERBOSE | re.DOTALL | re.MULTILINE)


def head_of(text):
    """The declaration up to the parentheses of its parameters; nothing when it declares no function."""
    depth = 0
    for at, sign in enumerate(text):
        if sign == "<":
            depth += 1
        elif sign == ">" and text[at - 1] != "-":
            depth -= 1
        elif depth == 0 and sign == "=":
            return None
        elif depth == 0 and sign == "(":
            return text[:at]
    return None


def is_exempt(text, name, trailing):
    return (name.startswith("~") or "operator" in text or re.search(r"=\s*(delete|default)\s*$", text)
            or re.search(r"\boverride\b", text) or re.search(r"\bImpl\s*>", text) or "for Weir itself" in trailing)


class Header:
    """One pass over a header: which public functions have no comment."""

    def __init__(self, text):
        self.text = text
        self.scopes = []  # (kind, name, public)
        self.faults = []
        self.begin()

    def begin(self):
        self.declaration, self.line, self.documented, self.parens = "", 0, False, 0

    def public(self):
        return all(public for _, _, public in self.scopes)

    def end(self, position):
        text = re.sub(r"\[\[.*?\]\]|\bWEIR_API\b|\btemplate\s*<[^>]*>", "", self.declaration).strip()
        head = None if NO_FUNCTION.match(text) or "operator" in text else head_of(text)
        name = NAME.search(head) if head else None
        trailing = self.text[position:self.text.find("\n", position)]
        if name and self.public() and not self.documented and not is_exempt(text, name.group(1), trailing):
            owner = "::".join(n for kind, n, _ in self.scopes if kind != "namespace")
            self.faults.append((self.line, f"{owner}::{name.group(1)}" if owner else name.group(1)))
        self.begin()

    def open_brace(self, position):
        """Where to go on: behind what is skipped, or inside a scope."""
        kind = SCOPE.search(self.declaration)
        if kind and "(" not in re.sub(r"\[\[.*?\]\]", "", self.declaration):
            name = re.findall(r"\w+", self.declaration.split(":")[0].replace("final", ""))[-1]
            if kind.group(1) == "enum":
                end = self.skip(position)
                self.begin()
                return end
            self.scopes.append((kind.group(1), name, kind.group(1) != "class"))
            self.begin()
            return position
        end = self.skip(position)
        rest = self.text[end:].lstrip()
        if rest.startswith((";", ",", "{")):  # an initialiser; the declaration goes on
            return end
        self.end(end)
        return end

    def skip(self, position):
        depth = 1
        for token in TOKEN.finditer(self.text, position):
            if token.lastgroup == "sign":
                depth += {"{": 1, "}": -1}.get(token.group(), 0)
            if depth == 0:
                return token.end()
        return len(self.text)

    def run(self):
        position = 0
        while position < len(self.text):
            token = TOKEN.match(self.text, position)
            position = token.end()
            kind, text = token.lastgroup, token.group()
            if kind == "comment" and not self.declaration.strip():
                self.documented = self.documented or text.startswith(("///", "/**"))
            elif kind == "access":
                self.scopes[-1] = (*self.scopes[-1][:2], text.startswith("public"))
                self.begin()
            elif kind == "sign" and text == "{" and self.parens == 0:
                position = self.open_brace(position)
            elif kind == "sign" and text == "}" and self.parens == 0:
                self.scopes.pop()
                self.begin()
            elif kind == "sign" and text == ";" and self.parens == 0:
                self.end(position)
            elif kind in ("word", "string", "sign", "space"):
                self.parens += {"(": 1, ")": -1}.get(text, 0)
                if kind != "space" and not self.declaration.strip():
                    self.line = self.text.count("\n", 0, token.start()) + 1
                self.declaration += text
        return self.faults


def faults_in(root):
    for path in sorted((root / "include/weir").glob("*.h")):
        for line, name in Header(path.read_text(encoding="utf-8")).run():
            yield f"{path.relative_to(root)}:{line}: {name} has no comment that documents it (///)"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path("."))
    faults = list(faults_in(parser.parse_args().root))
    print("\n".join(faults), end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
