"""The same job on every provider by both routes: answers, order, ledger, receipt (issue 2, must show 2).

Two providers are looked at closely; the others run the same job with what goes wrong switched on."""

import decimal
import unittest

import documents
import harness

COUNT = 300
# What `weir report --json` promises; each group may hold more, but nothing of these may be missing or of another type.
USD = decimal.Decimal
RECEIPT = {
    "items": {"total": int, "succeeded": int, "failed": int, "cancelled": int},
    "cost": {"spent_usd": USD, "baseline_usd": USD, "automatic_baseline_usd": USD, "saved_usd": USD,
             "saved_percentage": (int, float), "saved_by_batch_usd": USD, "saved_by_cache_usd": USD,
             "lower_bound_usd": USD, "exposure_usd": USD, "provider_bill_usd": USD},
    "cache": {"request_hit_rate": (int, float), "token_hit_rate": (int, float)},
    "tokens": {"input": int, "output": int, "cache_read": int, "cache_write": int},
}
RECEIPT_NUMBERS = ("accuracy", "wall_s", "virtual_s")


class Matrix(harness.CliTest):
    @classmethod
    def setUpClass(cls):
        cls.simulator = harness.Simulator()
        cls.addClassCleanup(cls.simulator.close)

    def job(self, provider, *options, simulator=None, model=None):
        source, named, self.documents = documents.write_job(self, COUNT)
        return harness.Job(self.folder, simulator or self.simulator, provider, source, *named, "--label", "section",
                           *options, model=model)

    def run_whole(self, job):
        """Runs the job and checks everything that holds for any provider and route; returns its receipt."""
        self.assert_code(job.run(), 0)
        self.assert_answered_once(job, [document["id"] for document in self.documents])
        for line in job.lines():
            self.assertTrue(documents.follows_schema(line["answer"]), line)
        self.assert_ledger_equals_bill(job)
        receipt = job.report()
        self.assert_receipt_shape(receipt)
        self.assert_receipt_adds_up(job, receipt)
        return receipt

    def assert_receipt_shape(self, receipt):
        for group, members in RECEIPT.items():
            for name, kind in members.items():
                with self.subTest(group=group, name=name):
                    value = receipt[group][name]
                    if kind is USD:
                        self.assertRegex(value, r"\A-?\d+\.\d{2,12}\Z")
                    else:
                        self.assertIsInstance(value, kind)
        for name in RECEIPT_NUMBERS:
            self.assertIsInstance(receipt[name], (int, float), name)

    def assert_receipt_adds_up(self, job, receipt):
        cost = {name: USD(value) for name, value in receipt["cost"].items() if name.endswith("_usd")}
        self.assertEqual(receipt["items"], {"total": COUNT, "succeeded": COUNT, "failed": 0, "cancelled": 0})
        self.assertEqual(cost["provider_bill_usd"], cost["spent_usd"])
        self.assertEqual(cost["spent_usd"], USD(sum(row["pico_usd"] for row in job.bill())).scaleb(-12))
        self.assertEqual(cost["saved_usd"], cost["baseline_usd"] - cost["spent_usd"])
        self.assertEqual(cost["saved_usd"], cost["saved_by_batch_usd"] + cost["saved_by_cache_usd"])
        self.assertEqual(cost["exposure_usd"], 0)
        self.assertLessEqual(cost["lower_bound_usd"], cost["spent_usd"])
        tokens = {name: sum(row["tokens"].get(name, 0) for row in job.bill())
                  for name in ("input", "output", "cache_read")}
        self.assertEqual({name: receipt["tokens"][name] for name in tokens}, tokens)

    def test_anthropic_sync(self):
        receipt = self.run_whole(self.job("anthropic", "--route", "sync"))
        self.assertGreater(receipt["cache"]["request_hit_rate"], 0.95)
        self.assertEqual(USD(receipt["cost"]["saved_by_batch_usd"]), 0)
        self.assertGreater(receipt["tokens"]["cache_write"], 1024)

    def test_anthropic_batch_with_many_hits(self):
        receipt = self.run_whole(self.job("anthropic", "--route", "batch"))
        self.assertLessEqual(USD(receipt["cost"]["spent_usd"]), USD(receipt["cost"]["baseline_usd"]) * USD("0.30"))
        self.assertGreater(USD(receipt["cost"]["saved_by_cache_usd"]), 0)

    def test_anthropic_batch_with_few_hits_says_what_the_misses_cost(self):
        with harness.Simulator(batch_hit_rate=0.3) as simulator:
            job = self.job("anthropic", "--route", "batch", simulator=simulator)
            receipt = self.run_whole(job)
            text = job.report_text()
        self.assertLess(USD(receipt["cost"]["saved_by_cache_usd"]), 0)
        self.assertGreater(USD(receipt["cost"]["saved_by_batch_usd"]), 0)
        self.assertRegex(text, r"misses cost +\$[0-9.]+ +against batch without caching")

    def test_openai_sync_caches_by_itself(self):
        receipt = self.run_whole(self.job("openAI", "--route", "sync"))
        self.assertGreater(receipt["cache"]["request_hit_rate"], 0.9)
        self.assertEqual(receipt["tokens"]["cache_write"], 0)

    def test_openai_batch_caches_by_itself(self):
        receipt = self.run_whole(self.job("openAI", "--route", "batch"))
        self.assertGreater(receipt["cache"]["request_hit_rate"], 0.5)
        self.assertLessEqual(USD(receipt["cost"]["spent_usd"]), USD(receipt["cost"]["baseline_usd"]) / 2)

    def test_openai_breakpoints(self):
        for route in ("sync", "batch"):
            with self.subTest(route=route):
                receipt = self.run_whole(self.job("openAI", "--route", route, model="openAI/gpt-5.6-luna"))
                self.assertGreater(receipt["tokens"]["cache_write"], 1024)
                self.assertGreater(receipt["cache"]["request_hit_rate"], 0.5)

    def test_accuracy_is_that_of_the_output(self):
        job = self.job("openAI", "--route", "sync")
        receipt = self.run_whole(job)
        right = sum(line["answer"]["section"] == document["section"]
                    for line, document in zip(job.lines(), self.documents))
        self.assertAlmostEqual(receipt["accuracy"], right / COUNT, places=4)
        self.assertGreater(receipt["accuracy"], 0.5)


