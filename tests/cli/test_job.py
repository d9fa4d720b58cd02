"""`weir job`: jobs as objects, beside a running owner and without one."""

import collections
import contextlib
import csv
import io
import json
import os
import pathlib
import signal
import socket
import sqlite3
import stat
import time
import unittest
import urllib.request

import documents
import harness

COUNT = 60


def on(operation, kind, nth=1, **parameters):
    """A fault of the nth request alone."""
    return {"match": {"operation": operation, "nth": nth}, "fault": {"kind": kind, **parameters}}


class JobTest(harness.CliTest):
    def setUp(self):
        super().setUp()
        self.source, self.named, self.records = documents.write_job(self, COUNT)
        self.ids = [record["id"] for record in self.records]

    def simulator(self, **options):
        simulator = harness.Simulator(**options)
        self.addCleanup(simulator.close)
        return simulator

    def job(self, simulator, provider, *options, folder=None, key=None):
        return harness.Job(folder or self.folder, simulator, provider, self.source, *self.named, *options, key=key)

    def verb(self, job, verb, *options):
        """`weir job VERB OUTPUT …` with the job's key, to its end."""
        return self.start(job, verb, *options).wait()

    def start(self, job, verb, *options):
        return harness.Process(["job", verb, str(job.output), *options], job.environment)

    def show(self, job):
        outcome = self.verb(job, "show", "--json")
        self.assert_code(outcome, 0)
        return json.loads(outcome.out)

    def state(self, job):
        return self.show(job)["state"]

    def results(self, job, *options):
        outcome = self.verb(job, "results", *options)
        self.assert_code(outcome, 0)
        return [json.loads(line) for line in outcome.out.splitlines()]

    def store_of(self, job):
        return pathlib.Path(f"{job.output}.weir")

    def await_true(self, condition, seconds=30):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, "it did not happen")
            time.sleep(0.02)

    def await_batch(self, job):
        """Until the provider has the job's batch."""
        self.await_true(lambda: (self.store_of(job) / "store.sqlite").exists())
        self.await_true(lambda: any(batch["provider_batch_id"] for batch in self.show(job).get("batches", [])))

    def assert_whole(self, job):
        """Every item answered once, the ledger is the bill, and nothing is damaged."""
        self.assert_answered_once(job, self.ids)
        ledger = self.assert_ledger_equals_bill(job)
        self.assert_code(self.verb(job, "check"), 0)
        return ledger


