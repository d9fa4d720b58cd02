"""`weir prices cost`: what a usage costs, by flags and by lines."""

import json
import pathlib
import unittest

import harness


class Cost(harness.CliTest):
    def cost(self, *arguments):
        return harness.weir("prices", "cost", *arguments)

    def test_every_bucket_has_its_flag(self):
        outcome = self.cost("anthropic/claude-sonnet-5", "--input", "7", "--cache-read", "1000", "--cache-write-5m", "10",
                            "--cache-write-1h", "100", "--output", "3", "--json")
        self.assert_code(outcome, 0)
        answer = json.loads(outcome.out)
        self.assertEqual((answer["cost_usd"], answer["baseline_usd"]), ("0.000669", "0.002264"))
        batch = self.cost("anthropic/claude-sonnet-5", "--input", "1000", "--route", "batch")
        self.assertTrue(batch.out.startswith("$0.001 "), batch.out)

    def test_the_time_decides_the_price(self):
        for at, cost in (("2026-12-31T23:59:59Z", "0.75"), ("2027-01-01T00:00:00Z", "1.50")):
            outcome = self.cost("gemini/gemini-3.8-flash", "--input", "1000000", "--at", at, "--json")
            self.assertEqual(json.loads(outcome.out)["cost_usd"], cost)

    def test_many_usages_as_lines(self):
        path = pathlib.Path(self.folder, "usages.jsonl")
        path.write_text('{"model":"openAI/gpt-5-mini","input":1000000}\n'
                        '{"model":"openAI/gpt-5-mini","route":"batch","cache_read":1000000,"output":1000}\n')
        outcome = self.cost("--lines", str(path))
        self.assert_code(outcome, 0)
        self.assertEqual([json.loads(line)["cost_usd"] for line in outcome.out.splitlines()], ["0.25", "0.0135"])

    def test_what_is_wrong_is_told_with_its_line(self):
        path = pathlib.Path(self.folder, "usages.jsonl")
        good = '{"model":"openAI/gpt-5-mini","input":1}\n'
        for line, words in (('{"model":"openAI/gpt-5-mini","inptu":1}', "'inptu' is not known"),
                            ('{"model":"openAI/gpt-5-mini","input":-1}', "input is no number from 0 to 1000000000"),
                            ('{"model":"openAI/gpt-5-mini","at":"today"}', "'today' is no time"),
                            ('{"model":"xai/grok-4.7","route":"batch"}', "xai/grok-4.7 has no batches"),
                            ('{"model":"openAI/gpt-5-mini","route":"bus"}', "'bus' is no route"),
                            ("[]", "not a JSON object")):
            path.write_text(good + line + "\n")
            outcome = self.cost("--lines", str(path))
            self.assert_code(outcome, 2)
            self.assertIn("line 2: " + words, outcome.err)
        self.assert_code(self.cost(), 2)
        self.assert_code(self.cost("openAI/gpt-5-mini", "--input", "-1"), 2)
        self.assertIn("gpt-5-mini", self.cost("openAI/gpt-5-minni", "--input", "1").err)


if __name__ == "__main__":
    unittest.main()
