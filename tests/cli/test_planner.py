"""The prefix planner as a user meets it: a prompt of two levels (all tenants, one tenant) is cached on both, the receipt says how near
the lower bound that came, and what batches hit is remembered for the next job where the user names a file for it."""

import os
import random
import signal
import time
import unittest

import harness

TENANTS = 4
ITEMS = 240
_WORDS = "invoice order contract notice report letter offer receipt reminder statement summary memo".split()


def words(seed, count):
    """The same for the same arguments."""
    return " ".join(random.Random(seed).choices(_WORDS, k=count))


def write_job(test):
    """Documents of some tenants in turn, and a prompt whose tenant part alone is worth a cache entry."""
    rules = {f"tenant-{k}": f"House rules of tenant {k}: {words(k, 900)}." for k in range(TENANTS)}
    records = [{"id": f"doc-{i}", "rules": rules[f"tenant-{i % TENANTS}"], "text": f"{i} {words(1000 + i, 20)}"}
               for i in range(ITEMS)]
    source = test.write("documents.jsonl", records)
    prompt = test.write("prompt.md", f"Say in a word what the document is.\n{words('static', 900)}\n\n"
                                     "Rules:\n{{rules}}\n\nDocument:\n{{text}}\n")
    return source, ["--prompt", prompt, "--max-tokens", "50"], records


class Planner(harness.CliTest):
    def run_job(self, simulator, provider, *options, model=None):
        job = harness.Job(self.folder, simulator, provider, self.source, *self.named, *options, model=model)
        self.assert_code(job.run(), 0)
        self.check(job)
        return job

    def check(self, job):
        self.assert_answered_once(job, [record["id"] for record in self.records])
        self.assert_ledger_equals_bill(job)
        receipt = job.report()
        self.assertEqual(receipt["cost"]["spent_usd"], receipt["cost"]["provider_bill_usd"])

    def setUp(self):
        super().setUp()
        self.source, self.named, self.records = write_job(self)

    def test_both_levels_are_cached_near_the_lower_bound(self):
        for route, most in (("batch", 1.1), ("sync", 1.1)):
            with self.subTest(route=route), harness.Simulator(batch_hit_rate=1) as simulator:
                job = self.run_job(simulator, "anthropic", "--route", route)
                cost = job.report()["cost"]
                spent, bound = float(cost["spent_usd"]), float(cost["lower_bound_usd"])
                self.assertLessEqual(bound, spent * 1.0001)
                self.assertLessEqual(spent, most * bound, job.report_text())
                reasons = "\n".join(job.report()["reasons"])
                self.assertIn(f"{TENANTS + 1} of {TENANTS + 1} shared prefixes are marked", reasons)
                # Without the tenants' prefixes it is dearer than this: most of each prompt is its tenant's.
                plain = self.run_job(simulator, "anthropic", "--route", route, "--no-cache").report()["cost"]
                self.assertLess(spent, 0.4 * float(plain["spent_usd"]))

    def test_another_dialect_has_its_marks_on_both_levels_too(self):
        with harness.Simulator(batch_hit_rate=1) as simulator:
            named = {"model": "openAI/gpt-6-luna"}
            job = self.run_job(simulator, "openAI", "--route", "batch", **named)
            plain = self.run_job(simulator, "openAI", "--route", "batch", "--no-cache", **named)
            self.assertLess(float(job.report()["cost"]["spent_usd"]),
                            0.4 * float(plain.report()["cost"]["spent_usd"]))

    def test_a_killed_job_goes_on_in_its_order(self):
        with harness.Simulator(batch_hit_rate=1, time_scale=300) as simulator:
            job = harness.Job(self.folder, simulator, "anthropic", self.source, *self.named, "--route", "batch")
            chance = random.Random(3)
            for _ in range(6):
                process = job.start()
                time.sleep(chance.uniform(0.02, 1.2))
                process.send(signal.SIGKILL)
                process.wait()
            self.assert_code(job.run(), 0)
            self.check(job)
            cost = job.report()["cost"]
            self.assertLessEqual(float(cost["spent_usd"]), 1.1 * float(cost["lower_bound_usd"]))

    def test_what_batches_hit_is_remembered(self):
        hits = self.folder / "hits"
        with harness.Simulator(batch_hit_rate=0.1) as simulator:
            key = f"hits-{os.getpid()}"
            jobs = []
            for _ in range(2):
                job = harness.Job(self.folder, simulator, "anthropic", self.source, *self.named, "--route", "batch",
                                  "--cache-hits", hits, key=f"{key}")
                self.assert_code(job.run(), 0)
                jobs.append(job.report())
            first, second = (float(report["cost"]["spent_usd"]) for report in jobs)
            self.assertLess(second, first)
            uncached = float(jobs[1]["cost"]["baseline_usd"]) / 2  # a batch is half
            self.assertLessEqual(second, 1.01 * uncached)
            self.assertTrue(any("answers seen lately" in reason for reason in jobs[1]["reasons"]), jobs[1]["reasons"])
            self.assertFalse(any("answers seen lately" in reason for reason in jobs[0]["reasons"]))

    def test_a_file_that_holds_no_hits_is_not_touched(self):
        other = self.write("notes.txt", "mine\n")
        with harness.Simulator() as simulator:
            job = harness.Job(self.folder, simulator, "anthropic", self.source, *self.named, "--cache-hits", other)
            self.assert_one_line_error(job.run(), 2, "notes.txt", "cache statistics")
            self.assert_nothing_sent(job)
        self.assertEqual(other.read_text(encoding="utf-8"), "mine\n")



