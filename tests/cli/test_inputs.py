"""Every kind of input, and the options that choose, limit and show."""

import concurrent.futures
import csv
import decimal
import json
import signal
import time
import unittest

import documents
import harness

PROMPT = "Say what it is about.\n\n{{text}}\n"


class InputTest(harness.CliTest):
    @classmethod
    def setUpClass(cls):
        cls.simulator = harness.Simulator()
        cls.addClassCleanup(cls.simulator.close)

    def setUp(self):
        super().setUp()
        self.records = documents.make(12)
        self.prompt = self.write("prompt.md", PROMPT)

    def job(self, source, *options, provider="openAI", simulator=None, prompt=True):
        if prompt:
            options = ("--prompt", self.prompt, *options)
        return harness.Job(self.folder, simulator or self.simulator, provider, source, *options)

    def assert_answers(self, job, ids, *more, stdin=None):
        """Runs the job to its end and checks its lines and ledger."""
        outcome = job.run(*more, stdin=stdin)
        self.assert_code(outcome, 0)
        self.assert_answered_once(job, ids)
        self.assert_ledger_equals_bill(job)
        return outcome

    def ids(self, count=None):
        return [record["id"] for record in self.records[:count]]


class Inputs(InputTest):
    def test_jsonl(self):
        self.assert_answers(self.job(self.write("in.jsonl", self.records)), self.ids())

    def test_jsonl_without_ids(self):
        lines = [json.dumps({"text": record["text"]}) for record in self.records]
        source = self.write("in.jsonl", "\n\n" + "\n".join(lines))
        self.assert_answers(self.job(source), [f"line-{number}" for number in range(3, 15)])

    def test_id_field(self):
        records = [{"meta": {"key": number}, "text": record["text"]} for number, record in enumerate(self.records)]
        job = self.job(self.write("in.jsonl", records), "--id-field", "meta.key")
        self.assert_answers(job, [str(number) for number in range(12)])

    def test_csv(self):
        source = self.folder / "in.csv"
        with open(source, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "text"])
            for record in self.records:
                writer.writerow([record["id"], f'"{record["text"]}",\non two lines'])
        self.assert_answers(self.job(source), self.ids())

    def test_folder(self):
        folder = self.folder / "in"
        (folder / "deep").mkdir(parents=True)
        (folder / ".hidden").write_text("not a document", encoding="utf-8")
        names = ["a.txt", "b.md", "deep/a.txt"]
        for name, record in zip(names, self.records):
            (folder / name).write_text(record["text"], encoding="utf-8")
        self.assert_answers(self.job(folder), names)

    def test_standard_input(self):
        source = self.write("in.jsonl", self.records)
        with open(source, "rb") as stdin:
            self.assert_answers(self.job("-"), self.ids(), stdin=stdin)

    def test_openai_batch_lines(self):
        for route in ("sync", "batch"):
            with self.subTest(route=route):
                lines = [documents.openai_line(record["id"], "gpt-5.4-nano", record["text"]) for record in self.records]
                job = self.job(self.write("in.jsonl", lines), "--route", route, prompt=False)
                self.assert_answers(job, self.ids())

    def test_anthropic_batch_lines(self):
        for route in ("sync", "batch"):
            with self.subTest(route=route):
                lines = [documents.anthropic_line(record["id"], "claude-sonnet-5", record["text"])
                         for record in self.records]
                job = self.job(self.write("in.jsonl", lines), "--route", route, provider="anthropic", prompt=False)
                self.assert_answers(job, self.ids())

    def test_limit(self):
        self.assert_answers(self.job(self.write("in.jsonl", self.records), "--limit", 5), self.ids(5))

    def test_answers_without_a_schema_are_text(self):
        job = self.job(self.write("in.jsonl", self.records))
        self.assert_answers(job, self.ids())
        for line in job.lines():
            self.assertIsInstance(line["answer"], str)
            self.assertNotEqual(line["answer"], "")

    def test_output_lines_tell_what_it_took(self):
        job = self.job(self.write("in.jsonl", self.records), "--route", "sync")
        self.assert_answers(job, self.ids())
        bill = {row["attempt_id"]: row for row in job.bill()}
        for line in job.lines():
            row = bill[line["attempt_id"]]
            self.assertEqual(decimal.Decimal(line["cost_usd"]).scaleb(12), row["pico_usd"])
            self.assertEqual(line["usage"]["output"], row["tokens"]["output"])
            self.assertEqual((line["route"], line["attempts"], line["cache"]), ("sync", 1, "none"))

    def test_an_answer_that_misses_its_schema_fails_and_is_kept(self):
        schema = self.write("schema.json", documents.schema())
        job = self.job(self.write("in.jsonl", self.records), "--schema", schema, "--max-tokens", 3)
        self.assert_code(job.run(), 3)
        self.assert_ledger_equals_bill(job)
        for line in job.lines():
            self.assertNotIn("answer", line)
            self.assertIn("--max-tokens", line["error"]["hint"])
            self.assertIn("answer_text", line)

    def test_no_cache(self):
        source, named, _ = documents.write_job(self, 20)
        job = harness.Job(self.folder, self.simulator, "anthropic", source, *named, "--no-cache", "--route", "sync")
        self.assert_code(job.run(), 0)
        tokens = job.report()["tokens"]
        self.assertEqual((tokens["cache_read"], tokens["cache_write"]), (0, 0))

    def test_quiet(self):
        outcome = self.assert_answers(self.job(self.write("in.jsonl", self.records)), self.ids(), "--quiet")
        self.assertEqual(outcome.err, "")

    def test_input_that_changed_fails_only_its_items(self):
        """The bytes behind an accepted item are hashed per MiB: what changed is told, the rest is answered."""
        records = [{"id": str(number), "text": f"{number} " + "word " * 40_000} for number in range(40)]
        source = self.write("in.jsonl", records)
        with harness.Simulator(time_scale=20) as simulator:
            job = self.job(source, "--route", "sync", "--concurrency", 1, simulator=simulator)
            process = job.start()
            while len(job.bill()) < 2:
                time.sleep(0.01)
            process.send(signal.SIGINT)
            self.assert_code(process.wait(), 130)
            text = source.read_text(encoding="utf-8")
            source.write_text(text[:-100] + "changed" + text[-93:], encoding="utf-8")
            self.assert_code(job.run(), 3)
            self.assert_ledger_equals_bill(job)
        failed = [line for line in job.lines() if "error" in line]
        self.assertEqual([line["line"] for line in failed], list(range(41 - len(failed), 41)))
        self.assertLess(len(failed), 10)  # 200 KB each: those of the last chunk
        self.assertIn("input changed since accept, line 40", failed[-1]["error"]["message"])


