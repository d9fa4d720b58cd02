"""Providers that limit, fail, fall silent, cut, lose, repeat and refuse: the job ends, every item ends once, and the
ledger is the bill. Scenarios run side by side, each with a simulator of its own."""

import concurrent.futures
import dataclasses
import unittest

import documents
import harness

COUNT = 60
SIDE_BY_SIDE = 4
RESULTS = ("batch_results", "file_content")  # anthropic, openAI


@dataclasses.dataclass
class Scenario:
    """Faults, the route they act on, and how the job ends under them."""

    name: str
    faults: list
    code: int = 0
    failed: int = 0  # items without an answer
    unknown: bool = False  # some attempts must stay unknown
    lost_rows: bool = False  # the provider bills rows that nobody can read
    providers: tuple = tuple(harness.MODELS)


def every(operation, count, kind, **parameters):
    """A fault of every `count`th request."""
    return {"match": {"operation": operation, "every": count}, "fault": {"kind": kind, **parameters}}


def on(operation, kind, nth=1, **parameters):
    """A fault of the nth request alone."""
    return {"match": {"operation": operation, "nth": nth}, "fault": {"kind": kind, **parameters}}


def rows(kind, **parameters):
    """A fault of the rows of every batch."""
    return {"fault": {"kind": kind, **parameters}}


SYNC = [
    Scenario("rate limits", [every("sync", 5, "rate_limited", retry_after=3)]),
    Scenario("status 500", [every("sync", 6, "status", code=500)]),
    Scenario("overloaded", [every("sync", 7, "overloaded")]),
    Scenario("refused connections", [every("sync", 8, "reset")], unknown=True),
    Scenario("lost answers", [every("sync", 9, "reset", accepted=True)], unknown=True),
    Scenario("cut bodies", [every("sync", 10, "cut_body")], unknown=True),
    Scenario("truncated bodies", [every("sync", 11, "truncate")], unknown=True),
    Scenario("silence before", [every("sync", 20, "timeout_before_accept")], unknown=True),
    Scenario("silence after", [every("sync", 20, "timeout_after_accept")], unknown=True),
    Scenario("an exhausted account", [on("sync", "status", 7, code=429, type="insufficient_quota")], code=4,
             providers=("openAI",)),
]

BATCH = [
    Scenario("create: silence before", [on("batch_create", "timeout_before_accept")]),
    Scenario("create: silence after", [on("batch_create", "timeout_after_accept")]),
    Scenario("create: lost answer", [on("batch_create", "reset", accepted=True)]),
    Scenario("create: made, but not to be seen yet", [on("batch_create", "timeout_after_accept"),
                                                      on("batch_create", "invisible_batch", seconds=120)]),
    Scenario("create: status 500", [on("batch_create", "status", code=500)]),
    Scenario("create: rate limit", [on("batch_create", "rate_limited", retry_after=5)]),
    Scenario("upload: cut", [on("file_upload", "cut_body")], providers=("openAI",)),
    Scenario("upload: status 500", [on("file_upload", "status", code=500)], providers=("openAI",)),
    Scenario("polls fail", [every("batch_get", 2, "status", code=500)]),
    Scenario("polls are cut", [every("batch_get", 3, "cut_body")]),
    Scenario("results are cut", [on(operation, "cut_body", nth, after_bytes=4000)
                                 for operation in RESULTS for nth in (1, 2)]),
    Scenario("results fail", [on(operation, "status", code=503) for operation in RESULTS]),
    Scenario("missing rows", [rows("missing_rows", fraction=0.1)]),
    Scenario("shuffled rows", [rows("shuffle_rows")]),
    Scenario("duplicate rows", [rows("duplicate_rows", fraction=0.3)]),
    Scenario("rows fail for a while", [rows("row_error", type="overloaded_error", fraction=0.2)],
             providers=("anthropic",)),
    Scenario("rows fail for a while", [rows("row_error", type="server_error", fraction=0.2)], providers=("openAI",)),
    Scenario("a row fails for good", [{"match": {"index": 5, "nth": 1},
                                       "fault": {"kind": "row_error", "type": "invalid_request_error"}}],
             code=3, failed=1, providers=("openAI",)),
    Scenario("expired", [on("batch_create", "expire_batch", finished_fraction=0.4, seconds=600)]),
    Scenario("cancelled by the provider", [on("batch_create", "cancel_batch", finished_fraction=0.5)]),
    Scenario("refused", [on("batch_create", "batch_refused", type="server_error")]),
    Scenario("unreadable rows", [rows("malformed_row", fraction=0.1)], unknown=True, lost_rows=True),
    Scenario("billed, but not delivered", [rows("billed_but_undelivered", fraction=0.1)], lost_rows=True),
]


class Faults(harness.CliTest):
    def run_scenarios(self, route, scenarios):
        source, named, self.records = documents.write_job(self, COUNT)
        runs = [(scenario, provider) for scenario in scenarios for provider in scenario.providers]

        def run(scenario, provider):
            with harness.Simulator(faults=scenario.faults) as simulator:
                job = harness.Job(self.folder, simulator, provider, source, *named,
                                  "--route", route, "--timeout", "1s")
                outcomes = [job.run()]
                if outcomes[0].code == 4:  # the same command goes on
                    outcomes.append(job.run())
                return job, outcomes, job.bill()

        with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            ends = [pool.submit(run, *pair) for pair in runs]
        for (scenario, provider), end in zip(runs, ends):
            with self.subTest(scenario=scenario.name, provider=provider, route=route):
                job, outcomes, bill = end.result()
                job.bill = lambda rows=bill: rows  # its simulator has ended
                self.check(scenario, job, outcomes)

    def check(self, scenario, job, outcomes):
        self.assert_code(outcomes[0], scenario.code)
        self.assert_code(outcomes[-1], 0 if scenario.code == 4 else scenario.code)
        lines = job.lines()
        self.assertEqual([line["id"] for line in lines], [record["id"] for record in self.records])
        self.assertEqual(sum("answer" not in line for line in lines), scenario.failed)
        answered = [entry["item"] for entry in job.ledger() if entry["answered"]]
        self.assertEqual(len(answered), len(set(answered)))
        self.assertEqual(len(answered), sum("answer" in line for line in lines))
        ledger = self.assert_ledger_equals_bill(job, scenario.lost_rows)
        self.assertEqual(any(entry["unknown"] for entry in ledger), scenario.unknown)

    def test_sync(self):
        self.run_scenarios("sync", SYNC)

    def test_batch(self):
        self.run_scenarios("batch", BATCH)

    def test_lost_create_and_missing_rows(self):
        self.run_scenarios("batch", [
            Scenario("create: silence after; rows missing", [on("batch_create", "timeout_after_accept", 2),
                                                             rows("missing_rows", fraction=0.2)],
                     providers=("anthropic",))])


if __name__ == "__main__":
    unittest.main()
