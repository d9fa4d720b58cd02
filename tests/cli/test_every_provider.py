"""One job on every provider, by each of its routes, with what goes wrong switched on: every document answered once, ledger = bill, and the
receipt right about what could and could not be saved.

A few made documents; `scripts/soak providers` takes real ones. WEIR_DOCUMENTS names a folder with documents.jsonl, prompt.md and
schema.json; WEIR_PROVIDERS_FIGURES a file for one JSON object a job."""

import concurrent.futures
import decimal
import json
import os
import pathlib
import time
import unittest

import documents
import harness

USD = decimal.Decimal
SOURCES = pathlib.Path(__file__).resolve().parents[2] / "src/sim/providers"
COUNT = 200
SIDE_BY_SIDE = 2
SECONDS_MAX = 900
MODELS = [*harness.MODELS.values(), *harness.OTHER_MODELS.values(), "gemini/gemini-3.8-flash",
          "together/meta-llama/Llama-3.3-70B-Instruct-Turbo", "azureOpenAI/gpt-5.6-luna", "openAI/gpt-6-luna"]
# Answers that are lost, cut, late or refused on the way; batches that are not found again, end early or lose rows.
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


def list_price(model):
    """What the simulated provider asks for a million input and output tokens by its standard API without a cache."""
    provider, name = model.split("/", 1)
    rows = json.loads((SOURCES / provider / "prices.json").read_text(), parse_float=USD, parse_int=USD)
    row = next((row for row in rows if row["model"] == name), {})
    # Claude on Bedrock, in the region that is asked: a tenth more than the rows, which are the global profile's.
    factor = USD("1.1") if name.startswith("anthropic.") else 1
    return USD(row.get("input") or 0) * factor, USD(row.get("output") or 0) * factor


class EveryProvider(harness.CliTest):
    @classmethod
    def setUpClass(cls):
        out = harness.weir("providers", "--json").out
        cls.providers = {row["provider"]: row for row in json.loads(out) if row["built_in"]}

    def setUp(self):
        super().setUp()
        folder = os.environ.get("WEIR_DOCUMENTS")
        if not folder:
            self.source, self.named, self.records = documents.write_job(self, COUNT)
            return
        self.source = pathlib.Path(folder, "documents.jsonl")
        self.records = [json.loads(line) for line in self.source.read_text(encoding="utf-8").splitlines()]
        self.named = ["--prompt", pathlib.Path(folder, "prompt.md"), "--schema", pathlib.Path(folder, "schema.json")]

    def run_job(self, model, route):
        """Runs the job to its end, with a simulator of its own; what the checks need is read before that ends."""
        provider = model.split("/", 1)[0]
        # Where a batch cannot be told a schema, the job has none.
        plain = route == "batch" and provider in harness.SCHEMALESS
        named = self.named[:2] if plain else [*self.named, "--label", "section"]
        began = time.monotonic()
        with harness.Simulator(faults=FAULTS) as simulator:
            job = harness.Job(self.folder, simulator, provider, self.source, *named, "--route", route,
                              "--timeout", "5s", model=model)
            outcome = job.start().wait(SECONDS_MAX)
            bill, text, receipt = job.bill(), job.report_text(), job.report()
        job.bill, job.report_text, job.report = lambda: bill, lambda: text, lambda: receipt
        return job, outcome, time.monotonic() - began

    def check(self, job, outcome, model, route):
        self.assert_code(outcome, 0)
        self.assert_answered_once(job, [record["id"] for record in self.records])
        self.assertTrue(job.bill())
        self.assert_ledger_equals_bill(job, lost_rows=route == "batch")
        receipt = job.report()
        self.assertEqual(receipt["items"]["succeeded"], len(self.records))
        self.check_savings(job, model, route, {name: USD(value) for name, value in receipt["cost"].items()
                                               if name.endswith("_usd")})

    def check_savings(self, job, model, route, cost):
        """The baseline from the simulator's own prices and tokens; then what the provider's rules allow to be saved."""
        answered = {line["attempt_id"]: line["route"] for line in job.lines()}
        rows = [row for row in job.bill() if row["attempt_id"] in answered]
        price_in, price_out = list_price(model)
        baseline = sum((sum(count for kind, count in row["tokens"].items() if kind != "output") * price_in
                        + row["tokens"]["output"] * price_out) / 1_000_000 for row in rows)
        self.assertEqual(cost["baseline_usd"], baseline)
        self.assertEqual(cost["saved_usd"], cost["baseline_usd"] - cost["spent_usd"])
        self.assertEqual(cost["saved_usd"], cost["saved_by_batch_usd"] + cost["saved_by_cache_usd"])
        self.assertLessEqual(cost["lower_bound_usd"], cost["spent_usd"])
        facts = self.providers[model.split("/", 1)[0]]
        if not facts["batch"]:
            self.assertEqual(set(answered.values()), {"sync"})
            self.assertEqual(cost["saved_by_batch_usd"], 0)
            if route == "auto":
                self.assertIn(f"{facts['provider']} has no batch API", job.report_text())
        elif route == "sync":
            self.assertEqual(cost["saved_by_batch_usd"], 0)
        else:
            self.assertIn("batch", answered.values())
            if any(row["route"] == "batch" and row["pico_usd"] < USD(row["tokens"]["output"]) * price_out * 900_000
                   for row in rows):
                self.assertGreater(cost["saved_by_batch_usd"], 0)
        if not any(row["tokens"].get("cache_read") for row in rows):
            self.assertLessEqual(cost["saved_by_cache_usd"], 0)

    def figures(self, job, model, route, seconds):
        receipt = job.report()
        routes = [line["route"] for line in job.lines()]
        return {"model": model, "asked": route, "documents": len(routes), "by_batch": routes.count("batch"),
                "seconds": round(seconds, 1), **receipt["cost"], **receipt["cache"]}

    def test_every_model_by_each_route(self):
        self.assertEqual({model.split("/", 1)[0] for model in MODELS}, set(self.providers))
        jobs = [(model, route) for model in MODELS
                for route in (("sync", "batch") if self.providers[model.split("/", 1)[0]]["batch"] else ("auto",))]
        figures = []
        with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            ended = pool.map(lambda job: self.run_job(*job), jobs)
            for (model, route), (job, outcome, seconds) in zip(jobs, ended):
                with self.subTest(model=model, route=route):
                    self.check(job, outcome, model, route)
                    figures.append(self.figures(job, model, route, seconds))
        if path := os.environ.get("WEIR_PROVIDERS_FIGURES"):
            pathlib.Path(path).write_text(json.dumps(figures))


if __name__ == "__main__":
    unittest.main()
