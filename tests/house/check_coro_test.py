#!/usr/bin/env python3
"""Whether tools/check_coro.py sees what it is for, and nothing else."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools" / "check_coro.py"


def faults(text, folder="runtime"):
    with tempfile.TemporaryDirectory() as root:
        path = pathlib.Path(root) / "src" / folder / "zz.cc"
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
        done = subprocess.run([sys.executable, TOOL, "--root", root], capture_output=True, text=True, check=False)
        return done.stdout


class Coroutines(unittest.TestCase):
    def clean(self, text, folder="runtime"):
        self.assertIn("no fault", faults(text, folder))

    def faulty(self, text, *words, folder="runtime"):
        found = faults(text, folder)
        for word in words:
            self.assertIn(word, found)
        self.assertNotIn("no fault", found)

    def test_values_and_pointers(self):
        self.clean("asio::awaitable<Result<void>> send(std::string a, Sink* sink, std::optional<int> n = {}) {\n"
                   "  for (auto& x : a) { co_await f(x); }\n  co_return Result<void>{};\n}\n")

    def test_reference(self):
        self.faulty("asio::awaitable<void> f(const std::string& a) { co_return; }\n", "zz.cc:1:", "a reference")

    def test_rvalue_reference_of_a_member(self):
        self.faulty("asio::awaitable<void> A::f(int n,\n std::string&& a) const {\n if (n) { co_await g(); }\n}\n", "a reference")

    def test_view(self):
        self.faulty("awaitable<void> f(std::string_view a) { co_await g(a); }\n", "takes a view")
        self.faulty("Task<int> f(std::span<const char> a) { co_return 1; }\n", "takes a view")
        self.faulty("auto f(std::vector<int>::iterator a) -> awaitable<void> { co_return; }\n", "takes a view")

    def test_declaration_alone(self):
        self.faulty("struct A {\n  virtual asio::awaitable<bool> send(std::string_view bytes) = 0;\n};\n", "zz.cc:2:", "takes a view")
        self.faulty("asio::awaitable<Result<int>> read(const Options&);\n", "a reference")

    def test_reference_inside_a_template_argument(self):
        self.clean("asio::awaitable<void> f(std::function<void(const std::string&)> g) { co_await h(g); }\n")

    def test_lambda_captures(self):
        self.faulty("void f() { spawn([this]() -> asio::awaitable<void> { co_await g(); }); }\n", "captures (this)")
        self.faulty("void f() { spawn([&, n = 1] { co_return; }); }\n", "captures (&, n = 1)")
        self.faulty("void f() { auto g = [x](int n) mutable -> asio::awaitable<int> { co_return n; }; }\n", "captures (x)")

    def test_lambda_without_captures(self):
        self.clean("void f() { spawn([](A* a) -> asio::awaitable<void> { co_await a->g(); }(this)); }\n")

    def test_lambda_inside_a_coroutine(self):
        self.clean("asio::awaitable<void> f(int n) {\n  auto less = [&](const A& a) { return a.n < n; };\n"
                   "  if (less(x)) { co_await g(); }\n  switch (n) { case 1: { co_return; } }\n}\n")

    def test_variables_are_not_functions(self):
        self.clean("void f(const A& a) { asio::awaitable<void> task(make(a)); run(std::move(task)); }\n")

    def test_comments_and_strings(self):
        self.clean('// asio::awaitable<void> f(const A& a);\nconst char* s = "co_await";\n'
                   "int n = 1'000'000;\nvoid f(const A& a) { g(a, R\"(co_return)\"); }\n")

    def test_outside_the_folders(self):
        self.faulty("awaitable<void> f() { co_return; }\n", "front ends only", folder="engine")
        self.clean("void f(const A& a);\n", folder="engine")


if __name__ == "__main__":
    unittest.main()
