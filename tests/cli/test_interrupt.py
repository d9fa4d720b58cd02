"""Ctrl-C, one owner of an output, going on after a change, and jobs that are done already."""

import signal
import time
import unittest

import documents
import harness

COUNT = 120


class Interrupt(harness.CliTest):
    @classmethod
    def setUpClass(cls):
        cls.simulator = harness.Simulator()
        cls.slow = harness.Simulator(time_scale=30)
        cls.addClassCleanup(cls.simulator.close)
        cls.addClassCleanup(cls.slow.close)

    def setUp(self):
        super().setUp()
        self.source, self.named, self.records = documents.write_job(self, COUNT)

    def job(self, provider, *options, simulator=None):
        return harness.Job(self.folder, simulator or self.simulator, provider, self.source, *self.named, *options)

    def await_bill(self, job, rows):
        """Waits until the provider has billed that much, so that the job is surely in its middle."""
        self.await_true(lambda: len(job.bill()) >= rows)

    def await_true(self, condition):
        end = time.monotonic() + 20
        while not condition():
            self.assertLess(time.monotonic(), end, "it did not happen")
            time.sleep(0.01)

    def assert_goes_on(self, job):
        """The same command ends the job, without a second charge for anything."""
        self.assert_code(job.run(), 0)
        self.assert_answered_once(job, [record["id"] for record in self.records])
        return self.assert_ledger_equals_bill(job)

    def test_interrupt_drains_sync_requests(self):
        for provider in harness.MODELS:
            with self.subTest(provider=provider):
                job = self.job(provider, "--route", "sync", simulator=self.slow)
                process = job.start()
                self.await_bill(job, 10)
                process.send(signal.SIGINT)
                outcome = process.wait()
                self.assert_code(outcome, 130)
                self.assertIn("the same command goes on", outcome.err)
                self.assertIn("not finished", outcome.out)
                ledger = self.assert_ledger_equals_bill(job)
                self.assertLess(len(ledger), COUNT)
                # What was in flight was awaited: nothing is unknown, and the answers are in the output.
                self.assertFalse(any(entry["unknown"] for entry in ledger))
                self.assertEqual(job.report()["items"]["succeeded"], len(ledger))
                ledger = self.assert_goes_on(job)
                self.assertEqual(len(ledger), COUNT)

    def test_interrupt_leaves_the_batch_running(self):
        simulator = harness.Simulator(time_scale=200)
        self.addCleanup(simulator.close)
        for provider in harness.MODELS:
            with self.subTest(provider=provider):
                job = self.job(provider, "--route", "batch", simulator=simulator)
                process = job.start()
                self.await_true(lambda name=provider: simulator.state()[name]["batches_running"] > 0)
                process.send(signal.SIGTERM)
                outcome = process.wait()
                self.assert_code(outcome, 130)
                self.assertLess(outcome.seconds, 5)
                self.assertEqual(len(self.assert_goes_on(job)), COUNT)

    def test_second_interrupt_gives_up(self):
        hang = [{"match": {"operation": "sync", "nth": 20}, "fault": "timeout_after_accept"}]
        with harness.Simulator(time_scale=30, faults=hang) as simulator:
            job = self.job("openAI", "--route", "sync", simulator=simulator)
            process = job.start()
            self.await_bill(job, 20)
            process.send(signal.SIGINT)
            time.sleep(0.5)
            self.assertTrue(process.running(), "the first Ctrl-C awaits what is in flight")
            process.send(signal.SIGINT)
            outcome = process.wait()
            self.assert_code(outcome, 130)
            self.assertIn("again to give it up", outcome.err)
            unknown = [entry for entry in job.ledger() if entry["unknown"]]
            self.assertEqual(len(unknown), 1)
            self.assertIn("exposure", outcome.out)
            ledger = self.assert_goes_on(job)
        self.assertEqual(len(ledger), COUNT + 1)
        self.assertEqual(job.report()["attempts"]["unknown"], 1)

    def test_one_owner(self):
        job = self.job("openAI", "--route", "sync", simulator=self.slow)
        first = job.start()
        self.await_bill(job, 1)
        second = job.run()
        self.assert_one_line_error(second, 2, job.output, "running already", f"pid {first.pid}")
        self.assert_code(first.wait(), 0)
        self.assert_answered_once(job, [record["id"] for record in self.records])
        self.assert_ledger_equals_bill(job)

    def test_a_finished_job_is_not_run_again(self):
        simulator = harness.Simulator()
        self.addCleanup(simulator.close)
        job = self.job("anthropic", "--label", "section", simulator=simulator)
        first = job.run()
        self.assert_code(first, 0)
        requests, output = simulator.state()["requests"], job.output.read_bytes()
        again = job.run()
        self.assert_code(again, 0)
        self.assertEqual(again.out, first.out)
        self.assertEqual(simulator.state()["requests"], requests)
        simulator.close()  # neither the provider nor its clock is needed
        again = job.run()
        self.assert_code(again, 0)
        self.assertEqual(again.out, first.out)
        self.assertEqual(job.output.read_bytes(), output)

    def test_a_finished_job_with_failures_says_so_again(self):
        with open(self.source, "a", encoding="utf-8") as file:
            file.write("no JSON\n")
        job = self.job("openAI")
        self.assert_code(job.run(), 3)
        self.assert_code(job.run(), 3)

    def test_another_job_is_refused(self):
        """What makes it another job is told with both values; nothing is sent."""
        other_prompt = self.write("other.md", documents.prompt().replace("Name the one", "Find the one"))
        other_schema = self.write("other.json", documents.schema() | {"description": "The same, but for this text."})
        other_input = self.write("other.jsonl", self.records)
        job = self.job("openAI", "--route", "sync", simulator=self.slow)
        process = job.start()
        self.await_bill(job, 5)
        process.send(signal.SIGINT)
        self.assert_code(process.wait(), 130)
        billed = len(job.bill())
        changes = {"template": (self.folder / "prompt.md", other_prompt),
                   "schema": (self.folder / "schema.json", other_schema),
                   "model": (harness.MODELS["openAI"], "openAI/gpt-5.4-mini"),
                   "input": (self.source, other_input)}
        for word, (before, after) in changes.items():
            with self.subTest(changed=word):
                command = [after if argument == before else argument for argument in job.command]
                outcome = harness.Process(command, job.environment).wait()
                self.assert_one_line_error(outcome, 2, job.output, word, "was", "--restart")
        for word, option in {"max-tokens": "--max-tokens", "first 7": "--limit"}.items():
            with self.subTest(added=option):
                self.assert_one_line_error(job.run(option, 7), 2, job.output, word, "--restart")
        other_key = harness.environment_with(OPENAI_API_KEY="another")
        self.assert_one_line_error(harness.Process(job.command, other_key).wait(), 2, job.output, "key", "--restart")
        self.assertEqual(len(job.bill()), billed)
        self.assertEqual(self.slow.bill("another"), [])
        self.assert_goes_on(job)

    def test_restart_forgets_the_job(self):
        job = self.job("openAI", "--route", "sync", "--limit", "10")
        self.assert_code(job.run(), 0)
        job.command[job.command.index("--limit") + 1] = "20"
        self.assert_code(job.run("--restart"), 0)
        self.assertEqual(len(job.lines()), 20)
        self.assertEqual(len(job.bill()), 30)
        self.assertEqual(len(job.ledger()), 20)

    def test_a_killed_reader_of_standard_input_needs_it_no_more(self):
        job = self.job("openAI", "--route", "sync", simulator=self.slow)
        job.command[1] = "-"
        with open(self.source, "rb") as stdin:
            process = job.start(stdin=stdin)
            self.await_bill(job, 5)
            process.send(signal.SIGKILL)
            self.assert_code(process.wait(), -signal.SIGKILL)
        self.assert_goes_on(job)


if __name__ == "__main__":
    unittest.main()
