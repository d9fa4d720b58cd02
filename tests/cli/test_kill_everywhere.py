"""`kill -9` of the real program at its own system calls (engine issue, must show 2).

tests/kill/kill_shim.c, preloaded, kills the process before, in the middle of or after a chosen call that changes the
job's files or sends a request. The same command, without it, then has to end the job: nothing lost, nothing twice.
The name of the last commit is read from the store that the kill left.

A few calls of each kind by default; all of them with WEIR_KILL_ALL=1 (scripts/soak kill, and providers-kill for the providers
that are not looked at closely), which also writes its figures as JSON to WEIR_KILL_FIGURES and checks that a kill came after every
named commit.
"""

import collections
import concurrent.futures
import contextlib
import dataclasses
import json
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import tempfile
import threading
import time
import unittest

import documents
import harness

SHIM = os.environ.get("WEIR_KILL_SHIM", "build/release/lib/weir_kill_shim.so")
ALL = os.environ.get("WEIR_KILL_ALL") == "1"
FIGURES = os.environ.get("WEIR_KILL_FIGURES")
SEED = 7
COUNT = 10  # documents
SAMPLE = 25  # calls of a provider and route in the short form…
SAMPLE_OTHERS = 6  # …and of those that are not looked at closely
JOBS = 16  # side by side: batches mostly wait
MANY = {"sync": 2400, "batch": 1600}  # documents: enough for the commits that only large jobs make
SECOND_MAX = 90  # a second kill comes within so many calls of the second start
FRACTIONABLE = ("pwrite", "write", "send")
# The results of a batch come after a number of polls that the wall clock decides; what follows is counted from here.
RESULTS = "pwrite results.segment"
# "cancel" is no part of `weir run`: nothing in it cancels a job.
COMMITS = {
    "sync": {"begin", "done", "end", "recover"},
    "batch": {"begin", "step", "done", "end", "recover"},
    "sync, many": {"begin", "settle", "flush", "end"},
    "batch, many": {"step", "rows"},
}


@dataclasses.dataclass(frozen=True)
class Point:
    """One moment to die at."""

    start: str  # WEIR_KILL_FROM
    number: int  # of the call, from there
    when: str
    second: int = 0  # of the call of the second start at which that one dies too; 0: it does not
    only: str = ""  # WEIR_KILL_ONLY


