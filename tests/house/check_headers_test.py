#!/usr/bin/env python3
"""Whether check_headers.py finds a header that leans on its includer."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

TOOL = pathlib.Path(__file__).resolve().parent / "check_headers.py"


class Headers(unittest.TestCase):
    def run_on(self, files, compiler="--clang"):
        with tempfile.TemporaryDirectory() as root:
            for name, text in files.items():
                path = pathlib.Path(root) / "src" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            done = subprocess.run([sys.executable, TOOL, "--root", root, compiler, "clang++-19"],
                                  capture_output=True, text=True, check=False)
            return done.returncode, done.stdout

    def test_alone(self):
        code, output = self.run_on({"base/a.h": "#pragma once\n#include <cstddef>\nstd::size_t f();\n"})
        self.assertEqual((code, "1 compiled, 0 faults" in output), (0, True), output)

    def test_leaning(self):
        code, output = self.run_on({"base/a.h": "#pragma once\nstd::size_t f();\n"})
        self.assertEqual((code, "src/base/a.h: does not compile alone" in output), (1, True), output)

    def test_proven_by_its_source(self):
        code, output = self.run_on({"base/a.h": "int f();\n", "base/a.cc": '#include "base/a.h"\nint f() { return 1; }\n',
                                    "base/b.h": "int g();\n", "base/b.cc": '#include <vector>\n#include "base/b.h"\n'})
        self.assertEqual((code, "1 compiled, 0 faults" in output), (0, True), output)

    def test_the_core_is_compiled_by_folder(self):
        code, output = self.run_on({"base/a.cc": "int f() { return 1; }\n", "base/b.cc": "int g() { return 1; }\n",
                                    "json/c.cc": "int h() { return 1; }\n", "runtime/d.cc": "not C++\n"}, "--gcc")
        self.assertEqual((code, "2 compiled, 0 faults" in output), (0, True), output)

    def test_a_fault_in_the_core(self):
        code, output = self.run_on({"base/a.cc": "int f() { return 1; }\n", "base/b.cc": "int g() { return h(); }\n"}, "--gcc")
        self.assertEqual((code, "src/base: does not compile" in output, "base/b.cc" in output), (1, True, True), output)


if __name__ == "__main__":
    unittest.main()
