"""Prices of the user's own: taken over from the community file, used by a job for its whole life, and noticed when they are old."""

import decimal
import json
import os
import subprocess
import unittest

import documents
import harness

COUNT = 20
MODEL = "openAI/gpt-5.4-nano"


class Prices(harness.CliTest):
    def write_community_file(self, dollars_in, dollars_out):
        return self.write("community.json", {"gpt-5.4-nano": {
            "litellm_provider": "openai", "mode": "chat", "input_cost_per_token": dollars_in / 1e6,
            "output_cost_per_token": dollars_out / 1e6, "cache_read_input_token_cost": dollars_in / 1e7}})

    def imported(self):
        community = self.write_community_file(2.0, 12.5)
        output = self.folder / "prices.json"
        self.assert_code(harness.weir("prices", "import", community, "-o", output), 0)
        return output

    def test_models_are_listed_at_them(self):
        prices = self.imported()
        row = next(line for line in harness.weir("models", "--prices", prices).out.splitlines() if line.startswith(MODEL + " "))
        self.assertIn("2.00", row)
        self.assertIn("12.50", row)

    def test_a_reader_that_went_away_is_no_crash(self):
        read, write = os.pipe()
        os.close(read)
        with os.fdopen(write, "wb") as nobody:
            outcome = subprocess.run([harness.PROGRAM, "models"], stdout=nobody, stderr=subprocess.PIPE, timeout=60, check=False)
        self.assertEqual((outcome.returncode, outcome.stderr), (141, b""))

    def test_a_job_keeps_them_for_its_life(self):
        prices = self.imported()
        source, named, records = documents.write_job(self, COUNT)
        with harness.Simulator() as simulator:
            job = harness.Job(self.folder, simulator, "openAI", source, *named, "--route", "sync", "--prices", prices, "--no-cache")
            self.assert_code(job.run(), 0)
            self.assert_answered_once(job, [record["id"] for record in records])
            bill = job.bill()
            tokens = {kind: sum(row["tokens"].get(kind, 0) for row in bill) for kind in ("input", "cache_read", "output")}
            spent = (tokens["input"] * decimal.Decimal(2) + tokens["cache_read"] * decimal.Decimal("0.2")
                     + tokens["output"] * decimal.Decimal("12.5")) / 1_000_000
            self.assertEqual(decimal.Decimal(job.report()["cost"]["spent_usd"]), spent)
            # The file may go: the job has its own. Another one is refused.
            text = job.report_text()
            prices.unlink()
            self.assertEqual(job.report_text(), text)
            self.write_community_file(3.0, 15.0)
            other = self.folder / "other.json"
            self.assert_code(harness.weir("prices", "import", self.folder / "community.json", "-o", other), 0)
            job.command = [other if part == prices else part for part in job.command]
            outcome = job.run()
            self.assert_one_line_error(outcome, 2, "--prices", "not what the job began with", "--restart")

    def test_the_configuration_names_them(self):
        prices = self.imported()
        config = self.write("weir.yaml", "prices: prices.json\nllm: [{provider: openAI, configuration: {model: gpt-5.4-nano, apiKey: any}}]\n")
        self.assert_code(harness.weir("config", "check", config), 0)
        source, named, _ = documents.write_job(self, COUNT)
        with harness.Simulator() as simulator:
            job = harness.Job(self.folder, simulator, "openAI", source, *named, "--route", "sync", "--config", config, "--no-cache")
            self.assert_code(job.run(), 0)
            tokens = {kind: sum(row["tokens"].get(kind, 0) for row in job.bill()) for kind in ("input", "cache_read", "output")}
            spent = (tokens["input"] * decimal.Decimal(2) + tokens["cache_read"] * decimal.Decimal("0.2")
                     + tokens["output"] * decimal.Decimal("12.5")) / 1_000_000
            self.assertEqual(decimal.Decimal(job.report()["cost"]["spent_usd"]), spent)
            # Others in the meantime: a job that has begun keeps its own.
            prices.write_bytes(prices.read_bytes().replace(b"12.5", b"15"))
            self.assert_code(job.run(), 0)
            self.assertEqual(decimal.Decimal(job.report()["cost"]["spent_usd"]), spent)
            prices.unlink()
            for outcome in (harness.weir("config", "check", config), harness.weir("config", "show", config)):
                self.assert_one_line_error(outcome, 2, "weir.yaml:1", "prices: ", str(prices))
            job = harness.Job(self.folder / "again", simulator, "openAI", source, *named, "--config", config)
            self.assert_one_line_error(job.run(), 2, "weir.yaml:1", "prices: ", str(prices))

    def test_what_is_wrong_with_them_is_said(self):
        source, named, _ = documents.write_job(self, 2)
        broken = self.write("prices.json", b'{"prices":[{"provider":"openAI","model":"gpt-5.4-nano","sync":{"input":"x"}}]}')
        with harness.Simulator() as simulator:
            job = harness.Job(self.folder, simulator, "openAI", source, *named, "--prices", broken)
            self.assert_one_line_error(job.run(), 2, str(broken), "openAI/gpt-5.4-nano")
            missing = harness.Job(self.folder, simulator, "openAI", source, *named, "--prices", self.folder / "nowhere.json")
            self.assert_one_line_error(missing.run(), 2, "nowhere.json")
            self.assertEqual(job.bill() + missing.bill(), [])

    def test_old_ones_are_noticed(self):
        source, named, _ = documents.write_job(self, 2)
        row = {"provider": "openAI", "model": "gpt-5.4-nano", "sync": {"input": "0.20", "output": "1.25"}, "source": "a bill"}
        with harness.Simulator() as simulator:
            for as_of, noticed in (("2025-11-23", True), ("2026-11-20", False)):
                with self.subTest(as_of=as_of):
                    prices = self.write(f"{as_of}.json", {"prices": [{**row, "as_of": as_of}]})
                    job = harness.Job(self.folder, simulator, "openAI", source, *named, "--route", "sync", "--prices", prices)
                    outcome = job.run()
                    self.assert_code(outcome, 0)
                    self.assertEqual("were read on" in outcome.err, noticed, outcome.err)
                    self.assertEqual(json.loads(job.output.with_name(job.output.name + ".weir").joinpath("prices.json").read_text())
                                     ["prices"][0]["as_of"], as_of)


if __name__ == "__main__":
    unittest.main()
