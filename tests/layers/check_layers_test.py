#!/usr/bin/env python3
"""Whether check_layers.py finds what it is for: each case spoils a copy of the tree and expects the fault."""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def check(root):
    done = subprocess.run([sys.executable, HERE / "check_layers.py", "--root", root],
                          capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


class Layers(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self.folder.name)
        for name in ("src", "include"):
            if (ROOT / name).is_dir():  # include/ comes with the installed library; git keeps no empty folder
                shutil.copytree(ROOT / name, self.root / name)

    def tearDown(self):
        self.folder.cleanup()

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def spoil(self, header, include):
        path = self.root / "src" / header
        path.write_text(path.read_text(encoding="utf-8") + f'\n#include "{include}"\n', encoding="utf-8")

    def expect(self, *words):
        code, output = check(self.root)
        self.assertEqual(code, 1, output)
        for word in words:
            self.assertIn(word, output)

    def expect_clean(self):
        code, output = check(self.root)
        self.assertEqual(code, 0, output)

    def test_the_tree_as_it_is(self):
        self.expect_clean()

    def test_upward_include(self):
        self.spoil("base/result.h", "json/value.h")
        self.expect("src/base/result.h:", "json stands below base")

    def test_upward_include_across_the_list(self):
        self.write("src/llm/zz.h", '#include "runtime/zz.h"\n')
        self.write("src/runtime/zz.h", "\n")
        self.expect("src/llm/zz.h:1:", "runtime stands below llm")

    def test_upward_include_in_a_test(self):
        self.write("src/json/zz_test.cc", '#include "engine/zz.h"\n')
        self.write("src/engine/zz.h", "\n")
        self.expect("src/json/zz_test.cc:1:")

    def test_cost_stands_above_plan(self):
        self.write("src/cost/zz.h", '#include "plan/zz.h"\n')
        self.write("src/plan/zz.h", '#include "cost/yy.h"\n')
        self.write("src/cost/yy.h", "\n")
        self.expect("src/cost/zz.h:1:", "1 faults")

    def test_test_support_is_for_tests(self):
        self.write("src/engine/fake_testing.h", "\n")
        self.write("src/json/zz_test.cc", '#include "engine/fake_testing.h"\n')
        self.expect_clean()
        self.write("src/runtime/zz.cc", '#include "engine/fake_testing.h"\n')
        self.expect("src/runtime/zz.cc:1:", "exists for tests")

    def test_cycle(self):
        self.write("src/base/zz_a.h", '#include "base/zz_b.h"\n')
        self.write("src/base/zz_b.h", '#include "base/zz_a.h"\n')
        self.expect("includes itself")

    def test_unknown_folder_and_missing_file(self):
        self.write("src/misc/zz.h", '#include "base/result.h"\n')
        self.write("src/base/zz.h", '#include "base/nowhere.h"\n')
        self.expect("folder 'misc' is not in the list", "base/nowhere.h")

    def test_provider_to_provider(self):
        self.write("src/providers/one/zz.h", "\n")
        self.write("src/providers/two/zz.h", '#include "providers/one/zz.h"\n')
        self.expect("a provider never includes another provider")

    def test_provider_to_engine(self):
        self.write("src/engine/zz.h", "\n")
        self.write("src/providers/two/zz.h", '#include "engine/zz.h"\n')
        self.expect("a provider never includes the engine")

    def test_runtime_to_provider(self):
        self.write("src/providers/one/zz.h", "\n")
        self.write("src/runtime/zz.h", '#include "providers/one/zz.h"\n')
        self.expect("only the program includes a provider")

    def test_front_ends(self):
        self.write("src/bulk/zz.h", "\n")
        self.write("src/gateway/zz.h", '#include "bulk/zz.h"\n')
        self.expect("gateway and bulk never include each other")

    def test_simulator(self):
        self.write("src/provider/zz.h", "\n")
        self.write("src/sim/providers/one/zz.h", '#include "provider/zz.h"\n')
        self.expect("the simulator may include base, json, http and nothing else")

    def test_registry(self):
        self.write("src/cli/zz.cc", '#include "weir_registry.h"\n#include "weir_sim_registry.h"\n')
        self.expect_clean()
        self.write("src/runtime/zz.cc", '#include "weir_registry.h"\n')
        self.expect("the library see the registry")

    def test_provider_name_in_the_core(self):
        self.write("src/engine/zz_test.cc", 'bool f(const char* s) { return s == "openAI"; }\n')
        self.write("src/engine/zz.h", '// openAI has files, anthropic has none: "openAI".\n')
        self.expect_clean()
        self.write("src/engine/zz.cc", 'bool f(std::string_view s) { return s == "openai/gpt"; }\n')
        self.expect("src/engine/zz.cc:1: names the provider 'openai'")


if __name__ == "__main__":
    unittest.main()
