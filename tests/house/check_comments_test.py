#!/usr/bin/env python3
"""Whether check_comments.py sees what it is for, and nothing else."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

TOOL = pathlib.Path(__file__).resolve().parent / "check_comments.py"


def faults(text):
    with tempfile.TemporaryDirectory() as root:
        path = pathlib.Path(root) / "include/weir/zz.h"
        path.parent.mkdir(parents=True)
        path.write_text("#pragma once\n// What this is.\n#include <string>\nnamespace weir {\n" + text + "}  // namespace weir\n", encoding="utf-8")
        done = subprocess.run([sys.executable, TOOL, "--root", root], capture_output=True, text=True, check=False)
        if done.stderr or done.returncode != bool(done.stdout):
            raise AssertionError(done.stderr or done.returncode)
        return [line.split(": ", 1)[1].split(" ")[0] for line in done.stdout.splitlines()]


class Comments(unittest.TestCase):
    def test_free_functions(self):
        self.assertEqual(faults("/// Adds.\nint add(int a, int b);\nWEIR_API int sub(int a = f(1), B b = {});\n"), ["sub"])
        self.assertEqual(faults("// Not for a reference.\ninline int add(int a) { return {a}; }\n"), ["add"])
        self.assertEqual(faults("/// Of T.\ntemplate <class T>\nT one();\ntemplate <class T>\nT two();\n"), ["two"])

    def test_each_overload_needs_its_own(self):
        self.assertEqual(faults("class A {\n public:\n  /// Sends.\n  void send(int a);\n  void send(long a) const;\n};\n"), ["A::send"])

    def test_members(self):
        self.assertEqual(faults("class A {\n  void hidden();\n public:\n  virtual int open() const = 0;\n private:\n  int x();\n};\n"), ["A::open"])
        self.assertEqual(faults("struct A {\n  int x = f(1);\n  int sum() const { if (x) { return 1; } return 2; }\n};\n"), ["A::sum"])
        self.assertEqual(faults("class A final : public B {\n public:\n  struct In {\n    int f();\n  };\n private:\n  struct No {\n    int g();\n  };\n};\n"),
                         ["A::In::f"])

    def test_a_comment_behind_or_far_away_is_none(self):
        self.assertEqual(faults("int add(int a);  /// Adds.\n"), ["add"])
        self.assertEqual(faults("/// Of the struct.\nstruct A {\n  int x;\n};\nint f();\n"), ["f"])

    def test_what_needs_none(self):
        self.assertEqual(faults(
            "class A final : public B {\n public:\n  A() = default;\n  A(const A&) = delete;\n  A& operator=(const A&) = delete;\n  ~A();  // ends it\n"
            "  explicit A(std::shared_ptr<Impl> impl);\n  int f() override;\n  Impl& impl() const { return *impl_; }  // for Weir itself\n"
            "  using Call = std::function<void(int)>;\n  std::function<bool(const A&, int)> urgent = {};\n  std::chrono::seconds age{30};\n"
            "  friend bool operator==(const A&, const A&) = default;\n  enum class Kind { kA, kB };\n  const char* word = \"int f();\";\n};\n"
            "static_assert(sizeof(A) > 1);\nusing F = int (*)(int);\n"), [])


if __name__ == "__main__":
    unittest.main()
