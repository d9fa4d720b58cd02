"""`kill -9` at random moments, then the same command until it is done (issue 2, must show 3).

Several jobs run side by side, each killed a few times: waiting for batches costs wall time, not processors.
"""

import concurrent.futures
import decimal
import random
import signal
import time
import unittest

import documents
import harness

SEED = 3
KILLS = 20
BATCH_COUNT = 1000
SYNC_COUNT = 240
JOBS = 5  # side by side
STARTS_MAX = 100  # of one job: a bound, should it never end


def random_moments(chance, moment_max):
    """Endless seconds after a start: from before it has read its input up to `moment_max`."""
    while True:
        yield chance.uniform(0.02, moment_max)


class Kill(harness.CliTest):
    def kill_until_done(self, job, moments):
        """Starts the job again and again and kills it after the next of the endless `moments`, until one start ends it.

        @return how many kills came before the end of the job.
        """
        for kills in range(STARTS_MAX):
            process = job.start()
            time.sleep(next(moments))
            process.send(signal.SIGKILL)
            outcome = process.wait()
            if outcome.code != -signal.SIGKILL:
                self.assert_code(outcome, 0)
                return kills
        self.fail(f"{STARTS_MAX} starts did not end the job")

    def run_jobs(self, provider, route, count, time_scale, moment_max):
        """Rounds of JOBS jobs until there were KILLS kills, at moments of up to `moment_max` seconds after a start."""
        source, named, records = documents.write_job(self, count)
        simulator = harness.Simulator(time_scale=time_scale)
        self.addCleanup(simulator.close)
        jobs, kills = [], 0
        while kills < KILLS:
            fresh = [harness.Job(self.folder, simulator, provider, source, *named, "--route", route)
                     for _ in range(JOBS)]
            jobs += fresh
            seeds = [f"{SEED} {provider} {route} {job.output.name}" for job in fresh]
            with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
                kills += sum(pool.map(self.kill_until_done, fresh,
                                      (random_moments(random.Random(seed), moment_max) for seed in seeds)))
        for job in jobs:
            self.assert_answered_once(job, [record["id"] for record in records])
            self.assert_ledger_equals_bill(job)
        return jobs

    def check_batch(self, provider):
        for job in self.run_jobs(provider, "batch", BATCH_COUNT, time_scale=300, moment_max=1.5):
            # One paid row a document: no batch was made twice.
            self.assertEqual(len(job.bill()), BATCH_COUNT)
            self.assertEqual({row["route"] for row in job.bill()}, {"batch"})

    def check_sync(self, provider):
        unknown_attempts = 0
        for job in self.run_jobs(provider, "sync", SYNC_COUNT, time_scale=60, moment_max=0.6):
            unknown = [entry["pico"] for entry in job.ledger() if entry["unknown"]]
            receipt = job.report()
            self.assertEqual(decimal.Decimal(receipt["cost"]["exposure_usd"]).scaleb(12), sum(unknown))
            self.assertEqual("exposure" in job.report_text(), bool(unknown))
            unknown_attempts += len(unknown)
        self.assertGreater(unknown_attempts, 0, "no kill hit a request on its way: the moments are wrong")

    def test_openai_batch(self):
        self.check_batch("openAI")

    def test_anthropic_batch(self):
        self.check_batch("anthropic")

    def test_openai_sync(self):
        self.check_sync("openAI")

    def test_anthropic_sync(self):
        self.check_sync("anthropic")


if __name__ == "__main__":
    unittest.main()