class Look(JobTest):
    def test_beside_a_running_owner(self):
        simulator = self.simulator(time_scale=30)
        for provider in harness.MODELS:
            with self.subTest(provider=provider):
                job = self.job(simulator, provider, "--route", "batch")
                process = job.start()
                self.await_batch(job)
                shown = self.show(job)
                self.assertEqual((shown["state"], shown["pid"]), ("running", process.pid))
                self.assertEqual(shown["items"]["total"], COUNT)
                self.assertGreater(shown["batches"][0]["items"], 0)
                text = self.verb(job, "show")
                self.assertIn(shown["batches"][0]["provider_batch_id"], text.out)
                listed = json.loads(harness.weir("job", "list", self.folder, "--json").out)
                self.assertIn(shown["id"], [other["id"] for other in listed])
                self.assertEqual(self.results(job), [])
                self.assert_code(self.verb(job, "check"), 0)
                # By the beginning of its id, and by its folder.
                outcome = harness.weir("job", "show", shown["id"][:20], "--dir", self.folder, "--json")
                self.assertEqual(json.loads(outcome.out)["output"], str(job.output))
                self.assert_code(harness.weir("job", "show", self.store_of(job)), 0)
                self.assertTrue(process.running())
                process.send(signal.SIGINT)
                process.wait()
                self.assertEqual(self.state(job), "stopped")

    def test_results_while_it_runs(self):
        simulator = self.simulator(time_scale=10)
        job = self.job(simulator, "openAI", "--route", "sync", "--concurrency", "2")
        process = job.start()
        self.await_true(lambda: len(job.bill()) > 10)
        self.await_true(lambda: len(self.results(job)) > 3)
        so_far = self.results(job)
        self.assertEqual([line["id"] for line in so_far], [i for i in self.ids if i in {l["id"] for l in so_far}])
        process.send(signal.SIGINT)
        process.wait()
        self.assert_code(self.verb(job, "resume"), 0)
        self.assert_whole(job)

    def test_watch(self):
        simulator = self.simulator(time_scale=100)
        job = self.job(simulator, "anthropic", "--route", "batch")
        process = job.start()
        self.await_batch(job)
        watcher = self.start(job, "watch", "--json")
        other = self.start(job, "watch")
        time.sleep(0.5)
        other.send(signal.SIGINT)
        self.assert_code(other.wait(), 130)
        self.assert_code(process.wait(), 0)
        outcome = watcher.wait()
        self.assert_code(outcome, 0)
        events = outcome.events()
        self.assertEqual({event["event"] for event in events[:-1]}, {"progress"})
        self.assertEqual((events[-1]["event"], events[-1]["state"]), ("end", "done"))

    def test_a_deleted_output_comes_back(self):
        simulator = self.simulator()
        job = self.job(simulator, "openAI", "--route", "sync")
        self.assert_code(job.run(), 0)
        before = job.output.read_bytes()
        job.output.unlink()
        found = self.verb(job, "check")
        self.assert_code(found, 1)
        self.assertIn("weir job results", found.out)
        job.output.write_bytes(self.verb(job, "results").out.encode())
        self.assertEqual(job.output.read_bytes(), before)
        self.assert_code(self.verb(job, "check"), 0)

    def test_export(self):
        simulator = self.simulator()
        job = self.job(simulator, "openAI", "--route", "sync")
        self.assert_code(job.run(), 0)
        target = self.folder / "answers.csv"
        self.assert_code(self.verb(job, "export", "--format", "csv", "-o", str(target)), 0)
        rows = list(csv.DictReader(io.StringIO(target.read_bytes().decode(), newline="")))
        self.assertEqual([row["id"] for row in rows], self.ids)
        self.assertEqual([row["section"] for row in rows], [line["answer"]["section"] for line in job.lines()])
        self.assertEqual(self.verb(job, "export").out, job.output.read_text())
        self.assert_one_line_error(self.verb(job, "export", "-o", "/none/x"), 2, "/none/x")

    def test_a_flipped_byte_is_found(self):
        simulator = self.simulator()
        job = self.job(simulator, "openAI", "--route", "sync")
        self.assert_code(job.run(), 0)
        segment = self.store_of(job) / "results.segment"
        good = segment.read_bytes()
        segment.write_bytes(good[:500] + bytes([good[500] ^ 1]) + good[501:])
        outcome = self.verb(job, "check", "--json")
        self.assert_code(outcome, 1)
        self.assertIn("results.segment", json.loads(outcome.out)["findings"][0]["what"])
        segment.write_bytes(good)
        with contextlib.closing(sqlite3.connect(self.store_of(job) / "store.sqlite")) as store:
            store.execute("UPDATE ledger SET cost = cost + 1 WHERE sequence = 7")
            store.commit()
        outcome = self.verb(job, "check")
        self.assert_code(outcome, 1)
        self.assertIn("the ledger has", outcome.out)

    def test_wrong_names_say_so(self):
        for verb in ("show", "watch", "results", "check", "cancel", "retry", "resume", "delete"):
            with self.subTest(verb=verb):
                outcome = harness.weir("job", verb, self.folder / "none.jsonl", "--dir", self.folder)
                self.assert_one_line_error(outcome, 2, "none.jsonl")
        self.assert_one_line_error(harness.weir("job", "list", self.folder / "none"), 2, "none")
        self.assert_one_line_error(harness.weir("job", "frobnicate"), 2, "frobnicate", "weir job --help")
        self.assert_code(harness.weir("job", "list", self.folder), 0)


