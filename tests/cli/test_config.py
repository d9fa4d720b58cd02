"""`weir config`: schema, show and check, as a user calls them."""

import json
import os
import unittest

from harness import CliTest, environment_with, weir

GOOD = """\
llm:
  - provider: anthropic
    configuration:
      model: claude-sonnet-5
      apiKey: ${MY_KEY}
      batchingEnabled: true
  - provider: ollama
    configuration: {model: llama3, endpoint: "http://127.0.0.1:11434"}
"""


def environment(**variables):
    """An environment without variables that a configuration reads."""
    base = {name: value for name, value in environment_with(**variables).items()
            if name in variables or not name.startswith(("LLM_", "AWS_"))}
    return base


class ConfigTest(CliTest):
    def config(self, *arguments, **variables):
        return weir("config", *arguments, environment=environment(**variables))

    def values(self, *arguments, **variables):
        """What `show --json` says, by key."""
        outcome = self.config("show", *arguments, "--json", **variables)
        self.assert_code(outcome, 0)
        return {value["key"]: value for value in json.loads(outcome.out)["values"]}

    def test_schema_is_json_schema(self):
        outcome = self.config("schema")
        self.assert_code(outcome, 0)
        schema = json.loads(outcome.out)
        self.assertEqual(schema["$schema"], "https://json-schema.org/draft/2020-12/schema")
        self.assertEqual(set(schema["properties"]), {"llm", "embedding", "optimization", "workloads", "observe", "prices"})
        entry = schema["properties"]["llm"]["items"]["properties"]
        self.assertEqual(len(entry["provider"]["enum"]), 14)

        def described(node):
            for name, key in node.get("properties", {}).items():
                self.assertTrue(key["description"], name)
                described(key.get("items", key))
        described(schema)

    def test_check_fine(self):
        outcome = self.config("check", self.write("weir.yaml", GOOD), MY_KEY="sk-1")
        self.assert_code(outcome, 0)
        self.assertIn("weir.yaml: fine\n", outcome.out)
        self.assertEqual(outcome.err, "")

    def test_check_warns_and_is_fine(self):
        path = self.write("weir.yaml", GOOD.replace("llama3,", "llama3, batchingEnabled: true,"))
        outcome = self.config("check", path, MY_KEY="sk-1")
        self.assert_code(outcome, 0)
        self.assertIn("weir.yaml: fine, with 1 warning\n", outcome.out)
        self.assertEqual(outcome.err.count("\n"), 1)
        self.assertIn(f"weir: warning: {path}:8:53: 'batchingEnabled' is switched off: ollama has no batch API (",
                      outcome.err)

    def test_check_tells_every_error(self):
        path = self.write("weir.yaml", GOOD.replace("batchingEnabled: true", "batchingEnabeld: true"))
        outcome = self.config("check", path)
        self.assert_code(outcome, 2)
        self.assertEqual(outcome.out, "")
        self.assertEqual(outcome.err.splitlines(), [
            f"weir: {path}:5:15: 'apiKey' names the environment variable MY_KEY, which is not set "
            "(set it, or write ${NAME} of one that is set)",
            f"weir: {path}:6:7: unknown key 'batchingEnabeld' (did you mean 'batchingEnabled'?)"])

    def test_files_that_cannot_be_read(self):
        for path in (self.folder / "none.yaml", self.folder):
            outcome = self.config("check", path)
            self.assert_code(outcome, 2)
            self.assertIn(str(path), outcome.err)

    def test_show_says_where_from(self):
        path = self.write("weir.yaml", GOOD)
        values = self.values(path, "--set", "optimization.logLevel=DEBUG", "--set",
                             "configuration.trackCosts=false", MY_KEY="sk-hidden", LLM_BATCH_MAX_SIZE="7")
        model = values["llm[0].configuration.model"]
        self.assertEqual((model["value"], model["origin"], model["name"], model["line"], model["column"]),
                         ("claude-sonnet-5", "file", str(path), 4, 14))
        size = values["optimization.defaultBatchSize"]
        self.assertEqual((size["value"], size["origin"], size["name"]), (7, "environment", "LLM_BATCH_MAX_SIZE"))
        level = values["optimization.logLevel"]
        self.assertEqual((level["value"], level["origin"], level["name"]), ("DEBUG", "flag", "--set"))
        for entry in (0, 1):
            self.assertIs(values[f"llm[{entry}].configuration.trackCosts"]["value"], False)
        self.assertEqual(values["llm[0].configuration.batchMaxSize"],
                         {"key": "llm[0].configuration.batchMaxSize", "value": 10000, "origin": "built-in"})

    def test_show_for_people(self):
        path = self.write("weir.yaml", GOOD)
        outcome = self.config("show", path, MY_KEY="sk-hidden")
        self.assert_code(outcome, 0)
        self.assertRegex(outcome.out, r"(?m)^llm\[0\]\.configuration\.apiKey +\*\*\*\* +\S+weir\.yaml:5$")
        self.assertRegex(outcome.out, r"(?m)^observe +false +built-in$")

    def test_secrets_are_masked(self):
        path = self.write("weir.json", {"llm": [
            {"provider": "bedrock", "configuration": {
                "model": "m", "region": "eu-1", "apiKey": "sk-hidden", "awsAccessKeyId": "hidden",
                "awsAccessSecretKey": "hidden", "awsSessionToken": "hidden"}},
            {"provider": "vertexAI", "configuration": {
                "model": "m", "project": "p", "serviceAccountJson": "{\"private_key\":\"hidden\"}"}},
            {"provider": "xai", "configuration": {"model": "m"}}]})
        for more in ([], ["--json"]):
            outcome = self.config("show", path, *more, XAI_API_KEY="xai-hidden")
            self.assert_code(outcome, 0)
            self.assertNotIn("hidden", outcome.out + outcome.err)

    def test_show_without_a_file(self):
        values = self.values(LLM_METRICS_ENABLED="false")
        self.assertIs(values["optimization.enableMetrics"]["value"], False)
        self.assertEqual(values["workloads[0].cacheTTL"]["value"], 3600)

    def test_false_variables_win(self):
        path = self.write("weir.yaml", GOOD)
        values = self.values(path, "--set", "configuration.batchingEnabled=true", MY_KEY="sk",
                             LLM_BATCHING_ENABLED="false")
        self.assertIs(values["llm[0].configuration.batchingEnabled"]["value"], False)
        self.assertEqual(values["llm[0].configuration.batchingEnabled"]["name"], "LLM_BATCHING_ENABLED")

    def test_wrong_commands(self):
        for arguments in (["check"], ["shw"], [], ["show", "--set", "observe"], ["show", "--set", "nothing=1"]):
            outcome = self.config(*arguments)
            self.assert_code(outcome, 2)
            self.assertEqual(outcome.err.count("\n"), 1, outcome.err)

    def test_the_documented_example(self):
        page = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "configuration.md")
        with open(page, encoding="utf-8") as file:
            example = file.read().split("```yaml\n")[1].split("```")[0]
        outcome = self.config("check", self.write("weir.yaml", example), ANTHROPIC_KEY_OF_TEAM="sk")
        self.assert_code(outcome, 0)
        self.assertEqual(outcome.err, "")


if __name__ == "__main__":
    unittest.main()