def last_commit(output):
    """The name of the last commit in a store that nobody closed; the store stays as it is. Empty: there is none."""
    with tempfile.TemporaryDirectory(prefix="weir-kill-") as folder:
        for name in ("store.sqlite", "store.sqlite-wal", "store.sqlite-journal"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copy(pathlib.Path(f"{output}.weir", name), folder)
        store = pathlib.Path(folder, "store.sqlite")
        if not store.exists():
            return ""
        with contextlib.closing(sqlite3.connect(store)) as connection:
            tables = connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'step'").fetchone()[0]
            row = connection.execute("SELECT name FROM step").fetchone() if tables else None
            return row[0] if row else ""


def in_folder(job, call):
    """A call and a file of the job's folder, as the shim writes them."""
    return call.replace(" ", f" {job.output}.weir/")


def spread(points, count):
    """`count` of them at even distances, the first and the last included."""
    if len(points) <= count:
        return points
    return [points[round(at * (len(points) - 1) / (count - 1))] for at in range(count)]


class KillEverywhere(harness.CliTest):
    figures = {"name": "kill", "points": 0, "starts": 0, "kills": 0, "seconds": 0.0, "failed": 0,
               "unknown_attempts": 0, "files_left": 0, "batches_left": 0, "commits": {}, "calls": {}}
    begun = time.monotonic()

    @classmethod
    def tearDownClass(cls):
        cls.figures["seconds"] = round(time.monotonic() - cls.begun, 1)
        if FIGURES:
            pathlib.Path(FIGURES).write_text(json.dumps(cls.figures) + "\n", encoding="utf-8")

    def begin(self, provider, route, count, time_scale=600):
        """A simulator and an input for all the jobs of a sweep."""
        self.provider, self.route, self.count = provider, route, count
        self.source, self.named, self.records = documents.write_job(self, count)
        if route == "batch" and provider in harness.SCHEMALESS:
            self.named = self.named[:2]
        self.simulator = harness.Simulator(time_scale=time_scale)
        self.addCleanup(self.simulator.close)
        self.jobs, self.commits = 0, collections.Counter()
        self.lock = threading.Lock()

    def job(self):
        with self.lock:
            self.jobs += 1
        return harness.Job(self.folder, self.simulator, self.provider, self.source, *self.named, "--route", self.route,
                           "--concurrency", "256")

    def start_to_die(self, job, start="", number=0, when="before", only="", log=""):
        """Runs the job with the shim in it, until it is killed there or ends."""
        environment = {**job.environment, "LD_PRELOAD": str(pathlib.Path(SHIM).resolve()),
                       "WEIR_KILL_BELOW": str(job.output), "WEIR_KILL_FROM": start, "WEIR_KILL_ONLY": only,
                       "WEIR_KILL_AT": str(number), "WEIR_KILL_WHEN": when, "WEIR_KILL_LOG": str(log)}
        return harness.Process(job.command, environment).wait()

    def calls(self, only="", start=""):
        """The calls of one job that nobody kills, as "name file"."""
        log = self.folder / "calls.log"
        job = self.job()
        self.assert_code(self.start_to_die(job, in_folder(job, start), only=in_folder(job, only), log=log), 0)
        self.check(job)
        lines = log.read_text(encoding="utf-8").splitlines()
        log.unlink()
        return [" ".join((line.split(" ", 1)[0], pathlib.Path(line.split(" ", 1)[1]).name)) for line in lines]

    def points(self):
        """Every moment of a job to die at."""
        calls = self.calls()
        self.figures["calls"][f"{self.provider} {self.route}"] = len(calls)
        results = calls.index(RESULTS)
        chance = random.Random(SEED)
        first, half, second = [], [], []
        for at, call in enumerate(calls):
            start, number = ("", at + 1) if at < results else (RESULTS, at + 1 - results)
            first += [Point(start, number, "before"), Point(start, number, "after")]
            if call.startswith(FRACTIONABLE):
                half.append(Point(start, number, "half"))
            second.append(Point(start, number, "after", second=chance.randint(1, SECOND_MAX)))
        if ALL:
            return first + half + second
        if self.provider not in harness.MODELS:
            return spread(first + half + second, SAMPLE_OTHERS)
        return spread(first, SAMPLE - 10) + spread(half, 5) + spread(second, 5)

    def check(self, job):
        """The job is done, and nothing is lost, twice or unpaid."""
        self.assert_answered_once(job, [record["id"] for record in self.records])
        ledger = self.assert_ledger_equals_bill(job)
        unknown = sum(entry["unknown"] for entry in ledger)
        bill = job.bill()
        self.assertEqual({row["route"] for row in bill}, {self.route})
        if self.route == "batch":
            self.assertEqual((unknown, len(bill)), (0, self.count), "an item was billed twice")
        else:
            # Whatever was billed beyond one answer an item is known as an attempt that a kill left open.
            self.assertLessEqual(len(bill), self.count + unknown)
        return unknown

    def kill_at(self, point):
        """Kills a job there, goes on, and checks it. Returns what went wrong, or nothing."""
        job = self.job()
        starts, kills, commits = 1, 0, []
        try:
            outcome = self.start_to_die(job, in_folder(job, point.start), point.number, point.when,
                                        in_folder(job, point.only))
            if outcome.code == -signal.SIGKILL:
                kills += 1
                commits.append(last_commit(job.output))
            else:
                self.assert_code(outcome, 0)  # this one had fewer polls
            if point.second:
                starts += 1
                outcome = self.start_to_die(job, number=point.second, when="after")
                if outcome.code == -signal.SIGKILL:
                    kills += 1
                    commits.append(last_commit(job.output))
                else:
                    self.assert_code(outcome, 0)
            starts += 1
            self.assert_code(job.run(), 0)
            unknown = self.check(job)
        except (AssertionError, OSError, sqlite3.Error, LookupError, ValueError) as error:
            return f"{point}, after {commits}: {error}"
        finally:
            with self.lock:
                self.figures["starts"] += starts
                self.figures["kills"] += kills
                self.commits.update(commits)
        with self.lock:
            self.figures["unknown_attempts"] += unknown
        return None

    def sweep(self, points, kinds, side_by_side=JOBS):
        """Kills a job at each of the points, many side by side; no batch may be left at the provider."""
        kills_before = self.figures["kills"]
        with concurrent.futures.ThreadPoolExecutor(side_by_side) as pool:
            failed = [failure for failure in pool.map(self.kill_at, points) if failure]
        self.figures["points"] += len(points)
        self.figures["failed"] += len(failed)
        self.figures["commits"][f"{self.provider} {kinds}"] = dict(sorted(self.commits.items()))
        self.assertEqual(failed[:5], [], f"{len(failed)} of {len(points)}")
        state = self.simulator.state()[self.provider]
        if not state:  # it has no batches
            return
        self.assertEqual(state["batches_running"], 0, state)
        # An upload that nobody got to note stays until it expires; storage costs nothing.
        self.figures["files_left"] += state["files"]
        if (self.provider, self.route) == ("openAI", "batch"):  # keeps its batches: one a job
            self.assertEqual(state["batches"], self.jobs, "a batch was made twice")
        elif self.provider == "anthropic":  # deletes them, but for one found by listing: its create was under way at the kill
            self.assertLessEqual(state["batches"], self.figures["kills"] - kills_before)
            self.figures["batches_left"] += state["batches"]
        else:
            self.assertLessEqual(state["batches"], self.jobs, "a batch was made twice")
        if ALL:
            self.assertEqual(COMMITS[kinds] - set(self.commits), set(), "no kill came after these commits")

    def test_death_before_the_first_commit(self):
        """The output exists then, and no job: it is ours as long as it is empty."""
        self.begin("openAI", "sync", COUNT)
        for content in ("", "somebody wrote this\n"):
            with self.subTest(content=content):
                job = self.job()
                outcome = self.start_to_die(job, number=1, when="after", only=f"ftruncate {job.output}\n")
                self.assert_code(outcome, -signal.SIGKILL)
                self.assertEqual(last_commit(job.output), "")
                self.assertEqual(job.output.read_text(encoding="utf-8"), "")
                job.output.write_text(content, encoding="utf-8")
                outcome = job.run()
                if content:
                    self.assert_one_line_error(outcome, 2, job.output, "not from a job of Weir", "--restart")
                    self.assertEqual(job.output.read_text(encoding="utf-8"), content)
                else:
                    self.assert_code(outcome, 0)
                    self.check(job)

    def check_small(self, provider, route):
        least = harness.BATCH_MIN.get(provider, 0) if route == "batch" else 0
        self.begin(provider, route, max(COUNT, least))
        self.sweep(self.points(), route)

    def check_many(self, provider, route):
        """A job large enough to commit before its end, killed at every sync to the disk."""
        self.begin(provider, route, MANY[route])
        start = "" if route == "sync" else RESULTS
        # Polls make no results: their number changes nothing about which sync of the results follows which commit.
        points = [Point(start, at + 1, when, only=only)
                  for only in ("fdatasync", "fdatasync results.segment")
                  for at in range(len(self.calls(only, start))) for when in ("before", "after")]
        # A job that has the processors for itself settles more than its journal takes between two flushes.
        self.sweep(points, f"{route}, many", side_by_side=1 if route == "sync" else JOBS // 2)

    @unittest.skipUnless(ALL, "scripts/soak kill")
    def test_many_sync(self):
        for provider in harness.MODELS:
            with self.subTest(provider=provider):
                self.check_many(provider, "sync")

    @unittest.skipUnless(ALL, "scripts/soak kill")
    def test_many_batch(self):
        for provider in harness.MODELS:
            with self.subTest(provider=provider):
                self.check_many(provider, "batch")

    def test_other_providers(self):
        for provider in harness.OTHER_MODELS:
            for route in ("sync", "batch") if harness.HAS_BATCHES[provider] else ("sync",):
                with self.subTest(provider=provider, route=route):
                    self.check_small(provider, route)
                    self.simulator.close()

    def test_openai_sync(self):
        self.check_small("openAI", "sync")

    def test_anthropic_sync(self):
        self.check_small("anthropic", "sync")

    def test_openai_batch(self):
        self.check_small("openAI", "batch")

    def test_anthropic_batch(self):
        self.check_small("anthropic", "batch")


if __name__ == "__main__":
    unittest.main()
