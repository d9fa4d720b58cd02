"""The same job on every provider by both routes: answers, order, ledger, receipt (issue 2, must show 2).

Two providers are looked at closely; of the others, what they alone do (test_every_provider runs all of them)."""

import concurrent.futures
import dataclasses
import decimal
import json
import pathlib
import subprocess
import unittest

import documents
import harness

COUNT = 300
SIDE_BY_SIDE = 2
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
    count = COUNT

    @classmethod
    def setUpClass(cls):
        cls.simulator = harness.Simulator()
        cls.addClassCleanup(cls.simulator.close)

    def job(self, provider, *options, simulator=None, model=None):
        source, named, self.documents = documents.write_job(self, self.count)
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
        self.assertEqual(receipt["items"], {"total": self.count, "succeeded": self.count, "failed": 0,
                                            "cancelled": 0})
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
        self.assertAlmostEqual(receipt["accuracy"], right / self.count, places=4)
        self.assertGreater(receipt["accuracy"], 0.5)


COUNT_SHORT = 200


class Providers(harness.CliTest):
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


@dataclasses.dataclass
class Faulty:
    """Faults under which every document is answered all the same."""

    name: str
    route: str
    faults: list
    lost_rows: bool = False  # the provider bills rows that nobody can read
    unknown: bool = False  # some attempts stay unknown
    says: str = "."  # what a reason of the receipt says of it


def fault(kind, operation=None, match=None, **parameters):
    """A rule; without an operation it is one of every batch."""
    return {"match": {**({"operation": operation} if operation else {}), **(match or {})},
            "fault": {"kind": kind, **parameters}}


FAULTY = [
    Faulty("limits and failures", "sync", [fault("rate_limited", "sync", {"every": 7}, retry_after=2),
                                           fault("status", "sync", {"every": 11}, code=500)]),
    Faulty("lost answers", "sync", [fault("reset", "sync", {"every": 25}, accepted=True)], unknown=True),
    Faulty("a lost create", "batch", [fault("timeout_after_accept", "batch_create", {"nth": 1})],
           says="adopted"),
    Faulty("a create that never came", "batch", [fault("timeout_before_accept", "batch_create", {"nth": 1})],
           says="create is sent again|submitting it took too long"),
    Faulty("a lost upload", "batch", [fault("timeout_after_accept", "file_upload", {"nth": 1}),
                                      fault("status", "file_upload", {"nth": 2}, code=503)],
           says="upload"),
    Faulty("polls fail, results are cut", "batch", [fault("status", "batch_get", {"every": 2}, code=500),
                                                    fault("cut_body", "batch_results", {"nth": 1}, after_bytes=4000)]),
    Faulty("rows missing, doubled, in any order", "batch",
           [fault("missing_rows", fraction=0.1), fault("duplicate_rows", fraction=0.2), fault("shuffle_rows")],
           says="without a result"),
    Faulty("rows fail for a while", "batch", [fault("row_error", type="server_error", fraction=0.1)]),
    Faulty("unreadable rows", "batch", [fault("malformed_row", fraction=0.1)], lost_rows=True, unknown=True),
    Faulty("expired", "batch", [fault("expire_batch", "batch_create", {"nth": 1}, finished_fraction=0.4, seconds=900)],
           says="without a result"),
    Faulty("refused", "batch", [fault("batch_refused", "batch_create", {"nth": 1})], says="was refused"),
]