class Cancel(JobTest):
    def test_of_a_running_batch_job(self):
        simulator = self.simulator(time_scale=60)
        for provider in harness.MODELS:
            with self.subTest(provider=provider):
                job = self.job(simulator, provider, "--route", "batch")
                process = job.start()
                self.await_batch(job)
                outcome = self.verb(job, "cancel")
                self.assert_code(outcome, 0)
                self.assertIn("cancelled", outcome.out)
                self.assert_code(process.wait(), 3)
                self.assertEqual(self.state(job), "cancelled")
                lines = job.lines()
                self.assertEqual([line["id"] for line in lines], self.ids)
                kinds = {line["error"]["kind"] for line in lines if "error" in line}
                self.assertEqual(kinds, {"cancelled"})
                self.assert_ledger_equals_bill(job)
                self.assert_one_line_error(self.verb(job, "cancel"), 2, "has ended already")
                # Cancelled is not the end of it.
                self.assert_code(self.verb(job, "retry"), 0)
                self.assert_whole(job)

    def test_without_an_owner(self):
        simulator = self.simulator(time_scale=60)
        for provider in harness.MODELS:
            with self.subTest(provider=provider):
                job = self.job(simulator, provider, "--route", "batch")
                process = job.start()
                self.await_batch(job)
                process.send(signal.SIGKILL)
                process.wait()
                self.assertEqual(self.state(job), "stopped")
                self.assert_code(self.verb(job, "cancel"), 0)
                self.assertEqual(self.state(job), "cancelled")
                self.assertEqual(len(job.lines()), COUNT)
                self.assert_ledger_equals_bill(job)
                self.assertEqual(simulator.state()[provider]["batches_running"], 0)

    def test_of_a_sync_job(self):
        simulator = self.simulator(time_scale=10)
        job = self.job(simulator, "openAI", "--route", "sync", "--concurrency", "2")
        process = job.start()
        self.await_true(lambda: len(job.bill()) > 5)
        self.assert_code(self.verb(job, "cancel"), 0)
        self.assert_code(process.wait(), 3)
        self.assert_ledger_equals_bill(job)
        self.assert_code(self.verb(job, "retry", "--failed"), 3)  # none failed: cancelled ones are left alone
        self.assertEqual(self.state(job), "cancelled")


class Retry(JobTest):
    def failed_job(self, provider, *options):
        """A sync job some of whose items failed for good; the faults are gone."""
        bad = self.simulator(faults=[{"match": {"operation": "sync", "every": 4, "times": 10},
                                      "fault": {"kind": "status", "code": 400}}], **dict(options))
        job = self.job(bad, provider, "--route", "sync")
        self.assert_code(job.run(), 3)
        self.assertEqual(sum("error" in line for line in job.lines()), 10)
        return job

    def test_after_the_fault_has_gone(self):
        for provider in harness.MODELS:
            with self.subTest(provider=provider):
                job = self.failed_job(provider)
                before, bill = job.lines(), len(job.bill())
                failed = [line["id"] for line in before if "error" in line]
                self.assertEqual([line["id"] for line in self.results(job, "--failed")], failed)
                self.assert_code(self.verb(job, "retry", "--id", failed[3], "--id", failed[0]), 3)
                after = job.lines()
                self.assertEqual([line["id"] for line in after if "error" in line],
                                 [i for i in failed if i not in (failed[0], failed[3])])
                self.assert_code(self.verb(job, "retry", "--failed"), 0)
                after = job.lines()
                self.assertEqual([new for old, new in zip(before, after) if "answer" in old],
                                 [old for old in before if "answer" in old])
                self.assert_whole(job)
                self.assertEqual(len(job.bill()), bill + len(failed))
                self.assertIn("equal to the ledger", job.report_text())
                outcome = self.verb(job, "retry")
                self.assert_code(outcome, 0)
                self.assertIn("nothing to try again", outcome.err)

    def test_what_cannot_be_retried(self):
        job = self.failed_job("openAI")
        good = next(line["id"] for line in job.lines() if "answer" in line)
        before = job.output.read_bytes()
        for one in (good, "nobody"):
            outcome = self.verb(job, "retry", "--id", one)
            self.assert_code(outcome, 2)
            self.assertIn(one, outcome.err)
        self.assertEqual(job.output.read_bytes(), before)
        self.assertEqual(self.state(job), "done")

    def test_kill_during_a_retry(self):
        # Slow enough that a kill hits it in its middle.
        simulator = self.simulator(time_scale=20, faults=[
            {"match": {"operation": "sync", "every": 2, "times": 30}, "fault": {"kind": "status", "code": 400}}])
        job = self.job(simulator, "openAI", "--route", "sync", "--concurrency", "2")
        self.assert_code(job.run(), 3)
        before = job.output.read_bytes()
        kills = 0
        for _ in range(40):
            # A start that was too slow has opened nothing: the retry is still to be asked for.
            unopened = self.state(job) == "done" and job.output.read_bytes() == before
            process = self.start(job, "retry" if unopened else "resume")
            time.sleep(0.35 + 0.1 * kills)
            process.send(signal.SIGKILL)
            outcome = process.wait()
            if outcome.code != -signal.SIGKILL:
                break
            kills += 1
            if job.output.read_bytes() != before:  # whole until the new one is, and that one as well
                self.assertEqual([line["id"] for line in job.lines()], self.ids)
            self.assert_code(self.verb(job, "check"), 0)
        self.assertGreater(kills, 0)
        self.assertEqual(self.state(job), "done")
        unlucky = self.assert_given_up(job)
        self.assert_code(outcome, 3 if unlucky else 0)
        if unlucky:
            self.assert_code(self.verb(job, "retry"), 0)
        self.assert_answered_once(job, self.ids)
        self.assert_ledger_equals_bill(job)

    def assert_given_up(self, job):
        """Every item that failed did so because a kill hit each of its four attempts: their outcome is unknown, and each may
        have been paid. Returns the ids."""
        failed = [line for line in job.lines() if "error" in line]
        unknown = collections.Counter(entry["item"] for entry in job.ledger() if entry["unknown"])
        for line in failed:
            self.assertIn("given up after 4 attempts; the process ended during the last one", line["error"]["message"])
            self.assertEqual(unknown[self.ids.index(line["id"])], 4)
        return [line["id"] for line in failed]

    def test_not_while_it_runs(self):
        simulator = self.simulator(time_scale=20)
        job = self.job(simulator, "openAI", "--route", "batch")
        process = job.start()
        self.await_batch(job)
        self.assert_one_line_error(self.verb(job, "retry"), 2, f"pid {process.pid}", "watch")
        process.send(signal.SIGINT)
        process.wait()

    def test_an_edited_prompt_does_not_matter(self):
        job = self.failed_job("openAI")
        self.write("prompt.md", "something else {{text}}")
        self.assert_code(self.verb(job, "retry"), 0)
        self.assert_whole(job)


