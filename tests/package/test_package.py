"""The library as a stranger gets it: installed, or from the Debian packages, and nothing of this tree beside it.

WEIR_BUILD names the build folder. WEIR_PACKAGE_FULL=1 does everything with both compilers; without it Clang and the
packages get one example each. WEIR_PACKAGE_FIGURES names a file for the figures.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("WEIR_BUILD", ROOT / "build/release")).resolve()
FULL = os.environ.get("WEIR_PACKAGE_FULL") == "1"
COMPILERS = ("g++", "clang++-19")
EXAMPLES = ("simple_call", "batch", "caching", "one_wrapper", "gathering", "embedding")
SECONDS_MAX = 120
EXAMPLE_LINES_MAX = 60
# Prices and models are dated: virtual time begins on a fixed day, whatever the day of the test.
EPOCH = "2026-11-23T00:00:00Z"
# What a name may look like that libweir.so shows: weir::name, or what the compiler makes for a class of it.
OURS = re.compile(r"(?:(?:vtable|VTT|typeinfo|typeinfo name) for )?weir::(\w+)")

work = prefix = simulator = None
figures = {}


def run(*command, env=None, cwd=None, seconds=SECONDS_MAX):
    """Runs the command; its standard output. What fails shows all it said."""
    done = subprocess.run([str(word) for word in command], cwd=cwd, env={**os.environ, **(env or {})}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=seconds, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Simulator:
    """`weir sim` on a free port, with a day in two and a half minutes."""

    def __init__(self, program):
        self.process = subprocess.Popen([program, "sim", "--listen", "127.0.0.1:0", "--time-scale", "600", "--epoch", EPOCH],
                                        stdout=subprocess.PIPE, text=True)
        self.url = re.search(r"http://[0-9.:]+", self.process.stdout.readline()).group()

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


def setUpModule():
    global work, prefix, simulator
    work = tempfile.TemporaryDirectory(prefix="weir-package-")
    prefix = pathlib.Path(work.name, "prefix")
    run("cmake", "--install", BUILD, "--prefix", prefix)
    simulator = Simulator(prefix / "bin/weir")


def tearDownModule():
    simulator.stop()
    work.cleanup()
    if "WEIR_PACKAGE_FIGURES" in os.environ:
        pathlib.Path(os.environ["WEIR_PACKAGE_FIGURES"]).write_text(json.dumps(figures), encoding="utf-8")


def headers():
    return sorted((prefix / "include/weir").glob("*.h"))


def library():
    return prefix / "lib/libweir.so"


def build_examples(compiler, weir, targets, name):
    """Builds the examples, copied out of the tree, against the package in `weir`; the folder of the programs."""
    source, folder = pathlib.Path(work.name, name, "source"), pathlib.Path(work.name, name, "build")
    source.mkdir(parents=True)
    for file in (ROOT / "examples").iterdir():
        (source / file.name).write_bytes(file.read_bytes())
    run("cmake", "-G", "Ninja", "-S", source, "-B", folder, f"-DCMAKE_CXX_COMPILER={compiler}", f"-DCMAKE_PREFIX_PATH={weir}",
        "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wpedantic -Werror")
    run("cmake", "--build", folder, "--parallel", "2", "--target", *targets)
    return folder


def money(text):
    return float(text.replace(",", ""))


class Installed(unittest.TestCase):
    def test_files(self):
        found = {str(file.relative_to(prefix)) for file in prefix.rglob("*") if not file.is_dir()}
        for name in ("bin/weir", "lib/libweir.so", "lib/libweir.so.0", "lib/cmake/weir/weirConfig.cmake",
                     "lib/cmake/weir/weirConfigVersion.cmake", "lib/cmake/weir/weirTargets.cmake"):
            self.assertIn(name, found)
        ours = {file.name for file in (ROOT / "include/weir").glob("*.h")}
        self.assertEqual({file.name for file in headers()}, ours)
        strays = [name for name in found if not re.match(r"bin/weir$|lib/libweir\.so|lib/cmake/weir/|include/weir/|share/doc/", name)]
        self.assertEqual(strays, [])

    def test_the_cmake_package_names_nobody_else(self):
        for file in (prefix / "lib/cmake/weir").glob("*.cmake"):
            text = file.read_text(encoding="utf-8")
            self.assertIsNone(re.search(r"boost|fmt::|simdjson|sqlite|openssl|yaml|spdlog|find_dependency\(", text, re.IGNORECASE), file.name)
            self.assertNotIn(str(ROOT), text, file.name)

    def test_every_library_it_needs_is_found_without_a_path(self):
        for file in (library(), prefix / "bin/weir"):
            self.assertNotIn("not found", run("ldd", file))
            self.assertIsNone(re.search(r"R(UN)?PATH", run("readelf", "-d", file)), file.name)
        self.assertIn("Library soname: [libweir.so.0]", run("readelf", "-d", library()))


class Symbols(unittest.TestCase):
    def test_they_are_ours_alone(self):
        names = [line.split(" ", 2)[2] for line in run("nm", "-DC", "--defined-only", library()).splitlines()]
        internal = {folder.name for folder in (ROOT / "src").iterdir() if folder.is_dir()}
        strangers = []
        for name in names:
            found = OURS.match(name)
            # weir::cost(…) is a function of ours, weir::cost::… would be a folder's.
            if not found or (found[1] in internal and name[found.end():].startswith("::")) or re.search(r"::Impl(::|$)", name):
                strangers.append(name)
        self.assertEqual(strangers, [])
        figures["symbols"] = len(names)

    def test_everything_that_the_headers_promise_is_there(self):
        shown = run("nm", "-DC", "--defined-only", library())
        promised = 0
        for header in headers():
            text = re.sub(r"//.*|^#.*", "", header.read_text(encoding="utf-8"), flags=re.MULTILINE)
            for name in re.findall(r"class WEIR_API (\w+)", text):
                self.assertTrue(f" weir::{name}::{name}(" in shown or f" vtable for weir::{name}\n" in shown, name)
                promised += 1
            for name in re.findall(r"WEIR_API [\w:<>, ]+?(\w+)\(", text):
                self.assertTrue(re.search(rf" weir::(\w+::)?{name}(\[abi:\w+\])?\(", shown), name)
                promised += 1
        self.assertGreater(promised, 15)


class Headers(unittest.TestCase):
    def test_each_compiles_alone(self):
        def alone(compiler, name):
            source = pathlib.Path(work.name, f"alone-{compiler}-{name}.cc")
            source.write_text(f'#include "weir/{name}"\n#include "weir/{name}"\nint main() {{}}\n', encoding="utf-8")
            run(compiler, "-std=c++23", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-I", prefix / "include", source)

        # Without FULL the umbrella stands for Clang, which compiles them all the day long.
        jobs = [(compiler, header.name) for compiler in COMPILERS for header in headers()
                if FULL or compiler == "g++" or header.name == "weir.h"]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda job: alone(*job), jobs))
        figures["headers_compiled"] = len(jobs)

    def test_they_include_the_standard_library_and_each_other(self):
        names = {header.name for header in headers()}
        for header in headers():
            for include in re.findall(r"^\s*#\s*include\s*(\S+)", header.read_text(encoding="utf-8"), re.MULTILINE):
                standard = re.fullmatch(r"<[a-z_0-9]+>", include)
                ours = re.fullmatch(r'"weir/(\w+\.h)"', include)
                self.assertTrue(standard or (ours and ours[1] in names), f"{header.name}: {include}")


class Examples(unittest.TestCase):
    """The checks of what each prints are methods, named after the example."""

    def run_all(self, folder, names):
        for name in names:
            with self.subTest(name=name, folder=folder.parent.name):
                out = run(folder / name, simulator.url)
                getattr(self, f"look_at_{name}")(out)
                figures["examples_run"] = figures.get("examples_run", 0) + 1

    def look_at_simple_call(self, out):
        self.assertRegex(out, r"(?m)^answer: \S")
        self.assertRegex(out, r"(?m)^cost: \$0\.0*[1-9]")

    def look_at_batch(self, out):
        self.assertEqual(len(re.findall(r"(?m)^batch: \S", out)), 20, out)
        cost, baseline = (money(re.search(rf"(?m)^{word}: \$(\S+)", out)[1]) for word in ("cost", "baseline"))
        self.assertAlmostEqual(cost / baseline, 0.5, places=2)

    def look_at_caching(self, out):
        self.assertEqual(re.findall(r"(?m)^cache (\w+)", out), ["write", "hit", "hit"], out)
        for cost, baseline in re.findall(r"(?m)^cache hit.* cost \$(\S+), baseline \$(\S+)", out):
            self.assertLess(money(cost), money(baseline) / 3)

    def look_at_one_wrapper(self, out):
        lines = out.splitlines()
        providers = ["anthropic", "openAI", "gemini", "groq"]
        self.assertEqual([line.split("/", 1)[0] for line in lines], providers, out)
        for line in lines:
            self.assertRegex(line, r"^\S+ \(batch yes, cache \w+\): .+, cost \$\S+, baseline \$\S+$")

    def look_at_gathering(self, out):
        self.assertRegex(out, r"(?m)^urgent: sync, ")
        self.assertRegex(out, r"(?m)^gathered: 100 of 100 answered by 2 batches$")
        spent, baseline = re.search(r"spent \$(\S+) instead of \$(\S+)", out).groups()
        self.assertLess(money(spent), 0.6 * money(baseline))

    def look_at_embedding(self, out):
        self.assertEqual(len(re.findall(r"(?m)^nearness -?[\d.e-]+: \S", out)), 3, out)
        tokens, cost = int(re.search(r"tokens: (\d+)", out)[1]), money(re.search(r"cost: \$(\S+)", out)[1])
        self.assertAlmostEqual(cost, tokens * 0.02 / 1e6, places=9)

    def test_with_the_installed_package(self):
        for compiler in COMPILERS if FULL else COMPILERS[:1]:
            self.run_all(build_examples(compiler, prefix, EXAMPLES, f"installed-{compiler}"), EXAMPLES)

    def test_one_wrapper_asks_whom_it_is_told_to(self):
        folder = build_examples("clang++-19", prefix, ["one_wrapper"], "told")
        out = run(folder / "one_wrapper", simulator.url, "openAI/gpt-5.4-mini")
        self.assertRegex(out, r"^openAI/gpt-5\.4-mini \(batch yes, cache automatic\): .+\n$")
        with self.assertRaisesRegex(AssertionError, "no model|not.*model|nobody/"):
            run(folder / "one_wrapper", simulator.url, "nobody/nothing")

    def test_each_is_short(self):
        for name in EXAMPLES:
            lines = (ROOT / f"examples/{name}.cc").read_text(encoding="utf-8").count("\n")
            self.assertLess(lines, EXAMPLE_LINES_MAX, name)

    def test_with_the_debian_packages(self):
        folder = pathlib.Path(work.name, "debian")
        run("cpack", "-G", "DEB", "--config", BUILD / "CPackConfig.cmake", "-B", folder, cwd=work.name)
        packages = sorted(folder.glob("*.deb"))
        self.assertEqual([package.name.split("_")[0] for package in packages], ["libweir-dev", "weir"])
        root = folder / "root"
        # Installed by dpkg into a root of its own, which lacks the libraries that they depend on.
        (root / "var/lib/dpkg").mkdir(parents=True)
        for name in ("status", "available"):
            (root / "var/lib/dpkg" / name).touch()
        run("dpkg", f"--root={root}", "--force-not-root", "--force-depends", "--force-script-chrootless", "--log=/dev/null",
            "--install", *packages)
        self.assertIn("ii  libweir-dev", run("dpkg-query", f"--admindir={root}/var/lib/dpkg", "--list"))
        for package in packages:
            figures[package.name.split("_")[0].replace("-", "_") + "_deb_kb"] = package.stat().st_size // 1024
        fields = [run("dpkg-deb", "-f", package, "Depends") for package in packages]
        self.assertRegex(fields[0], r"^weir \(= \S+\)$")
        for name in ("libc6", "libstdc++6", "libssl3", "libsqlite3-0"):
            self.assertIn(name, fields[1])
        self.assertNotIn("-dev", fields[1])
        self.assertRegex(run(root / "usr/bin/weir", "--version"), r"\d+\.\d+\.\d+")
        for compiler in COMPILERS if FULL else COMPILERS[:1]:
            names = EXAMPLES if FULL else EXAMPLES[:1]
            self.run_all(build_examples(compiler, root / "usr", names, f"debian-{compiler}"), names)


class Readme(unittest.TestCase):
    def test_its_program_does_as_printed(self):
        blocks = re.findall(r"^```cpp\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        self.assertEqual(len(blocks), 1)
        source = pathlib.Path(work.name, "readme.cc")
        source.write_text(blocks[0], encoding="utf-8")
        for compiler in COMPILERS:
            program = pathlib.Path(work.name, f"readme-{compiler}")
            run(compiler, "-std=c++23", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I", prefix / "include", source, "-o", program,
                "-L", prefix / "lib", "-lweir", f"-Wl,-rpath,{prefix}/lib")
            out = run(program, env={"ANTHROPIC_API_KEY": "any", "ANTHROPIC_BASE_URL": simulator.url + "/anthropic"})
            self.assertRegex(out, r"^\S[^\n]*\n(.*\n)*cost: \$0\.0*[1-9]\d*\n$")


if __name__ == "__main__":
    unittest.main(argv=sys.argv)
