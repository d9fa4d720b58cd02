"""Cached contents of gemini and vertexAI: a job by the standard API makes one, uses it and deletes it; cheaper than the automatic cache
alone, ledger = bill, whatever becomes of the process and of the create's answer."""

import concurrent.futures
import decimal
import random
import signal
import time
import unittest

import documents
import harness

USD = decimal.Decimal
PROVIDERS = ("gemini", "vertexAI")
COUNT = 300
BACKGROUND = 3000  # words: a prompt of about 25 KB
# Nobody promises a hit of the automatic cache; the simulated ones are otherwise more reliable than any provider was seen to be.
HIT_RATE = 0.7
LOST_CREATE = [{"match": {"operation": "content_create", "nth": 1}, "fault": {"kind": "reset", "accepted": True}}]


class CachedContents(harness.CliTest):
    def simulator(self, faults=None, time_scale=60):
        simulator = harness.Simulator(faults=faults, time_scale=time_scale,
                                      options=["--implicit-hit-rate", str(HIT_RATE)])
        self.addCleanup(simulator.close)
        return simulator

    def job(self, simulator, provider, *options, count=COUNT):
        source, named, self.records = documents.write_job(self, count, background=BACKGROUND)
        return harness.Job(self.folder, simulator, provider, source, *named, "--route", "sync", *options)

    def check(self, job, count=COUNT):
        self.assert_answered_once(job, [record["id"] for record in self.records[:count]])
        ledger = self.assert_ledger_equals_bill(job)
        self.assertEqual(job.simulator.state()[job.provider]["cached_contents"], 0, "one is left behind")
        return ledger

    def test_is_cheaper_than_the_automatic_cache(self):
        for provider in PROVIDERS:
            with self.subTest(provider=provider):
                simulator = self.simulator()
                job, plain = (self.job(simulator, provider, "--cache-strategy", strategy)
                              for strategy in ("auto", "automatic"))
                with concurrent.futures.ThreadPoolExecutor(2) as pool:
                    for outcome in pool.map(lambda job: job.run(), (job, plain)):
                        self.assert_code(outcome, 0)
                ledger = self.check(job)
                self.check(plain)
                self.assertEqual([entry["unknown"] for entry in ledger if entry["kind"] != harness.ANSWER],
                                 [False, False], "one was made, and kept until it was deleted")
                receipt, without = job.report(), plain.report()
                contents = receipt["cache"]["contents"]
                self.assertEqual((contents["made"], contents["reads"]), (1, COUNT))
                self.assertEqual(without["cache"]["contents"]["made"], 0)
                self.assertEqual(receipt["cache"]["request_hit_rate"], 1)
                self.assertLess(without["cache"]["request_hit_rate"], 0.9)
                cost, dear = ({name: USD(value) for name, value in one["cost"].items() if name.endswith("_usd")}
                              for one in (receipt, without))
                # What is saved is more than what it costs, by each of the receipt's own figures.
                self.assertLess(cost["spent_usd"], dear["spent_usd"])
                self.assertEqual(cost["baseline_usd"], cost["spent_usd"] + cost["saved_usd"])
                self.assertEqual(cost["saved_usd"], cost["saved_by_cache_usd"])
                self.assertEqual(cost["lost_to_repeats_usd"], 0)
                paid = USD(contents["write_usd"]) + USD(contents["storage_usd"])
                self.assertEqual(USD(contents["reads_saved_usd"]) - paid, cost["saved_by_cache_usd"])
                self.assertIn("cached contents", job.report_text())

    def test_killed_in_the_middle(self):
        chance = random.Random(7)
        for provider in PROVIDERS:
            with self.subTest(provider=provider):
                job = self.job(self.simulator(), provider)
                kills = 0
                while kills < 40:
                    process = job.start()
                    time.sleep(chance.uniform(0.05, 0.9))
                    process.send(signal.SIGKILL)
                    outcome = process.wait()
                    if outcome.code != -signal.SIGKILL:
                        self.assert_code(outcome, 0)
                        break
                    kills += 1
                self.assertGreater(kills, 0)
                ledger = self.check(job)
                made = [entry for entry in ledger if entry["kind"] == harness.CONTENT_WRITE]
                self.assertGreaterEqual(len(made), 1)

    def test_the_answer_to_the_create_is_lost(self):
        job = self.job(self.simulator(faults=LOST_CREATE), "gemini")
        self.assert_code(job.run(), 0)
        ledger = self.check(job)
        self.assertEqual(len([entry for entry in ledger if entry["kind"] == harness.CONTENT_WRITE]), 1)
        self.assertEqual([entry for entry in ledger if entry["unknown"]], [])
        self.assertIn("found by its name", job.report_text())

    def test_a_short_prompt_makes_none(self):
        source, named, self.records = documents.write_job(self, 20)
        job = harness.Job(self.folder, self.simulator(), "gemini", source, *named, "--route", "sync",
                          "--cache-strategy", "explicit", model="gemini/gemini-3.8-flash")
        self.assert_code(job.run(), 0)
        self.check(job)
        self.assertEqual(job.report()["cache"]["contents"]["made"], 0)


if __name__ == "__main__":
    unittest.main()
