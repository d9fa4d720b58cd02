"""A provider that only its own folders add (tests/fifteenth): it is listed, checked, and runs the job by both routes."""

import json
import unittest

import documents
import harness

COUNT = 120
harness.OTHER_MODELS["acme"] = "acme/anvil-2"
harness.KEY_VARIABLES["acme"] = "ACME_API_KEY"


class Fifteenth(harness.CliTest):
    def test_it_is_listed_beside_the_others(self):
        outcome = harness.weir("providers", "--json")
        self.assert_code(outcome, 0)
        rows = {row["provider"]: row for row in json.loads(outcome.out)}
        self.assertGreaterEqual(len(rows), 15)
        self.assertTrue(rows["acme"]["built_in"])
        self.assertEqual(rows["acme"]["batch"]["price_percentage"], 50)
        self.assertIn("acme/anvil-2", harness.weir("models").out)

    def test_a_configuration_may_name_it(self):
        path = self.write("weir.yaml", b"llm: [{provider: ACME, configuration: {model: anvil-2, batchingEnabled: true}}]\n")
        outcome = harness.weir("config", "check", path, environment=harness.environment_with(ACME_API_KEY="k"))
        self.assert_code(outcome, 0)

    def test_it_runs_the_job_by_both_routes(self):
        source, named, records = documents.write_job(self, COUNT)
        with harness.Simulator() as simulator:
            for route in ("sync", "batch"):
                with self.subTest(route=route):
                    job = harness.Job(self.folder, simulator, "acme", source, *named, "--route", route)
                    self.assert_code(job.run(), 0)
                    self.assert_answered_once(job, [record["id"] for record in records])
                    self.assert_ledger_equals_bill(job)
                    self.assertEqual({line["route"] for line in job.lines()}, {route})
                    cost = job.report()["cost"]
                    self.assertGreater(float(cost["saved_by_cache_usd"]), 0)
                    self.assertEqual(float(cost["saved_by_batch_usd"]) > 0, route == "batch")


if __name__ == "__main__":
    unittest.main()
