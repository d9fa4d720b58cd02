"""What is wrong is told in one line with its place and a fix, by a documented exit code, and nothing is sent
(issue 2, must show 7)."""

import json
import os
import pathlib
import unittest

import documents
import harness

HUGE_LINE_BYTES = 100_000_000
HUGE_LINE_RSS_KB_MAX = 150_000
NOBODY = 65534


class BadInput(harness.CliTest):
    @classmethod
    def setUpClass(cls):
        cls.simulator = harness.Simulator()
        cls.addClassCleanup(cls.simulator.close)

    def setUp(self):
        super().setUp()
        self.records = documents.make(5)
        self.source = self.write("documents.jsonl", self.records)
        self.prompt = self.write("prompt.md", "Classify the text.\n\n{{text}}\n")

    def job(self, *options, provider="openAI", source=None, simulator=None, **more):
        return harness.Job(self.folder, simulator or self.simulator, provider, source or self.source, *options, **more)

    def documents_job(self, *options, **more):
        return self.job("--prompt", self.prompt, *options, **more)

    def assert_refused(self, job, *words, code=2):
        self.assert_one_line_error(job.run(), code, *words)
        self.assert_nothing_sent(job)


class Records(BadInput):
    """Some records are no good: the others are answered."""

    def assert_others_answered(self, job, bad):
        """`bad`: line number -> words of its error; all other lines have answers."""
        outcome = job.run()
        self.assert_code(outcome, 3)
        notes = outcome.err.splitlines()
        self.assertEqual(len(notes), len(bad))
        for line in job.lines():
            if line["line"] not in bad:
                self.assertIn("answer", line)
                continue
            self.assertIn(bad[line["line"]], line["error"]["message"])
            self.assertTrue(line["error"]["message"].startswith(f"line {line['line']}: "), line)
            self.assertTrue(any(line["error"]["message"] in note for note in notes), notes)
        self.assert_ledger_equals_bill(job)

    def test_not_json(self):
        lines = [json.dumps(record) for record in self.records]
        lines[2:2] = ['{"id": "x", "text": tru}', "no JSON at all", '["an array"]']
        source = self.write("mixed.jsonl", "\n".join(lines))
        self.assert_others_answered(self.documents_job(source=source),
                                    {3: "not valid JSON", 4: "not valid JSON", 5: "object is expected"})

    def test_duplicate_ids(self):
        source = self.write("twice.jsonl", [*self.records, self.records[1]])
        self.assert_others_answered(self.documents_job(source=source), {6: "stands on line 2 already"})

    def test_a_missing_field_in_one_record(self):
        self.records[3] = {"id": "d", "txt": "misspelt"}
        source = self.write("missing.jsonl", self.records)
        self.assert_others_answered(self.documents_job(source=source), {4: "field 'text'"})

    def test_a_huge_line(self):
        source = self.folder / "huge.jsonl"
        with open(source, "w", encoding="utf-8") as file:
            file.write(json.dumps(self.records[0]) + '\n{"id": "huge", "text": "')
            for _ in range(HUGE_LINE_BYTES // 1_000_000):
                file.write("x" * 1_000_000)
            file.write('"}\n' + json.dumps(self.records[1]) + "\n")
        job = self.documents_job(source=source)
        outcome = job.run()
        self.assert_code(outcome, 3)
        self.assertLessEqual(outcome.peak_kb, HUGE_LINE_RSS_KB_MAX)
        self.assertRegex(outcome.err, r"\Aweir: line 2: .* bytes.*\n\Z")
        self.assertEqual([("answer" in line, line["line"]) for line in job.lines()], [(True, 1), (False, 2), (True, 3)])
        dry = job.run("--dry-run", "--restart")
        self.assertLessEqual(dry.peak_kb, HUGE_LINE_RSS_KB_MAX)

    def test_strict_sends_nothing_until_the_input_is_mended(self):
        source = self.write("mixed.jsonl", json.dumps(self.records[0]) + "\nno JSON\n")
        simulator = harness.Simulator()
        self.addCleanup(simulator.close)
        job = self.documents_job("--strict", source=source, simulator=simulator)
        outcome = job.run()
        self.assert_code(outcome, 2)
        self.assertRegex(outcome.err, r"\Aweir: line 2: [^\n]*\nweir: 1 of 2 records[^\n]*--strict[^\n]*\n\Z")
        self.assert_nothing_sent(job)
        self.write("mixed.jsonl", self.records[:2])
        self.assert_code(job.run(), 0)


class Refused(BadInput):
    """Nothing of it can be answered."""

    def test_models(self):
        self.assert_refused(self.documents_job(model="openAI/gpt-5.4-nan"), "gpt-5.4-nan'", "openAI/gpt-5.4-nano?")
        self.assert_refused(self.documents_job(model="openAL/gpt-5.4-nano"), "openAL", "anthropic, ", "openAI")
        self.assert_refused(self.documents_job(model="gpt-5.4-nano"), "PROVIDER/MODEL")

    def test_inputs(self):
        missing = self.folder / "missing.jsonl"
        for source, words in [(self.write("empty.jsonl", ""), ["is empty"]),
                              (self.write("blank.jsonl", "\n\n"), ["has no records"]),
                              (missing, [missing, "does not exist"]),
                              (self.write("array.jsonl", "[{}]"), ["JSON array", "jq"]),
                              (self.write("none.jsonl", "no\nJSON\n"), ["line 1", "none of the 2 records"]),
                              (self.write("packed.jsonl", b"\x1f\x8b\x08\x00"), ["compressed", "zcat"]),
                              (self.write("header.csv", "id,text\n"), ["header but no rows"])]:
            with self.subTest(source=source.name):
                self.assert_refused(self.documents_job(source=source), source.name, *words)

    def test_a_field_that_no_record_has(self):
        template = self.write("other.md", "Classify.\n\n{{txt}}\n")
        self.assert_refused(self.job("--prompt", template), "line 1", "'txt'", "text", "none of the 5 records")

    def test_templates(self):
        for content, words in {"": ["empty"], "Classify.\n": ["{{field}}"],
                               "Classify.\n\nThis: {{ }}\n": ["line 3", "column 7"],
                               "Classify {{text\n": ["line 1", "column 10"]}.items():
            with self.subTest(content=content):
                template = self.write("other.md", content)
                self.assert_refused(self.job("--prompt", template), template, *words)
        self.assert_refused(self.job("--prompt", "missing.md"), "missing.md", "--prompt")
        self.assert_refused(self.job(), self.source, "no prompt", "--prompt")

    def test_schemas(self):
        for content, words in {'{"type": 3}': ["/type"], '{"type": ': ["line 1", "column 10"],
                               '{"$ref": "http://example.com/x"}': ["$ref"]}.items():
            with self.subTest(content=content):
                schema = self.write("other.json", content)
                self.assert_refused(self.documents_job("--schema", schema), schema, *words)
        self.assert_refused(self.documents_job("--schema", "missing.json"), "missing.json", "--schema")

    def test_keys(self):
        job = self.documents_job()
        job.environment = harness.environment_with()
        self.assert_refused(job, "OPENAI_API_KEY", "--key-file")
        job.environment = harness.environment_with(OPENAI_API_KEY="")
        self.assert_refused(job, "OPENAI_API_KEY", "--key-file")
        for provider in harness.MODELS:
            with self.subTest(provider=provider):
                self.assert_refused(self.documents_job(provider=provider, key="invalid-secret"), "401",
                                    harness.KEY_VARIABLES[provider])
        # A wrong key is a bad request there.
        for provider in ("gemini", "xai"):
            with self.subTest(provider=provider):
                self.assert_refused(self.documents_job(provider=provider, key="invalid-secret"), "refused the key",
                                    harness.KEY_VARIABLES[provider])
        self.assert_refused(self.documents_job("--key-file", "missing.key"), "missing.key", "--key-file")
        outcome = self.documents_job(key="invalid-secret").run()
        self.assertNotIn("invalid-secret", outcome.err)

    def test_nobody_listens(self):
        simulator = harness.Simulator()
        job = self.documents_job(simulator=simulator)
        simulator.close()
        self.assert_one_line_error(job.run(), 2, simulator.url, "Connection refused", "--clock")
        job.command[job.command.index("--clock") + 1] = "system"
        self.assert_one_line_error(job.run(), 2, simulator.url, "Connection refused", "--endpoint")

    def test_outputs(self):
        job = self.documents_job()

        def assert_output_refused(output, *words):
            with self.subTest(output=output):
                before = pathlib.Path(output).read_bytes() if os.path.isfile(output) else None
                job.command[job.command.index("--output") + 1] = output
                self.assert_refused(job, *words)
                if before is not None:
                    self.assertEqual(pathlib.Path(output).read_bytes(), before)

        assert_output_refused(self.folder / "missing" / "out.jsonl", "missing", "folder")
        assert_output_refused(self.folder, self.folder, "is a folder")
        foreign = self.write("foreign.jsonl", "a diary\n")
        assert_output_refused(foreign, foreign, "not from a job of Weir", "--restart")
        job.command.append("--restart")  # must not get around what follows
        assert_output_refused(self.source, "is the input")
        assert_output_refused(os.path.relpath(self.source), "is the input")
        assert_output_refused(self.prompt, "is the prompt")
        job.command[1] = self.folder
        assert_output_refused(self.folder / "out.jsonl", "in the input folder")

    def test_no_output(self):
        job = self.documents_job()
        at = job.command.index("--output")
        del job.command[at:at + 2]
        self.assert_refused(job, "no output", "-o")

    def test_an_output_that_may_not_be_written(self):
        folder = self.folder / "read-only"
        folder.mkdir()
        job = self.documents_job()
        job.command[job.command.index("--output") + 1] = folder / "out.jsonl"
        user = None
        if os.geteuid() == 0:  # root may write anywhere
            user = NOBODY
            self.folder.chmod(0o755)
            if not os.access(harness.PROGRAM, os.X_OK):
                self.skipTest("the program cannot be run by another user")
        folder.chmod(0o555)
        try:
            process = job.start(user=user)
        except PermissionError:
            self.skipTest("the program cannot be run by another user")
        self.assert_one_line_error(process.wait(), 2, folder, "Permission denied", "that exists and can be written")
        self.assert_nothing_sent(job)

    def test_option_values(self):
        for option, value, *words in [
                ("--deadline", "soon", "--deadline 'soon'", "24h"), ("--deadline", "0s", "--deadline '0s'"),
                ("--spend-max", "much", "--spend-max 'much'"), ("--spend-max", "0", "--spend-max", "5.00"),
                ("--timeout", "-1s", "--timeout '-1s'"), ("--concurrency", "0", "--concurrency", "1 to 512"),
                ("--concurrency", "513", "--concurrency", "1 to 512"), ("--limit", "-1", "--limit"),
                ("--max-tokens", "0", "--max-tokens"), ("--route", "fast", "--route", "sync"),
                ("--format", "xml", "'xml'", "jsonl"), ("--temperature", "hot", "--temperature"),
                ("--clock", "noon", "'noon'", "sim:"), ("--endpoint", "ftp://x", "ftp://x", "https"),
                ("--nonsense", "1", "--nonsense", "--help")]:
            with self.subTest(option=option, value=value):
                job = self.documents_job()
                if option in job.command:
                    at = job.command.index(option)
                    del job.command[at:at + 2]
                job.command += [option, value]
                self.assert_refused(job, *words)

    def test_a_temperature_for_a_model_that_takes_none(self):
        job = self.documents_job("--temperature", "0.5", provider="anthropic")
        self.assert_refused(job, "claude-sonnet-5", "--temperature")

    def test_prompt_and_ready_made_lines(self):
        ready = self.write("ready.jsonl", [documents.openai_line("a", "gpt-5.4-nano", "Hello")])
        self.assert_refused(self.documents_job(source=ready), ready, "--prompt")
        self.assert_refused(self.job("--format", "openAI-batch"), "line 1", "custom_id")
        schema = self.write("schema.json", documents.schema())
        self.assert_refused(self.job("--schema", schema, source=ready), "prompt")

    def test_ready_made_lines_of_another_provider(self):
        ready = self.write("ready.jsonl", [documents.openai_line("a", "gpt-5.4-nano", "Hello")])
        self.assert_refused(self.job(provider="anthropic", source=ready), ready, "line 1", "OpenAI", "Anthropic")

    def test_commands(self):
        for line, *words in [("frob", "'frob'", "--help"), ("", "--help"), ("run", "input", "weir run --help"),
                             ("report missing.jsonl", "missing.jsonl"), ("sim --listen nowhere", "nowhere"),
                             ("sim --time-scale 601", "--time-scale", "600"),
                             ("sim --faults missing.json", "missing.json")]:
            with self.subTest(line=line):
                self.assert_one_line_error(harness.weir(*line.split()), 2, *words)

    def test_a_dry_run_tells_the_same(self):
        missing = self.folder / "missing.jsonl"
        template = self.write("other.md", "Classify.\n\n{{txt}}\n")
        self.assert_refused(self.documents_job("--dry-run", source=missing), missing)
        self.assert_refused(self.job("--dry-run", "--prompt", template), "line 1", "'txt'")
        self.assert_refused(self.job("--dry-run"), "--prompt")

    def test_an_error_is_an_event_too(self):
        outcome = self.documents_job("--json", model="openAI/nothing-like-it").run()
        self.assert_code(outcome, 2)
        [event] = outcome.events()
        self.assertEqual((event["event"], event["kind"]), ("error", "not_found"))
        self.assertIn(event["message"], outcome.err)


if __name__ == "__main__":
    unittest.main()