class Events(InputTest):
    def test_json_events(self):
        with harness.Simulator(time_scale=60) as simulator:
            job = self.job(self.write("in.jsonl", self.records), "--route", "batch", simulator=simulator)
            outcome = job.run("--json")
        self.assert_code(outcome, 0)
        events = outcome.events()
        self.assertEqual({event["event"] for event in events}, {"progress", "receipt"})
        for event in events[:-1]:
            self.assertEqual(event["items"], 12)
            decimal.Decimal(event["spent_usd"])
        self.assertEqual(events[-1]["receipt"], job.report())


class DryRun(InputTest):
    def test_dry_run_sends_and_leaves_nothing(self):
        with harness.Simulator() as simulator:
            source, named, _ = documents.write_job(self, 50)
            job = harness.Job(self.folder, simulator, "anthropic", source, *named)
            outcome = job.run("--dry-run")
            self.assert_code(outcome, 0)
            self.assertIn("nothing was sent", outcome.out)
            for word in ("route", "cache", "expected", "baseline", "at most"):
                self.assertIn(word, outcome.out)
            self.assert_nothing_sent(job)
        self.assertEqual(list(self.folder.glob("answers*")), [])

    def test_dry_run_needs_no_key_and_no_output(self):
        outcome = harness.weir("run", self.write("in.jsonl", self.records), "--model", harness.MODELS["openAI"],
                               "--prompt", self.prompt, "--dry-run", "--json")
        self.assert_code(outcome, 0)
        [plan] = outcome.events()
        self.assertEqual((plan["event"], plan["items"], plan["rejected"]), ("dry_run", 12, 0))
        self.assertLess(decimal.Decimal(plan["expected_usd"]), decimal.Decimal(plan["ceiling_usd"]))