# Provider, routes, further models. Each runs with the faults below, each with a simulator of its own.
PROVIDERS = [
    ("gemini", ("sync", "batch"), ("gemini/gemini-3.8-flash",)),
    ("groq", ("sync", "batch"), ()),
    ("together", ("sync", "batch"), ("together/meta-llama/Llama-3.3-70B-Instruct-Turbo",)),
    ("azureOpenAI", ("sync", "batch"), ("azureOpenAI/gpt-5.6-luna",)),
    ("xai", ("sync", "batch"), ()),
    ("ollama", ("sync", "auto"), ()),
    ("openAICompatible", ("sync",), ()),
]
FAULTS = [
    {"match": {"operation": "sync", "every": 20}, "fault": {"kind": "rate_limited", "retry_after": 2}},
    {"match": {"operation": "sync", "every": 33}, "fault": {"kind": "status", "code": 500}},
    {"match": {"operation": "batch_create", "nth": 1}, "fault": "timeout_after_accept"},
    {"match": {"operation": "batch_create", "nth": 1}, "fault": {"kind": "expire_batch", "finished_fraction": 0.6,
                                                                 "seconds": 900}},
    {"match": {"operation": "batch_get", "every": 3}, "fault": {"kind": "status", "code": 503}},
    {"match": {"operation": "batch_results", "nth": 1}, "fault": {"kind": "cut_body", "after_bytes": 4000}},
    *({"fault": {"kind": kind, "fraction": 0.03}} for kind in ("missing_rows", "duplicate_rows", "malformed_row")),
]
COUNT_SHORT = 200


class Providers(harness.CliTest):
    def run_with_faults(self, provider, route, model):
        source, named, records = documents.write_job(self, COUNT_SHORT)
        with harness.Simulator(faults=FAULTS) as simulator:
            job = harness.Job(self.folder, simulator, provider, source, *named, "--route", route, "--timeout", "5s",
                              model=model)
            self.assert_code(job.run(), 0)
            self.assert_answered_once(job, [record["id"] for record in records])
            for line in job.lines():
                self.assertTrue(documents.follows_schema(line["answer"]), line)
            self.assertTrue(job.bill())
            self.assert_ledger_equals_bill(job, lost_rows=route == "batch")
            return job.report()

    def test_each_by_each_route_with_faults(self):
        for provider, routes, models in PROVIDERS:
            for route in routes:
                for model in (harness.OTHER_MODELS[provider], *models):
                    with self.subTest(provider=provider, route=route, model=model):
                        receipt = self.run_with_faults(provider, route, model)
                        self.assertEqual(receipt["items"]["succeeded"], COUNT_SHORT)

    def test_without_batches_the_receipt_says_why(self):
        for provider in ("ollama", "openAICompatible"):
            with self.subTest(provider=provider), harness.Simulator() as simulator:
                source, named, _ = documents.write_job(self, 20)
                job = harness.Job(self.folder, simulator, provider, source, *named)
                self.assert_code(job.run(), 0)
                self.assertEqual({row["route"] for row in job.bill()}, {"sync"})
                self.assertIn(f"{provider} has no batch API", job.report_text())
                self.assertEqual(USD(job.report()["cost"]["spent_usd"]), 0)

    def test_gemini_caches_by_itself_and_resumes_uploads(self):
        """A cache that asks for a long prefix; in a batch its tokens are not halved, which the bill checks."""
        source, named, records = documents.write_job(self, COUNT_SHORT, background=2500)
        faults = [{"match": {"operation": "file_upload", "nth": 1}, "fault": {"kind": "cut_body", "after_bytes": 10}}]
        for route in ("sync", "batch"):
            with self.subTest(route=route), harness.Simulator(faults=faults) as simulator:
                job = harness.Job(self.folder, simulator, "gemini", source, *named, "--route", route,
                                  model=harness.OTHER_MODELS["gemini"])
                self.assert_code(job.run(), 0)
                self.assert_answered_once(job, [record["id"] for record in records])
                self.assert_ledger_equals_bill(job)
                receipt = job.report()
                self.assertGreater(receipt["cache"]["request_hit_rate"], 0.5)
                self.assertEqual(receipt["tokens"]["cache_write"], 0)
                # Nothing is left behind: input and responses are deleted.
                self.assertEqual(set(simulator.state()["gemini"].values()), {0})

    def test_results_in_pages(self):
        source, named, records = documents.write_job(self, 1500)
        with harness.Simulator() as simulator:
            job = harness.Job(self.folder, simulator, "xai", source, *named, "--route", "batch")
            self.assert_code(job.run(), 0)
            self.assert_answered_once(job, [record["id"] for record in records])
            self.assert_ledger_equals_bill(job)
            self.assertEqual({(row["route"], row["delivered"]) for row in job.bill()}, {("batch", True)})
            self.assertEqual(simulator.state()["xai"]["files"], 0)


if __name__ == "__main__":
    unittest.main()