class Settle(JobTest):
    def held(self, provider, faults, *options, **simulator):
        job = self.job(self.simulator(faults=faults, **simulator), provider, "--route", "batch", "--timeout", "1s",
                       *options)
        outcome = job.run()
        self.assert_code(outcome, 4)
        self.assertIn("weir job show", outcome.err)
        shown = self.show(job)
        self.assertEqual(shown["state"], "held")
        batch = next(batch for batch in shown["batches"] if batch["phase"] == "held")
        self.assertIn("weir job settle", batch["settle"])
        return job, batch

    def test_a_refused_key_then_the_same_batch(self):
        for provider in harness.MODELS:
            with self.subTest(provider=provider):
                job, batch = self.held(provider, [on("batch_get", "status", 2, code=401)])
                self.assert_code(self.verb(job, "settle", "1", "--provider-batch", batch["provider_batch_id"]), 0)
                ledger = self.assert_whole(job)
                self.assertFalse(any(entry["unknown"] for entry in ledger))
                self.assertEqual(self.show(job)["batches"][0]["settled"], "adopted")

    def test_not_made(self):
        for provider in harness.MODELS:
            with self.subTest(provider=provider):
                job, batch = self.held(provider, [on("batch_create", "timeout_before_accept"),
                                                  on("batch_list", "status", code=403)])
                self.assertEqual(batch["provider_batch_id"], "")
                self.assert_code(self.verb(job, "settle", str(batch["number"]), "--not-made"), 0)
                self.assert_whole(job)
                self.assertEqual(len(job.bill()), COUNT)

    def test_lost(self):
        for provider in harness.MODELS:
            with self.subTest(provider=provider):
                job, batch = self.held(provider, [on("batch_get", "status", 2, code=401)])
                self.assert_code(self.verb(job, "settle", str(batch["number"]), "--lost"), 0)
                self.assert_answered_once(job, self.ids)
                self.assert_code(self.verb(job, "check"), 0)
                entries = {entry["attempt_id"]: entry for entry in job.ledger()}
                lost = [entry for entry in entries.values() if entry["unknown"]]
                self.assertEqual({entry["batch"] for entry in lost}, {batch["number"]})
                self.assertEqual(len(lost), batch["items"])
                # Whatever the provider billed for the lost batch is covered by what is shown as exposure.
                for row in job.bill():
                    self.assertGreaterEqual(entries[row["attempt_id"]]["pico"], row["pico_usd"])
                self.assertIn("exposure", job.report_text())

    def test_by_the_owner(self):
        # The one-request batch that goes first is held; the others run on.
        simulator = self.simulator(time_scale=60, faults=[on("batch_get", "status", 2, code=401)])
        job = self.job(simulator, "anthropic", "--route", "batch")
        process = job.start()
        self.await_true(lambda: (self.store_of(job) / "store.sqlite").exists())
        self.await_true(lambda: self.show(job).get("batches_held") == 1)
        held = self.show(job)["batches"][0]
        self.assertTrue(held["priming"])
        self.assert_one_line_error(self.verb(job, "settle", "2", "--lost"), 2, "not held")
        outcome = self.verb(job, "settle", "1", "--provider-batch", held["provider_batch_id"])
        self.assert_code(outcome, 0)
        self.assertIn("goes on with it", outcome.err)
        self.assert_code(process.wait(), 0)
        self.assert_whole(job)

    def test_two_candidates(self):
        # The first create was taken and stays invisible until it counts as not made; the second one is lost as well.
        job, batch = self.held("openAI", [on("batch_create", "timeout_after_accept", 1),
                                          on("batch_create", "timeout_after_accept", 2),
                                          on("batch_create", "invisible_batch", 1, seconds=1500)])
        self.assertIn("two batches answer to one create", batch["reason"])
        names = [word.strip(",") for word in batch["reason"].split() if word.startswith("batch_")]
        self.assertEqual(len(names), 2)
        self.assert_code(self.verb(job, "settle", "1", "--provider-batch", names[1]), 0)
        self.assert_answered_once(job, self.ids)
        self.assertEqual(self.state(job), "done")

    def test_a_wrong_batch_is_held_again(self):
        simulator_options = {"time_scale": 600}
        for provider in harness.MODELS:
            with self.subTest(provider=provider):
                job, batch = self.held(provider, [on("batch_get", "status", 2, code=401)], **simulator_options)
                other = self.job(job.simulator, provider, "--route", "batch", key=job.key)
                process = other.start()
                self.await_batch(other)
                stranger = self.show(other)["batches"][0]["provider_batch_id"]
                process.send(signal.SIGKILL)
                process.wait()
                outcome = self.verb(job, "settle", "1", "--provider-batch", stranger)
                self.assert_code(outcome, 4)
                self.assertEqual(self.state(job), "held")
                self.assert_code(self.verb(job, "settle", "1", "--provider-batch", batch["provider_batch_id"]), 0)
                self.assert_answered_once(job, self.ids)

    def test_what_cannot_be(self):
        job, _ = self.held("openAI", [on("batch_get", "status", 2, code=401)])
        for arguments, word in ((["1", "--not-made"], "was made"), (["9", "--lost"], "no batch 9"),
                                (["1", "--provider-batch", "../x"], "no batch id")):
            self.assert_one_line_error(self.verb(job, "settle", *arguments), 2, word)
        self.assert_one_line_error(self.verb(job, "settle", "1"), 2, "--not-made")
        self.assertEqual(self.state(job), "held")


