"""Signed webhooks wake the poller: where a batch is looked at once an hour, the job ends soon after its batch with them, and an hour
later without; what is not signed wakes nothing."""

import base64
import datetime
import hashlib
import hmac
import json
import socket
import time
import unittest
import urllib.error
import urllib.request

import documents
import harness

SECRET = "whsec_" + base64.b64encode(b"a secret of this test").decode()
COUNT = 20
POLL = ("--batch-poll", "1h", "--route", "batch")
# The provider's waits between two looks grow up to the hour; a batch that takes longer meets them at their longest.
SLOW = [{"match": {"operation": "batch_create"}, "fault": {"kind": "slow_batch", "seconds": 5400}}]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def post(port, body, headers):
    """The status of the answer."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/hook", data=body.encode(), headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


class Webhooks(harness.CliTest):
    def start(self, provider, webhook, faults=SLOW, secret=SECRET):
        """A simulator that may send webhooks, and a job that may take them."""
        port = free_port()
        sends = ("--webhook", f"http://127.0.0.1:{port}/hook", "--webhook-secret", secret) if webhook else ()
        simulator = self.enterContext(harness.Simulator(faults=faults, options=sends))
        source, named, records = documents.write_job(self, COUNT)
        secret_file = self.write("secret", SECRET + "\n")
        model = {"openAI": "openAI/gpt-5.4-nano", "gemini": "gemini/gemini-2.5-flash"}[provider]
        job = harness.Job(self.folder, simulator, provider, source, *named, *POLL, "--webhook-listen",
                          f"127.0.0.1:{port}", "--webhook-secret-file", secret_file, model=model)
        return job, port, [record["id"] for record in records]

    def late(self, job):
        """Virtual seconds between the end of the provider's batch and the end of the job."""
        ended = max(datetime.datetime.fromisoformat(row["at"]) for row in job.bill())
        now = datetime.datetime.fromisoformat(job.simulator.state()["now"])
        return (now - ended).total_seconds()

    def check(self, job, outcome, ids):
        self.assert_code(outcome, 0)
        self.assert_answered_once(job, ids)
        self.assert_ledger_equals_bill(job)

    def test_a_job_ends_with_its_batch(self):
        for provider in ("openAI", "gemini"):
            late = {}
            for webhook in (True, False):
                with self.subTest(provider=provider, webhook=webhook):
                    job, _, ids = self.start(provider, webhook)
                    self.check(job, job.run(), ids)
                    late[webhook] = self.late(job)
            with self.subTest(provider=provider):
                self.assertLess(late[True], 900, late)
                self.assertGreater(late[False], late[True] + 600, late)

    def test_what_is_not_signed_wakes_nothing(self):
        job, port, ids = self.start("openAI", True, secret="whsec_" + base64.b64encode(b"another").decode())
        running = job.start()
        body = json.dumps({"type": "batch.completed", "data": {"id": "batch_1"}})
        stamp = datetime.datetime.fromisoformat(harness.EPOCH.replace("Z", "+00:00"))
        headers = {"webhook-id": "wh_1", "webhook-timestamp": str(int(stamp.timestamp())), "webhook-signature": "v1,AAAA"}
        deadline = time.monotonic() + 20
        while True:
            try:
                statuses = [post(port, body, headers), post(port, body, {}), post(port, "x" * 300_000, headers)]
                break
            except (ConnectionError, urllib.error.URLError):
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.05)
        self.assertEqual(statuses, [401, 401, 413])
        self.check(job, running.wait(), ids)
        self.assertGreater(self.late(job), 600)

    def test_a_good_signature_of_another_batch_is_taken_and_changes_nothing(self):
        job, port, ids = self.start("openAI", False, faults=None)
        running = job.start()
        body = json.dumps({"type": "batch.completed", "data": {"id": "batch_of_somebody"}})
        statuses = set()
        for number in range(200):
            now = job.simulator.state()["now"]
            stamp = str(int(datetime.datetime.fromisoformat(now.replace("Z", "+00:00")).timestamp()))
            key = base64.b64decode(SECRET.removeprefix("whsec_"))
            digest = hmac.new(key, f"wh_{number}.{stamp}.{body}".encode(), hashlib.sha256).digest()
            try:
                statuses.add(post(port, body, {"webhook-id": f"wh_{number}", "webhook-timestamp": stamp,
                                               "webhook-signature": "v1," + base64.b64encode(digest).decode()}))
            except (ConnectionError, urllib.error.URLError):
                if not running.running():
                    break
            time.sleep(0.02)
        self.check(job, running.wait(), ids)
        self.assertEqual(statuses, {204})

    def test_a_provider_without_webhooks_is_told(self):
        source, named, _ = documents.write_job(self, 3)
        with harness.Simulator() as simulator:
            job = harness.Job(self.folder, simulator, "anthropic", source, *named, "--route", "sync", "--webhook-listen", "127.0.0.1:0",
                              "--webhook-secret-file", self.write("secret", SECRET + "\n"))
            outcome = job.run()
            self.assert_code(outcome, 0)
            self.assertIn("--webhook-listen has no effect: anthropic", outcome.err)

    def test_without_a_secret_nothing_listens(self):
        source, named, _ = documents.write_job(self, 3)
        with harness.Simulator() as simulator:
            job = harness.Job(self.folder, simulator, "openAI", source, *named, "--webhook-listen", "127.0.0.1:0")
            outcome = job.run()
            self.assertEqual(outcome.code, 2)
            self.assertIn("--webhook-secret-file", outcome.err)
            self.assertNotIn("AAAA", outcome.err)
            self.assertEqual(job.bill(), [])


if __name__ == "__main__":
    unittest.main()