class Further(Matrix):
    """Providers with batch jobs of a format of their own: every fault by itself."""

    count = 200

    def test_both_routes(self):
        for provider in FURTHER_HITS:
            with self.subTest(provider=provider):
                sync = self.run_whole(self.job(provider, "--route", "sync"))
                self.assertEqual(USD(sync["cost"]["saved_by_batch_usd"]), 0)
                self.assertGreater(sync["cache"]["request_hit_rate"], FURTHER_HITS[provider][0])
                batch = self.run_whole(self.job(provider, "--route", "batch"))
                self.assertLessEqual(USD(batch["cost"]["spent_usd"]), USD(batch["cost"]["baseline_usd"]) / 2)
                self.assertGreaterEqual(batch["cache"]["request_hit_rate"], FURTHER_HITS[provider][1])
                self.assertEqual(self.simulator.state()[provider]["files"], 0, "what was uploaded and read is deleted")

    def test_faults(self):
        source, named, self.documents = documents.write_job(self, self.count)
        # Where a batch takes no schema, the job has none; by the standard API it has.
        cases = [(provider, case) for provider in (*FURTHER_HITS, *sorted(harness.SCHEMALESS)) for case in FAULTY]

        def run(provider, case):
            schema = case.route != "batch" or provider not in harness.SCHEMALESS
            with harness.Simulator(faults=case.faults) as simulator:
                job = harness.Job(self.folder, simulator, provider, source, *(named if schema else named[:2]),
                                  "--route", case.route, "--timeout", "2s")
                return job, job.run(), job.bill()

        with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            ends = {(provider, case.name): (case, pool.submit(run, provider, case)) for provider, case in cases}
        for (provider, name), (case, end) in ends.items():
            with self.subTest(provider=provider, case=name):
                job, outcome, bill = end.result()
                job.bill = lambda rows=bill: rows  # its simulator has ended
                self.assert_code(outcome, 0)
                self.assert_answered_once(job, [document["id"] for document in self.documents])
                ledger = self.assert_ledger_equals_bill(job, case.lost_rows)
                self.assertEqual(any(entry["unknown"] for entry in ledger), case.unknown)
                self.assertRegex("\n".join(job.report()["reasons"]), case.says)

    def test_vertex_caches_by_itself(self):
        """Discounts do not stack: a cached token of a batch is not halved, which the bill checks."""
        source, named, records = documents.write_job(self, self.count, background=2500)
        for route in ("sync", "batch"):
            with self.subTest(route=route):
                job = harness.Job(self.folder, self.simulator, "vertexAI", source, *named, "--route", route)
                self.assert_code(job.run(), 0)
                self.assert_answered_once(job, [record["id"] for record in records])
                self.assert_ledger_equals_bill(job)
                self.assertGreater(job.report()["cache"]["request_hit_rate"], 0.5)

    def test_vertex_tokens_of_a_service_account(self):
        """The key signs, tokens are fetched with it and renewed: a job of hours needs more than one."""
        pem = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
                             check=True, capture_output=True, text=True).stdout
        account = {"type": "service_account", "client_email": "weir@shop", "private_key_id": "1", "private_key": pem,
                   "token_uri": "https://oauth2.googleapis.com/token"}
        slow = [fault("slow_batch", "batch_create", seconds=9000)]
        for route, least in (("sync", 1), ("batch", 3)):
            with self.subTest(route=route), harness.Simulator(faults=slow) as simulator:
                file = self.write("account.json", json.dumps(account, indent=1).encode())
                job = self.job("vertexAI", "--route", route, "--key-file", file, simulator=simulator)
                del job.environment["GOOGLE_OAUTH_ACCESS_TOKEN"]
                job.key = account["client_email"]
                self.assert_code(job.run(), 0)
                self.assert_answered_once(job, [document["id"] for document in self.documents])
                self.assert_ledger_equals_bill(job)
                self.assertEqual(len(job.bill()), self.count)
                self.assertGreaterEqual(simulator.state()["vertexAI"]["tokens"], least)
                self.assertNotIn("BEGIN", "".join(path.read_bytes().decode("latin-1") for path in
                                                  pathlib.Path(f"{job.output}.weir").rglob("*") if path.is_file()))
        refused = self.write("refused.json", {**account, "client_email": "invalid@shop"})
        job = self.job("vertexAI", "--route", "sync", "--key-file", refused)
        self.assert_one_line_error(job.run(), 2, "invalid_grant", "account not found")

    def test_vertex_wants_its_settings(self):
        job = self.job("vertexAI", "--route", "sync")
        job.command = [part for part in job.command if part not in ("--set", "project=shop", "bucket=gs://pail/weir")]
        self.assert_one_line_error(job.run(), 2, "project", "--set")
        self.assert_code(job.run("--set", "project=shop"), 0)
        job = self.job("vertexAI", "--route", "batch")
        at = job.command.index("bucket=gs://pail/weir")
        del job.command[at - 1:at + 1]
        self.assert_one_line_error(job.run(), 2, "bucket", "--set")

    def test_bedrock_refuses_a_wrong_secret_and_tells_what_batches_need(self):
        job = self.job("bedrock", "--route", "sync")
        job.environment["AWS_SECRET_ACCESS_KEY"] = "another"
        self.assert_one_line_error(job.run(), 2, "refused the key", "403")
        self.assertEqual(job.bill(), [])
        job = self.job("bedrock", "--route", "batch")
        role = next(at for at, part in enumerate(job.command) if str(part).startswith("role="))
        del job.command[role - 1:role + 1]
        self.assert_one_line_error(job.run(), 2, "'role'", "--set")
        job = self.job("bedrock", "--set", "awsAccessSecretKey=hush")
        self.assert_one_line_error(job.run(), 2, "a secret does not belong on a command line")

    def test_bedrock_small_jobs_take_the_sync_route(self):
        source, named, records = documents.write_job(self, 60)
        job = harness.Job(self.folder, self.simulator, "bedrock", source, *named)
        self.assert_code(job.run(), 0)
        self.assert_answered_once(job, [record["id"] for record in records])
        self.assertEqual({row["route"] for row in job.bill()}, {"sync"})
        self.assert_ledger_equals_bill(job)

    def test_bedrock_stopped_jobs_keep_what_they_had_done(self):
        with harness.Simulator(faults=[fault("slow_batch", "batch_create", seconds=72000)], time_scale=300) as simulator:
            job = self.job("bedrock", "--route", "batch", "--deadline", "4h", simulator=simulator)
            self.assert_code(job.run(), 0)
            self.assert_answered_once(job, [document["id"] for document in self.documents])
            self.assertEqual({row["route"] for row in job.bill()}, {"batch", "sync"})
            self.assert_ledger_equals_bill(job)

    def test_batches_that_take_no_schema(self):
        for provider in sorted(harness.SCHEMALESS):
            with self.subTest(provider=provider):
                source, named, self.documents = documents.write_job(self, self.count)
                job = harness.Job(self.folder, self.simulator, provider, source, *named)
                self.assert_code(job.run(), 0)
                self.assertEqual({row["route"] for row in job.bill()}, {"sync"})
                self.assertIn(f"{provider} takes no answer schema in a batch", job.report_text())
                refused = harness.Job(self.folder, self.simulator, provider, source, *named, "--route", "batch")
                self.assert_one_line_error(refused.run(), 2, "no answer schema in a batch", "--route")
                self.assertEqual(refused.bill(), [])
                # Without one it may be, and is only where it is asked for: no price of batches is published.
                for route, expected in (("batch", "batch"), ("auto", "sync")):
                    job = harness.Job(self.folder, self.simulator, provider, source, *named[:2], "--route", route)
                    self.assert_code(job.run(), 0)
                    self.assert_answered_once(job, [document["id"] for document in self.documents])
                    self.assert_ledger_equals_bill(job)
                    self.assertEqual({(row["route"], row["delivered"]) for row in job.bill()}, {(expected, True)})
                    self.assertEqual(USD(job.report()["cost"]["saved_by_batch_usd"]), 0)
                self.assertEqual(self.simulator.state()[provider]["files"], 0, "what was uploaded and read is deleted")

    def test_cohere_a_cancelled_batch_keeps_what_it_had_done(self):
        source, named, self.documents = documents.write_job(self, self.count)
        with harness.Simulator(faults=[fault("slow_batch", "batch_create", seconds=72000)], time_scale=300) as simulator:
            job = harness.Job(self.folder, simulator, "cohere", source, *named[:2], "--route", "batch", "--deadline", "4h")
            self.assert_code(job.run(), 0)
            self.assert_answered_once(job, [document["id"] for document in self.documents])
            self.assert_ledger_equals_bill(job)
            self.assertEqual({row["route"] for row in job.bill()}, {"batch", "sync"})

    def test_fireworks_without_its_account_takes_the_sync_route(self):
        job = self.job("fireworks")
        job.command = [part for part in job.command if part not in ("--set", "accountId=acme")]
        self.assert_code(job.run("--quiet"), 0)
        self.assertIn("accountId", job.report_text())
        self.assertEqual({row["route"] for row in job.bill()}, {"sync"})
        job = self.job("fireworks", "--route", "batch")
        job.command = [part for part in job.command if part not in ("--set", "accountId=acme")]
        outcome = job.run()
        self.assert_one_line_error(outcome, 2, "accountId", "--set")
        for setting, words in (("accountid=acme", ["no setting 'accountid'", "accountId"]), ("acme", ["--set"])):
            self.assert_one_line_error(self.job("fireworks", "--set", setting).run(), 2, *words)

    def test_fireworks_another_account_is_another_job(self):
        job = self.job("fireworks", "--route", "batch")
        self.assert_code(job.run(), 0)
        self.assert_one_line_error(job.run("--set", "accountId=other"), 2, "accountId=acme", "accountId=other")

    def test_fireworks_what_a_cancel_destroyed_is_exposure(self):
        with harness.Simulator(faults=[fault("slow_batch", "batch_create", seconds=72000)], time_scale=300) as simulator:
            job = self.job("fireworks", "--route", "batch", "--deadline", "4h", simulator=simulator)
            self.assert_code(job.run(), 0)
            self.assert_answered_once(job, [document["id"] for document in self.documents])
            destroyed = [row for row in job.bill() if row["route"] == "batch"]
            self.assertGreater(len(destroyed), 0)
            ledger = self.assert_ledger_equals_bill(job, lost_rows=True)
            booked = {entry["attempt_id"] for entry in ledger if entry["unknown"]}
            self.assertLessEqual({row["attempt_id"] for row in destroyed}, booked)
            self.assertGreater(USD(job.report()["cost"]["exposure_usd"]), 0)
            self.assertIn("destroyed", job.report_text())


# The least hit rate of requests, sync and batch: mistral and bedrock have no cache in batches, vertexAI's wants a longer prefix.
FURTHER_HITS = {"mistral": (0.9, 0), "fireworks": (0.9, 0.3), "vertexAI": (-1, 0), "bedrock": (0.9, 0)}


def load_tests(loader, _tests, _pattern):
    """Further inherits its helpers from Matrix, not its tests."""
    suite = loader.loadTestsFromTestCase(Matrix)
    for name in loader.getTestCaseNames(Further):
        if name not in dir(Matrix):
            suite.addTest(Further(name))
    return suite


if __name__ == "__main__":
    unittest.main()
