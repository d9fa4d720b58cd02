"""What can happen to the disk below a job: it fills up, or what an unfinished process left on it is torn. A clear error or a correct
recovery, never silent loss; the same command goes on."""

import concurrent.futures
import resource
import signal
import subprocess
import unittest

import documents
import harness

COUNT = 60
# Bytes that a file may have: from "not even the store" to "nearly everything".
LIMITS = (4_096, 16_384, 40_000, 70_000, 100_000)
GARBAGE = b"\x00torn frame\xff" * 50


def limited(job, bytes_max):
    """Runs the job where no file grows beyond this, as on a disk that is full there."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write fails with an error, as on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_max, bytes_max))

    return subprocess.run([harness.PROGRAM, *map(str, job.command)], env=job.environment, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=harness.SECONDS_MAX, check=False,
                          preexec_fn=limit, restore_signals=False)


class Disk(harness.CliTest):
    def setUp(self):
        super().setUp()
        self.source, self.named, self.records = documents.write_job(self, COUNT)
        self.simulator = harness.Simulator()
        self.addCleanup(self.simulator.close)

    def job(self, provider, route):
        return harness.Job(self.folder, self.simulator, provider, self.source, *self.named, "--route", route)

    def assert_done(self, job):
        self.assert_code(job.run(), 0)
        self.assert_answered_once(job, [record["id"] for record in self.records])
        self.assert_ledger_equals_bill(job)

    def test_a_full_disk_stops_the_job_and_loses_nothing(self):
        cases = [(provider, route, bytes_max) for provider in harness.MODELS for route in ("sync", "batch")
                 for bytes_max in LIMITS]

        def run(case):
            provider, route, bytes_max = case
            job = self.job(provider, route)
            return job, limited(job, bytes_max)

        with concurrent.futures.ThreadPoolExecutor(5) as pool:
            ends = list(pool.map(run, cases))
        failures = 0
        for case, (job, end) in zip(cases, ends):
            with self.subTest(case=case):
                if end.returncode != 0:
                    failures += 1
                    self.assertIn(end.returncode, (1, 2), end.stderr)
                    self.assertRegex(end.stderr, r"(?m)^weir: .*(File too large|disk|full)")
                self.assert_done(job)
        self.assertGreater(failures, len(cases) / 2, "the limits were none")

    def test_what_an_unfinished_process_left_behind_its_last_commit_does_not_count(self):
        for provider in harness.MODELS:
            for route in ("sync", "batch"):
                with self.subTest(provider=provider, route=route):
                    job = self.job(provider, route)
                    limited(job, 70_000)
                    store = job.output.with_name(job.output.name + ".weir")
                    for name in ("results.segment", "plan.segment"):
                        if (store / name).exists():
                            with open(store / name, "ab") as file:
                                file.write(GARBAGE)
                    if job.output.exists():
                        with open(job.output, "ab") as file:
                            file.write(b'{"id":"half a li')
                    self.assert_done(job)

    def test_a_second_process_is_told_who_runs_the_job(self):
        job = self.job("openAI", "batch")
        first = job.start()
        try:
            while not job.output.with_name(job.output.name + ".weir").joinpath("store.sqlite").exists():
                self.assertTrue(first.running())
            second = job.run()
            self.assert_code(second, 2)
            self.assertIn(str(first.pid), second.err)
        finally:
            self.assert_code(first.wait(), 0)
        self.assert_done(job)


if __name__ == "__main__":
    unittest.main()