class Owners(JobTest):
    def test_a_second_owner_is_refused(self):
        simulator = self.simulator(time_scale=20)
        job = self.job(simulator, "openAI", "--route", "batch")
        process = job.start()
        self.await_batch(job)
        for outcome in (job.run(), self.verb(job, "resume")):
            self.assert_one_line_error(outcome, 2, f"pid {process.pid}")
        outcome = self.verb(job, "delete", "--force")
        self.assert_one_line_error(outcome, 2, f"pid {process.pid}")
        self.assertTrue(process.running())
        process.send(signal.SIGINT)
        process.wait()

    def test_the_socket(self):
        simulator = self.simulator(time_scale=20)
        deep = self.folder / ("d" * 90) / ("e" * 90)
        deep.mkdir(parents=True)
        for folder in (self.folder, deep):
            with self.subTest(folder=len(str(folder))):
                job = self.job(simulator, "openAI", "--route", "batch", folder=folder)
                process = job.start()
                self.await_batch(job)
                path = self.store_of(job) / "socket"
                self.assertEqual(stat.S_IMODE(path.lstat().st_mode), 0o600)
                if folder == self.folder:
                    with socket.socket(socket.AF_UNIX) as hostile:
                        hostile.connect(str(path))
                        hostile.sendall(b"\xff\x00{}" * 5000)
                        self.assertIn(b"too long", hostile.recv(4096))
                process.send(signal.SIGKILL)
                process.wait()
                self.assertTrue(path.is_socket())  # stale: nobody minds it
                self.assertEqual(self.state(job), "stopped")
                self.assert_code(self.verb(job, "cancel"), 0)
                self.assertFalse(path.exists())

    def test_one_failing_job_stalls_no_other(self):
        simulator = self.simulator(time_scale=300)
        jobs = [self.job(simulator, provider, "--route", route)
                for provider in harness.MODELS for route in ("sync", "batch")]
        bad = [self.job(simulator, provider, "--route", "batch", key=f"invalid-{provider}") for provider in harness.MODELS]
        processes = [(job, job.start()) for job in jobs + bad]
        for job, process in processes:
            self.assert_code(process.wait(), 2 if job in bad else 0)
        for job in jobs:
            self.assert_whole(job)
        broken = self.store_of(jobs[0]) / "store.sqlite"
        broken.write_bytes(b"no database" * 1000)
        outcome = harness.weir("job", "list", self.folder, "--json")
        self.assert_code(outcome, 1)
        self.assertIn(str(broken), outcome.err)
        listed = {one["output"]: one["state"] for one in json.loads(outcome.out)}
        for job in jobs[1:]:
            self.assertEqual(listed[str(job.output)], "done")


