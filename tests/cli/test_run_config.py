"""`weir run --config`: what the command line leaves open comes from the configuration and its variables."""

import json
import pathlib
import shutil
import unittest

import documents
import harness

COUNT = 250


class RunConfig(harness.CliTest):
    def setUp(self):
        super().setUp()
        self.source, self.named, self.documents = documents.write_job(self, COUNT)

    def simulator(self, **options):
        simulator = harness.Simulator(**options)
        self.addCleanup(simulator.close)
        return simulator

    def config(self, *lines, provider="anthropic", model="claude-sonnet-5", endpoint=None, rest=""):
        """A file with one entry; `lines` are further keys of its configuration, `rest` stands behind it."""
        keys = [f"model: {model}", *lines]
        if endpoint:
            keys.append(f"endpoint: {endpoint}")
        text = f"llm:\n  - provider: {provider}\n    configuration:\n" + "".join(f"      {key}\n" for key in keys)
        return self.write("weir.yaml", text + rest)

    def run_with(self, *arguments, **variables):
        """`weir run` of the documents, in an environment with these variables alone."""
        environment = {name: value for name, value in harness.environment_with(**variables).items()
                       if name in variables or not name.startswith("LLM_")}
        return harness.weir("run", self.source, *self.named, *arguments, environment=environment)

    def plan(self, *arguments, **variables):
        """What a dry run decides."""
        outcome = self.run_with("--dry-run", "--json", *arguments, **variables)
        self.assert_code(outcome, 0)
        event = outcome.events()[-1]
        return event["route"], event["batches"], " is marked: " in event["cache_reason"].split("no shared")[0], outcome.err

    def kept(self, output):
        """The options that the job's folder keeps, by name."""
        text = pathlib.Path(f"{output}.weir/command.json").read_text(encoding="utf-8")
        return {option["name"]: option["values"] for option in json.loads(text)["options"]}, text

    # --- A whole job

    def test_the_file_alone_is_enough(self):
        simulator = self.simulator()
        config = self.config("apiKey: secret-of-the-file", "batchingEnabled: true", "batchMaxSize: 100",
                             "batchPollIntervalSeconds: 20", "cachingEnabled: true", "cacheTTL: 3600",
                             "optimizationStrategy: both", endpoint=simulator.endpoint("anthropic"),
                             rest="workloads:\n  - name: nightly\n    deadline: 20h\n    budget: {usd: 25}\n    retries: 2\n")
        output = self.folder / "answers.jsonl"
        outcome = self.run_with("--config", config, "--workload", "nightly", "-o", output, "--clock",
                                f"sim:{simulator.url}")
        self.assert_code(outcome, 0)
        job = harness.Job(self.folder, simulator, "anthropic", self.source, key="secret-of-the-file")
        job.output = output
        self.assert_answered_once(job, [document["id"] for document in self.documents])
        ledger = self.assert_ledger_equals_bill(job)
        self.assertGreaterEqual(len({entry["batch"] for entry in ledger}), 3)
        self.assertNotIn(0, {entry["batch"] for entry in ledger})
        self.assertGreater(sum(row["tokens"].get("cache_write_1h", 0) for row in job.bill()), 0)
        kept, text = self.kept(output)
        self.assertNotIn("secret", text)
        self.assertEqual(
            {name: kept.get(name) for name in ("--model", "--route", "--batch-size-max", "--batch-poll", "--cache-ttl",
                                               "--deadline", "--spend-max", "--workload", "--breakpoints-max",
                                               "--retries")},
            {"--model": ["anthropic/claude-sonnet-5"], "--route": ["batch"], "--batch-size-max": ["100"],
             "--batch-poll": ["20s"], "--cache-ttl": ["3600s"], "--deadline": ["72000s"], "--spend-max": ["25.00"],
             "--workload": ["nightly"], "--breakpoints-max": ["4"], "--retries": ["2"]})

    def test_a_job_goes_on_as_it_began_whatever_the_file_says_now(self):
        simulator = self.simulator()
        endpoint = simulator.endpoint("anthropic")
        config = self.config("apiKey: secret-of-the-file", "cachingEnabled: true", endpoint=endpoint,
                             rest="workloads:\n  - name: brief\n    budget: {usd: 0.05}\n")
        output = self.folder / "answers.jsonl"
        first = self.run_with("--config", config, "--workload", "brief", "-o", output, "--clock",
                              f"sim:{simulator.url}")
        self.assert_code(first, 4)
        self.assertIn("--spend-max 0.05", first.err)
        # Another default model, another route, another address, no workload: the key is all that is still read.
        self.config("apiKey: secret-of-the-file", "batchingEnabled: true", "optimizationStrategy: batch_only",
                    model="claude-opus-5, claude-sonnet-5", endpoint="http://127.0.0.1:9")
        outcome = harness.weir("job", "resume", output, "--spend-max", "100")
        self.assert_code(outcome, 0)
        job = harness.Job(self.folder, simulator, "anthropic", self.source, key="secret-of-the-file")
        job.output = output
        self.assert_answered_once(job, [document["id"] for document in self.documents])
        ledger = self.assert_ledger_equals_bill(job)
        self.assertEqual({entry["batch"] for entry in ledger}, {0})
        self.assertEqual({row["model"] for row in job.bill()}, {"claude-sonnet-5"})

    def test_a_resumed_job_tells_what_is_wrong_with_its_file(self):
        simulator = self.simulator()
        config = self.config("apiKey: secret-of-the-file", endpoint=simulator.endpoint("anthropic"))
        output = self.folder / "answers.jsonl"
        self.assert_code(self.run_with("--config", config, "-o", output, "--clock", f"sim:{simulator.url}",
                                       "--spend-max", "0.05"), 4)
        self.config("apiKei: secret-of-the-file")
        outcome = harness.weir("job", "resume", output, "--spend-max", "100")
        self.assert_one_line_error(outcome, 2, f"{config}:5:7: unknown key 'apiKei'", "did you mean 'apiKey'?")
        shutil.move(config, self.folder / "away.yaml")
        self.assert_one_line_error(harness.weir("job", "resume", output), 2, config)

    def test_a_refused_key_is_told_with_its_place(self):
        simulator = self.simulator()
        config = self.config("apiKey: invalid-secret", endpoint=simulator.endpoint("anthropic"))
        outcome = self.run_with("--config", config, "-o", self.folder / "answers.jsonl", "--clock",
                                f"sim:{simulator.url}")
        self.assert_one_line_error(outcome, 2, "401", f"check {config}:5")
        self.assertNotIn("secret", outcome.err)

    def test_a_workload_says_how_often_an_item_is_tried(self):
        simulator = self.simulator(faults=[{"match": {"operation": "sync"}, "fault": {"kind": "status", "code": 500}}])
        config = self.config("apiKey: key-of-retries", endpoint=simulator.endpoint("anthropic"),
                             rest="workloads:\n  - {name: once, retries: 0}\n  - {name: thrice, retries: 2}\n")
        for workload, attempts in (("once", 1), ("thrice", 3)):
            output = self.folder / f"{workload}.jsonl"
            outcome = self.run_with("--config", config, "--workload", workload, "--limit", "2", "-o", output, "--clock",
                                    f"sim:{simulator.url}")
            self.assert_code(outcome, 3)
            job = harness.Job(self.folder, simulator, "anthropic", self.source)
            job.output = output
            self.assertEqual({line["attempts"] for line in job.lines()}, {attempts})

    # --- Which value holds

    def test_without_configuration_it_acts_as_auto(self):
        model = ("--model", "anthropic/claude-sonnet-5")
        self.assertEqual(self.plan(*model), ("batch", 1, True, ""))
        self.assertEqual(self.plan(*model, LLM_BATCHING_ENABLED="true", LLM_CACHING_ENABLED="1"),
                         ("batch", 1, True, ""))
        self.assertEqual(self.plan(*model, LLM_BATCHING_ENABLED="false")[0], "sync")
        self.assertEqual(self.plan(*model, LLM_OPTIMIZATION_STRATEGY="cache_only")[0], "sync")
        self.assertEqual(self.plan(*model, LLM_OPTIMIZATION_STRATEGY="disabled")[0::2], ("sync", False))
        self.assertEqual(self.plan(*model, LLM_CACHING_ENABLED="off")[2], False)
        self.assertEqual(self.plan(*model, LLM_CACHE_MIN_TOKENS="1000000")[2], False)

    def test_flag_over_environment_over_file(self):
        off = self.config("batchingEnabled: false", "cachingEnabled: false")
        self.assertEqual(self.plan("--config", off), ("sync", 0, False, ""))
        self.assertEqual(self.plan("--config", off, LLM_BATCHING_ENABLED="true")[0], "batch")
        self.assertEqual(self.plan("--config", off, "--route", "batch")[:2], ("batch", 1))
        self.assertEqual(self.plan("--config", off, "--no-cache=false")[2], True)
        on = self.config("batchingEnabled: true", "cachingEnabled: true", "optimizationStrategy: both",
                         "batchMaxSize: 100")
        self.assertEqual(self.plan("--config", on)[:3], ("batch", 3, True))
        self.assertEqual(self.plan("--config", on, "--batch-size-max", "50")[1], 6)
        self.assertEqual(self.plan("--config", on, "--route", "sync")[0], "sync")
        self.assertEqual(self.plan("--config", on, LLM_OPTIMIZATION_STRATEGY="cache_only")[0], "sync")
        self.assertEqual(self.plan("--config", on, "--model", "anthropic/claude-opus-5")[0], "batch")

    def test_false_variables_win_over_flags(self):
        model = ("--model", "anthropic/claude-sonnet-5")
        route, _, cached, told = self.plan(*model, "--route", "batch", LLM_BATCHING_ENABLED="false")
        self.assertEqual((route, cached), ("sync", True))
        self.assertEqual(told, "weir: warning: LLM_BATCHING_ENABLED=false wins over --route batch\n")
        config = self.config("batchingEnabled: true", "cachingEnabled: true", "optimizationStrategy: both")
        off = {"LLM_CACHING_ENABLED": "false", "LLM_BATCHING_ENABLED": "no"}
        route, _, cached, told = self.plan("--config", config, "--no-cache=false", **off)
        self.assertEqual((route, cached), ("sync", False))
        self.assertIn(f"weir: warning: {config}:7:29: strategy both wants batches, but batchingEnabled is false", told)
        self.assertIn("weir: warning: LLM_CACHING_ENABLED=false wins over --no-cache=false\n", told)
        self.assertEqual(self.plan("--config", config, "--quiet", **off)[3], "")

    def test_workloads_narrow(self):
        config = self.config(
            "batchingEnabled: true", "cachingEnabled: true", "optimizationStrategy: both", rest="workloads:\n"
            "  - {name: now, route: sync}\n  - {name: watched, observe: true}\n  - {name: plain, strategy: batch_only}\n"
            "  - {name: half, rollout: 50, retries: 2}\n")
        self.assertEqual(self.plan("--config", config, "--workload", "now")[0::2], ("sync", True))
        self.assertEqual(self.plan("--config", config, "--workload", "watched")[0::2], ("sync", False))
        self.assertEqual(self.plan("--config", config, "--workload", "plain")[0::2], ("batch", False))
        self.assertEqual(self.plan("--config", config, "--workload", "now", "--route", "batch")[0], "batch")
        route, _, _, told = self.plan("--config", config, "--workload", "half")
        self.assertEqual(route, "batch")
        self.assertEqual(told, f"weir: warning: {config}:12:27: 'rollout' has no effect on weir run: all items of a "
                               "job go the same way\n")
        self.assertEqual(self.plan("--model", "anthropic/claude-sonnet-5", "--workload", "domain-extraction")[0],
                         "batch")

    # --- What is wrong

    def refused(self, *arguments, words, **variables):
        outcome = self.run_with("-o", self.folder / "answers.jsonl", *arguments, **variables)
        self.assert_one_line_error(outcome, 2, *words)
        self.assertFalse((self.folder / "answers.jsonl.weir").exists())

    def test_errors_name_place_and_fix(self):
        config = self.config("batchingEnabeld: true", "cacheTTL: soon")
        self.refused("--config", config, words=[
            f"{config}:5:7: unknown key 'batchingEnabeld' (did you mean 'batchingEnabled'?; weir config check {config} "
            "tells all 2 errors)"])
        self.refused("--config", self.folder / "none.yaml", words=["none.yaml"])
        self.refused("--config", self.write("empty.yaml", ""), words=["empty.yaml: 'llm' names no model", "--model"])
        self.refused("--config", self.config(model="claude-sonet-5"),
                     words=[f"{config}:4:14: ", "claude-sonet-5", "claude-sonnet-5"])
        self.refused("--config", self.config("temperature: 0.5"),
                     words=[f"{config}:5:20: claude-sonnet-5 takes no temperature", "leave 'temperature' out"])
        self.refused("--config", self.config(provider="cohere", model="command-a"),
                     words=[f"{config}:", "cohere has no model 'command-a'"])
        self.refused("--config", self.config(), "--model", "openAI/gpt-5.4-nano",
                     words=["weir.yaml: 'llm' has no entry of openAI (add one"])
        self.refused("--config", self.config(rest="workloads:\n  - name: nightly\n"), "--workload", "nightli",
                     words=["weir.yaml: no workload 'nightli' (did you mean 'nightly'?)"])
        self.refused("--model", "anthropic/claude-sonnet-5", "--workload", "nothing", words=["no workload 'nothing'"])
        self.refused("--model", "anthropic/claude-sonnet-5", LLM_BATCHING_ENABLED="perhaps",
                     words=["LLM_BATCHING_ENABLED: 'batchingEnabled' wants true or false"])
        self.refused(words=["no model (give --model PROVIDER/MODEL, or --config FILE"])

    def test_the_configuration_is_not_written_over(self):
        config = self.config()
        outcome = self.run_with("--config", config, "-o", config, "--restart", ANTHROPIC_API_KEY="key")
        self.assert_one_line_error(outcome, 2, "is the configuration as well")
        self.assertIn("claude-sonnet-5", config.read_text(encoding="utf-8"))


if __name__ == "__main__":
    unittest.main()