class SpendMax(harness.CliTest):
    def test_stops_before_overspending_and_goes_on_when_raised(self):
        records = documents.make(100)
        ids = [record["id"] for record in records]
        source = self.write("in.jsonl", records)
        # Short, so that a ceiling is not many times what an attempt really costs: fewer rounds of batches.
        named = ["--prompt", self.write("prompt.md", PROMPT), "--max-tokens", 24]
        with harness.Simulator() as simulator, concurrent.futures.ThreadPoolExecutor() as pool:
            checks = {}
            for provider in harness.MODELS:
                whole = harness.Job(self.folder, simulator, provider, source, *named, "--route", "sync")
                self.assert_code(whole.run(), 0)
                spent = decimal.Decimal(whole.report()["cost"]["spent_usd"])
                for route, limit in ("sync", round(spent / 2, 6)), ("batch", round(spent / 5, 6)):
                    job = harness.Job(self.folder, simulator, provider, source, *named, "--route", route)
                    checks[provider, route] = pool.submit(self.check, job, limit, ids)
            for (provider, route), check in checks.items():
                with self.subTest(provider=provider, route=route):
                    check.result()

    def check(self, job, limit, ids):
        outcome = job.run("--spend-max", f"{limit:f}")
        self.assert_code(outcome, 4)
        self.assertRegex(outcome.err.splitlines()[-1], "weir: stopped before --spend-max .*raise it")
        cost = job.report()["cost"]
        self.assertLessEqual(decimal.Decimal(cost["spent_usd"]) + decimal.Decimal(cost["exposure_usd"]), limit)
        self.assertLessEqual(sum(row["pico_usd"] for row in job.bill()), limit.scaleb(12))
        self.assertGreater(len(job.bill()), 0)
        self.assertLess(len(job.bill()), len(ids))
        self.assert_code(job.run("--spend-max", "100"), 0)
        self.assert_answered_once(job, ids)
        self.assert_ledger_equals_bill(job)


class Dedup(harness.CliTest):
    def test_identical_requests_are_sent_once(self):
        source, named, records = documents.write_job(self, 12)
        repeated = [{**record, "id": f"{record['id']}-{i}"} for i in range(3) for record in records]
        source = self.write("repeated.jsonl", repeated)
        for route in ("sync", "batch"):
            with self.subTest(route=route), harness.Simulator() as simulator:
                job = harness.Job(self.folder, simulator, "openAI", source, *named, "--route", route, "--dedup")
                self.assert_code(job.run(), 0)
                lines = job.lines()
                self.assertEqual([line["id"] for line in lines], [record["id"] for record in repeated])
                self.assertEqual([line.get("same_as") for line in lines],
                                 [None] * 12 + [record["id"] for record in repeated[:12]] * 2)
                self.assertEqual([line["answer"] for line in lines], [line["answer"] for line in lines[:12]] * 3)
                self.assertEqual(len(job.bill()), 12)
                self.assert_ledger_equals_bill(job)
                self.assertEqual(job.report()["deduplicated"]["items"], 24)
                self.assertIn("24: sent once", job.report_text())


if __name__ == "__main__":
    unittest.main()