class Remove(JobTest):
    def test_delete(self):
        simulator = self.simulator()
        job = self.job(simulator, "openAI", "--route", "sync")
        self.assert_code(job.run(), 0)
        text = job.output.read_bytes()
        job.output.unlink()
        self.assert_one_line_error(self.verb(job, "delete"), 2, "does not hold every result")
        job.output.write_bytes(text)
        self.assert_code(self.verb(job, "delete"), 0)
        self.assertFalse(self.store_of(job).exists())
        self.assertEqual(job.output.read_bytes(), text)
        self.assertEqual([path.name for path in self.folder.iterdir() if "deleted" in path.name], [])

    def test_delete_before_the_end(self):
        job = self.job(self.simulator(time_scale=20), "openAI", "--route", "batch")
        process = job.start()
        self.await_batch(job)
        process.send(signal.SIGKILL)
        process.wait()
        self.assert_one_line_error(self.verb(job, "delete"), 2, "has not ended", "1 batches at the provider")
        self.assert_code(self.verb(job, "delete", "--force"), 0)
        self.assertFalse(self.store_of(job).exists())

    def test_prune(self):
        simulator = self.simulator()
        old, young, running = (self.job(simulator, "openAI", "--route", "sync") for _ in range(3))
        for job in (old, young):
            self.assert_code(job.run(), 0)
        os.utime(self.store_of(old) / "store.sqlite", (time.time() - 40 * 86400,) * 2)
        outcome = harness.weir("job", "prune", self.folder, "--older-than", "30d", "--dry-run")
        self.assert_code(outcome, 0)
        self.assertEqual(outcome.out, f"would delete {self.store_of(old)}\n")
        self.assertTrue(self.store_of(old).exists())
        outcome = harness.weir("job", "prune", self.folder, "--older-than", "30d")
        self.assertEqual(outcome.out, f"deleted {self.store_of(old)}\n")
        self.assertFalse(self.store_of(old).exists())
        self.assertTrue(old.output.exists())
        self.assertTrue(self.store_of(young).exists())
        self.assertFalse(self.store_of(running).exists())
        self.assert_one_line_error(harness.weir("job", "prune", self.folder, "--older-than", "soon"), 2, "soon")


if __name__ == "__main__":
    unittest.main()
