"""A deadline inside the batch window: a batch of which a part is stuck is stopped in time, what it finished is taken, its tail goes by
the standard API, nothing is billed twice, and the receipt explains it. Cancelling a job and bounding a batch's life besides."""

import concurrent.futures
import unittest

import documents
import harness

COUNT = 100
FINISHED = 0.7  # of a batch whose other rows never run
STUCK = [{"match": {"operation": "batch_create"}, "fault": {"kind": "expire_batch", "finished_fraction": FINISHED}}]
MINUTE = 60


class Deadline(harness.CliTest):
    def run_both(self, options, check):
        """Runs the job on both providers side by side, each with a simulator of its own."""
        source, named, self.records = documents.write_job(self, COUNT)

        def run(provider):
            with harness.Simulator(faults=STUCK, time_scale=300) as simulator:
                job = harness.Job(self.folder, simulator, provider, source, *named, "--no-cache", *options)
                outcome = job.run()
                return job, outcome, job.bill(), simulator.state()[provider]["batches_running"]

        with concurrent.futures.ThreadPoolExecutor() as pool:
            ends = {provider: pool.submit(run, provider) for provider in harness.MODELS}
        for provider, end in ends.items():
            with self.subTest(provider=provider):
                job, outcome, bill, running = end.result()
                job.bill = lambda rows=bill: rows  # its simulator has ended
                self.assertEqual(running, 0)
                check(job, outcome)

    def assert_tail_was_sync(self, job, outcome):
        self.assert_code(outcome, 0)
        lines = job.lines()
        self.assertEqual([line["id"] for line in lines], [record["id"] for record in self.records])
        routes = [line["route"] for line in lines]
        self.assertGreaterEqual(routes.count("batch"), int(COUNT * FINISHED))
        self.assertEqual(routes.count("sync"), COUNT - routes.count("batch"))
        self.assertGreaterEqual(routes.count("sync"), COUNT * (1 - FINISHED) - 1)
        # Every item was billed once, on one route or the other.
        self.assertEqual(sorted(row["item"] for row in job.ledger()), list(range(COUNT)))
        self.assertEqual(len(job.bill()), COUNT)
        self.assert_ledger_equals_bill(job)

    def test_a_stuck_batch_leaves_its_tail_to_the_standard_api(self):
        def check(job, outcome):
            self.assert_tail_was_sync(job, outcome)
            receipt = job.report()
            self.assertLessEqual(receipt["virtual_s"], 100 * MINUTE)
            self.assertGreater(receipt["virtual_s"], 60 * MINUTE, "it was stopped long before it had to be")
            self.assertTrue(any("was stopped" in reason and "deadline" in reason for reason in receipt["reasons"]))
            self.assertIn("before the deadline", job.report_text())
            sync = next(line for line in job.lines() if line["route"] == "sync")
            self.assertTrue(any("before the deadline" in reason for reason in sync["reasons"]))

        self.run_both(["--route", "batch", "--deadline", "100m"], check)

    def test_a_batch_timeout_does_the_same_without_a_deadline(self):
        def check(job, outcome):
            self.assert_tail_was_sync(job, outcome)
            self.assertLess(job.report()["virtual_s"], 90 * MINUTE)

        self.run_both(["--route", "batch", "--batch-timeout", "1h"], check)

    def test_without_fallback_the_tail_fails_with_the_reason(self):
        def check(job, outcome):
            self.assert_code(outcome, 3)
            failed = [line for line in job.lines() if "error" in line]
            self.assertGreaterEqual(len(failed), COUNT * (1 - FINISHED) - 1)
            for line in failed:
                self.assertIn("ended", line["error"]["message"])
            self.assertEqual({line["route"] for line in job.lines() if "answer" in line}, {"batch"})
            self.assert_ledger_equals_bill(job)

        self.run_both(["--route", "batch", "--batch-timeout", "1h", "--no-fallback"], check)

    def test_auto_takes_a_batch_where_the_deadline_leaves_time_for_the_tail(self):
        def check(job, outcome):
            self.assert_tail_was_sync(job, outcome)
            self.assertIn("route batch", job.report()["reasons"][0])

        self.run_both(["--deadline", "2h"], check)


if __name__ == "__main__":
    unittest.main()