class Reorder(harness.CliTest):
    """A table whose columns depend on one another: the user lets the lines of its fields change places."""

    def setUp(self):
        super().setUp()
        self.records = [{"id": f"row-{i}", "note": f"note {i} {words(5000 + i, 8)}",
                         "product": f"product {i % 12}: {words(i % 12, 700)}",
                         "brand": f"brand {i % 4}: {words(100 + i % 4, 700)}"} for i in range(180)]
        self.source = self.write("rows.jsonl", self.records)
        self.named = ["--prompt", self.write("prompt.md", f"What is it for? {words('reorder', 60)}\n\n"
                                             "Note: {{note}}\nProduct: {{product}}\nBrand: {{brand}}\n"),
                      "--max-tokens", "50", "--route", "batch"]
        self.moving = ["--reorder", "note,product,brand"]

    def job(self, simulator, *options):
        return harness.Job(self.folder, simulator, "anthropic", self.source, *self.named, *options)

    def check(self, job):
        self.assert_answered_once(job, [record["id"] for record in self.records])
        self.assert_ledger_equals_bill(job)
        return float(job.report()["cost"]["spent_usd"])

    def test_moved_lines_make_the_job_cheaper(self):
        with harness.Simulator(batch_hit_rate=1) as simulator:
            plain, moved = self.job(simulator), self.job(simulator, *self.moving)
            for job in (plain, moved):
                self.assert_code(job.run(), 0)
            self.assertLess(self.check(moved), 0.4 * self.check(plain))
            reasons = moved.report()["reasons"]
            self.assertTrue(any(reason.startswith("reorder: the lines of 180 of 180 items") for reason in reasons), reasons)
            self.assertIn("reorder", moved.report_text())
            before = moved.output.read_bytes()
            outcome = moved.run("--reorder", "product,note,brand")
            self.assert_code(outcome, 2)
            self.assertIn("reorder", outcome.err)
            self.assertEqual(moved.output.read_bytes(), before)

    def test_a_killed_job_keeps_its_order(self):
        with harness.Simulator(batch_hit_rate=1, time_scale=300) as simulator:
            job = self.job(simulator, *self.moving)
            chance = random.Random(5)
            for _ in range(8):
                process = job.start()
                time.sleep(chance.uniform(0.01, 0.8))
                process.send(signal.SIGKILL)
                process.wait()
            self.assert_code(job.run(), 0)
            self.check(job)
            cost = job.report()["cost"]
            self.assertLessEqual(float(cost["spent_usd"]), 1.25 * float(cost["lower_bound_usd"]))

    def test_a_dry_run_shows_what_it_would_save(self):
        with harness.Simulator() as simulator:
            plain = self.job(simulator).run("--dry-run", "--json").events()
            moved = self.job(simulator, *self.moving).run("--dry-run", "--json").events()
            expected = [float(events[-1]["expected_usd"]) for events in (plain, moved)]
            self.assertLess(expected[1], 0.85 * expected[0])

    def test_what_cannot_move_is_said_before_anything_is_sent(self):
        with harness.Simulator() as simulator:
            for fields, words_of in (("note,prodct", "product"), ("brand", "before all other fields")):
                job = self.job(simulator, "--reorder", fields)
                self.assert_one_line_error(job.run(), 2, "--reorder", "prompt.md", words_of)
                self.assert_nothing_sent(job)


if __name__ == "__main__":
    unittest.main()
