"""OpenAI's Responses API: the same documents by `--set api=responses`, and lines that are ready for it, by each route and under
faults; what cannot go that way is refused before anything is sent."""

import json
import unittest
import urllib.request

import documents
import harness
from test_every_provider import FAULTS

MODEL = "openAI/gpt-6-luna"  # charges cache writes, and takes breakpoints
COUNT = 60


class Responses(harness.CliTest):
    def check(self, job, outcome, ids, lost_rows=False):
        self.assert_code(outcome, 0)
        self.assert_answered_once(job, ids)
        self.assertTrue(job.bill())
        self.assert_ledger_equals_bill(job, lost_rows=lost_rows)

    def run_job(self, route, provider, model, source, named, ids, options=(), faults=FAULTS):
        """Runs it to its end where a chat completion would be refused, and checks that each batch was of responses."""
        faults = [*(faults or []), {"match": {"operation": "chat"}, "fault": {"kind": "status", "code": 400}}]
        with harness.Simulator(faults=faults) as simulator:
            job = harness.Job(self.folder, simulator, provider, source, *named, "--route", route, "--timeout", "5s",
                              *options, model=model)
            outcome = job.start().wait(600)
            self.check(job, outcome, ids, lost_rows=route == "batch" and len(faults) > 1)
            if route == "batch":
                self.assertEqual(self.endpoints(simulator, provider, job), {"/v1/responses"})
            return job.report()

    @staticmethod
    def endpoints(simulator, provider, job):
        request = urllib.request.Request(simulator.endpoint(provider) + "/batches?limit=100",
                                         headers={"authorization": f"Bearer {job.key}"})
        with urllib.request.urlopen(request, timeout=30) as response:
            return {batch["endpoint"] for batch in json.loads(response.read())["data"]}

    def test_documents_by_each_route(self):
        source, named, records = documents.write_job(self, COUNT)
        ids = [record["id"] for record in records]
        chosen = ("--set", "api=responses")
        for provider, model in (("openAI", MODEL), ("azureOpenAI", "azureOpenAI/gpt-5.4-mini")):
            for route in ("sync", "batch"):
                with self.subTest(provider=provider, route=route):
                    receipt = self.run_job(route, provider, model, source, named, ids, chosen)
                    self.assertEqual(receipt["items"]["succeeded"], COUNT)

    def test_the_cache_saves(self):
        source, named, records = documents.write_job(self, COUNT)
        receipt = self.run_job("sync", "openAI", MODEL, source, named, [record["id"] for record in records],
                               ("--set", "api=responses"), faults=None)
        self.assertGreater(float(receipt["cost"]["saved_by_cache_usd"]), 0)

    def ready_lines(self):
        rules = "Name the section of the package. " + "Answer with one word, as the catalogue has it. " * 150
        return [{"custom_id": f"doc-{i}", "method": "POST", "url": "/v1/responses",
                 "body": {"model": "gpt-6-luna", "max_output_tokens": 64,
                          "input": [{"role": "system", "content": rules},
                                    {"role": "user", "content": f"package {i}: a program that greets"}]}}
                for i in range(COUNT)]

    def test_ready_lines_by_each_route(self):
        records = self.ready_lines()
        source = self.write("ready.jsonl", records)
        for route in ("sync", "batch"):
            with self.subTest(route=route):
                self.run_job(route, "openAI", MODEL, source, [], [record["custom_id"] for record in records])

    def test_one_endpoint_a_file(self):
        records = self.ready_lines()
        records[3]["url"] = "/v1/chat/completions"
        source = self.write("mixed.jsonl", records)
        with harness.Simulator() as simulator:
            job = harness.Job(self.folder, simulator, "openAI", source, "--strict", model=MODEL)
            outcome = job.run()
            self.assertEqual(outcome.code, 2)
            self.assertIn("/v1/responses", outcome.err)
            self.assertEqual(job.bill(), [])

    def test_what_cannot_be_said_is_refused(self):
        ready = self.write("ready.jsonl", self.ready_lines())
        background = self.write("background.jsonl", [
            {"custom_id": "a", "method": "POST", "url": "/v1/responses",
             "body": {"model": "gpt-6-luna", "input": "Hello", "background": True}}])
        with harness.Simulator() as simulator:
            for provider, model, source, word in (
                    ("groq", "groq/openai/gpt-oss-20b", ready, "responses"),
                    ("anthropic", "anthropic/claude-sonnet-5", ready, "responses"),
                    ("openAI", MODEL, background, "background")):
                with self.subTest(provider=provider, word=word):
                    job = harness.Job(self.folder, simulator, provider, source, model=model)
                    outcome = job.run("--strict")
                    self.assertEqual(outcome.code, 2)
                    self.assertIn(word, outcome.err)
                    self.assertEqual(job.bill(), [])
            source, named, _ = documents.write_job(self, 3)
            job = harness.Job(self.folder, simulator, "openAI", source, *named, "--set", "api=assistants", model=MODEL)
            self.assert_one_line_error(job.run(), 2, "api", "chat or responses")


if __name__ == "__main__":
    unittest.main()
