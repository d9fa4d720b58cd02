"""`weir providers`: the matrix, and whether a provider is ready."""

import json
import unittest

import harness

FOURTEEN = {"anthropic", "openAI", "gemini", "azureOpenAI", "bedrock", "vertexAI", "cohere", "fireworks", "groq",
            "mistral", "ollama", "together", "xai", "openAICompatible"}


class Providers(harness.CliTest):
    def run_weir(self, *arguments, **variables):
        return harness.weir("providers", *arguments, environment=harness.environment_with(**variables))

    def test_the_matrix_names_all_of_them(self):
        outcome = self.run_weir()
        self.assert_code(outcome, 0)
        self.assertEqual({line.split()[0] for line in outcome.out.splitlines()[1:]}, FOURTEEN)

    def test_json_says_what_a_batch_costs(self):
        rows = {row["provider"]: row for row in json.loads(self.run_weir("--json").out)}
        self.assertEqual(set(rows), FOURTEEN)
        self.assertEqual(rows["anthropic"]["batch"]["price_percentage"], 50)
        self.assertEqual(rows["anthropic"]["batch"]["requests_max"], 100_000)
        self.assertEqual(rows["anthropic"]["batch"]["cached_tokens"], "both discounts")
        self.assertEqual(rows["anthropic"]["cache"], "breakpoints")
        self.assertEqual(rows["openAI"]["key_variable"], "OPENAI_API_KEY")

    def test_check_says_whether_the_key_is_there(self):
        without = self.run_weir("check", "anthropic")
        self.assert_code(without, 2)
        self.assertIn("ANTHROPIC_API_KEY is not set", without.out)
        with_key = self.run_weir("check", "ANTHROPIC", ANTHROPIC_API_KEY="secret-words")
        self.assert_code(with_key, 0)
        self.assertIn("ANTHROPIC_API_KEY is set", with_key.out)
        self.assertNotIn("secret-words", with_key.out + with_key.err)

    def test_check_of_what_is_no_provider(self):
        outcome = self.run_weir("check", "opnai")
        self.assert_code(outcome, 2)
        self.assertIn("'opnai' is no provider", outcome.err)

    def test_send_asks_once_and_says_what_it_cost(self):
        with harness.Simulator() as simulator:
            outcome = self.run_weir("check", "openAI", "--send", "--model", "gpt-5.4-nano", "--endpoint",
                                    simulator.endpoint("openAI"), OPENAI_API_KEY="tiny")
            self.assert_code(outcome, 0)
            self.assertRegex(outcome.out, r"openAI/gpt-5.4-nano answers: \d+ input and \d+ output tokens, 0\.\d+")
            self.assertEqual(len(simulator.bill("tiny")), 1)
            refused = self.run_weir("check", "openAI", "--send", "--model", "gpt-5.4-nano", "--endpoint",
                                    simulator.endpoint("openAI"), OPENAI_API_KEY="invalid-key")
            self.assert_code(refused, 2)


if __name__ == "__main__":
    unittest.main()
