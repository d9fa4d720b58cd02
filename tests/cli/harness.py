"""What the end-to-end tests share: a simulator, a job, and the comparison of its ledger with the bill.

The program under test is named by the environment variable WEIR_PROGRAM. Every job has a key of its own,
and so an account and a bill of its own: jobs of different tests share a simulator without seeing each other.
"""

import contextlib
import dataclasses
import itertools
import json
import os
import pathlib
import re
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request

PROGRAM = os.environ.get("WEIR_PROGRAM", "build/release/bin/weir")
# Prices and models are dated: virtual time begins on a fixed day, whatever the day of the test.
EPOCH = "2026-11-23T00:00:00Z"
SECONDS_MAX = 120
KEY_VARIABLES = {
    "openAI": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "gemini": "GOOGLE_API_KEY",
    "vertexAI": "GOOGLE_OAUTH_ACCESS_TOKEN",
    "groq": "GROQ_API_KEY",
    "together": "TOGETHER_API_KEY",
    "azureOpenAI": "AZURE_OPENAI_API_KEY",
    "xai": "XAI_API_KEY",
    "ollama": "OLLAMA_API_KEY",
    "mistral": "MISTRAL_API_KEY",
    "fireworks": "FIREWORKS_API_KEY",
    "bedrock": "AWS_ACCESS_KEY_ID",
    "cohere": "COHERE_API_KEY",
    "openAICompatible": None,  # none: a key comes from a file
}
MODELS = {"openAI": "openAI/gpt-5.4-nano", "anthropic": "anthropic/claude-sonnet-5"}
# Of the providers that only test_matrix and test_every_provider run.
OTHER_MODELS = {
    "gemini": "gemini/gemini-2.5-flash",
    "vertexAI": "vertexAI/gemini-2.5-flash",
    "groq": "groq/openai/gpt-oss-20b",
    "together": "together/openai/gpt-oss-20b",
    "azureOpenAI": "azureOpenAI/gpt-5.4-mini",
    "xai": "xai/grok-4.3",
    "ollama": "ollama/llama3.2",
    "mistral": "mistral/mistral-small-2603",
    "fireworks": "fireworks/accounts/fireworks/models/gpt-oss-20b",
    "bedrock": "bedrock/anthropic.claude-sonnet-5",
    "cohere": "cohere/command-r7b-12-2024",
    "openAICompatible": "openAICompatible/deepseek-chat",
}
HAS_BATCHES = {provider: provider not in ("ollama", "openAICompatible") for provider in (*MODELS, *OTHER_MODELS)}
# Fewer items are no batch.
BATCH_MIN = {"bedrock": 100}
# Whose batches cannot be told a schema: such jobs have none.
SCHEMALESS = {"cohere"}

# What `weir run` has to be told besides.
OPTIONS = {
    "fireworks": ["--set", "accountId=acme"],
    "bedrock": ["--set", "region=us-east-1", "--set", "bucket=s3://jobs/weir",
                "--set", "role=arn:aws:iam::123456789012:role/batch"],
    "vertexAI": ["--set", "project=shop", "--set", "bucket=gs://pail/weir"],
}
# Keys of several parts: the other variables that belong to a key. The simulator's secrets follow from their ids.
MORE_VARIABLES = {"bedrock": lambda key: {"AWS_SECRET_ACCESS_KEY": f"secret-of-{key}"}}

# Outcomes as the ledger stores them.
BILLED, UNKNOWN = 0, 1
ANSWER, CONTENT_WRITE, CONTENT_STORE = 0, 1, 2
AGGREGATE_BATCH = 2
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
_numbers = itertools.count(1)


def base36(value):
    """The digits of a custom_id's sequence number."""
    digits = ""
    while True:
        value, digit = divmod(value, 36)
        digits = _BASE36[digit] + digits
        if value == 0:
            return digits


class Simulator:
    """`weir sim` on a free port, as long as the context lasts."""

    def __init__(self, seed=1, time_scale=600, batch_hit_rate=0.9, faults=None, options=()):
        self._folder = tempfile.TemporaryDirectory(prefix="weir-sim-")
        command = [PROGRAM, "sim", "--listen", "127.0.0.1:0", "--epoch", EPOCH, "--seed", str(seed),
                   "--time-scale", str(time_scale), "--batch-hit-rate", str(batch_hit_rate), *options]
        if faults is not None:
            path = pathlib.Path(self._folder.name, "faults.json")
            path.write_text(json.dumps(faults), encoding="utf-8")
            command += ["--faults", str(path)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        first_line = self._process.stdout.readline()
        found = re.search(r"http://[0-9.:]+", first_line)
        if found is None:
            self.close()
            raise RuntimeError(f"weir sim did not tell its address: {first_line!r}")
        self.url = found.group()
        self.base_paths = json.loads(self._get("/_sim/health"))["base_paths"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Stops the process; calling it again does nothing."""
        self._process.terminate()
        self._process.wait(timeout=10)
        self._process.stdout.close()
        self._folder.cleanup()

    def endpoint(self, provider):
        """The provider's base URL."""
        return self.url + self.base_paths[provider]

    def bill(self, key):
        """The rows billed to the account of this key."""
        text = self._get("/_sim/bill?format=jsonl", {"authorization": f"Bearer {key}"})
        return [json.loads(line) for line in text.splitlines()]

    def state(self):
        """What is stored and running, of all accounts."""
        return json.loads(self._get("/_sim/state"))

    def _get(self, path, headers=None):
        request = urllib.request.Request(self.url + path, headers=headers or {})
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.read().decode("utf-8")


@dataclasses.dataclass
class Outcome:
    """How a process ended."""

    code: int  # negative: the signal that killed it
    out: str
    err: str
    peak_kb: int  # resident memory
    seconds: float

    def events(self):
        """The JSON lines of --json."""
        return [json.loads(line) for line in self.out.splitlines()]


class Process:
    """A running weir with its outputs in files, so that no pipe can fill up."""

    def __init__(self, arguments, environment, stdin=None, user=None):
        if user is not None:  # a program built for coverage could not write its profile, and says so on standard error
            environment = {**environment, "LLVM_PROFILE_FILE": os.devnull}
        self._out = tempfile.TemporaryFile()
        self._err = tempfile.TemporaryFile()
        self._started = time.monotonic()
        self._popen = subprocess.Popen([PROGRAM, *map(str, arguments)], env=environment,
                                       stdin=stdin or subprocess.DEVNULL, stdout=self._out, stderr=self._err,
                                       user=user)
        self.pid = self._popen.pid

    def send(self, number):
        """Sends a signal, if the process still runs."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def running(self):
        """Whether it has not ended yet; wait() still has to be called."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def wait(self, seconds_max=SECONDS_MAX):
        """Awaits the end; a process that takes too long is killed, and fails the test."""
        late = threading.Timer(seconds_max, self.send, [signal.SIGKILL])
        late.start()
        _, status, usage = os.wait4(self.pid, 0)
        expired = not late.is_alive()
        late.cancel()
        self._popen.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - self._started
        outcome = Outcome(self._popen.returncode, _text(self._out), _text(self._err), usage.ru_maxrss, seconds)
        if expired:
            raise AssertionError(f"weir did not end in {seconds_max} s\n{outcome.out[-2000:]}\n{outcome.err[-2000:]}")
        return outcome


def _text(file):
    file.seek(0)
    with file:
        return file.read().decode("utf-8")


def environment_with(**variables):
    """The environment of a child: no key of the caller's, whatever is set here."""
    out = {name: value for name, value in os.environ.items() if not name.endswith(("_API_KEY", "_ACCESS_TOKEN"))}
    out.update(variables)
    return out


def weir(*arguments, environment=None):
    """Runs a command to its end."""
    return Process(arguments, environment or environment_with()).wait()


class Job:
    """One output of `weir run`, and the command that makes it."""

    def __init__(self, folder, simulator, provider, source, *options, model=None, key=None):
        number = next(_numbers)
        self.provider = provider
        self.simulator = simulator
        self.key = key or f"key-{os.getpid()}-{number}"
        self.output = pathlib.Path(folder, f"answers-{number}.jsonl")
        variable = KEY_VARIABLES[provider]
        more = MORE_VARIABLES.get(provider, lambda key: {})(self.key)
        self.environment = environment_with(**({variable: self.key} if variable else {}), **more)
        if not variable:
            key_file = pathlib.Path(folder, f"key-{number}")
            key_file.write_text(self.key, encoding="utf-8")
            options = (*options, "--key-file", key_file)
        self.command = ["run", source, "--model", model or {**MODELS, **OTHER_MODELS}[provider],
                        "--output", self.output,
                        "--endpoint", simulator.endpoint(provider), "--clock", f"sim:{simulator.url}",
                        *OPTIONS.get(provider, []), *options]

    def start(self, *more, stdin=None, user=None):
        """The same command, with further options, in the background."""
        return Process([*self.command, *more], self.environment, stdin, user)

    def run(self, *more, stdin=None):
        """The same command, with further options, to its end."""
        return self.start(*more, stdin=stdin).wait()

    def lines(self):
        """The output: one object an item, in input order."""
        with open(self.output, encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def report(self):
        """The receipt as JSON."""
        return json.loads(self._report("--json"))

    def report_text(self):
        """The receipt for people."""
        return self._report()

    def _report(self, *options):
        outcome = weir("report", self.output, *options)
        if outcome.code != 0:
            raise AssertionError(f"weir report ended with {outcome.code}: {outcome.err}")
        return outcome.out

    def bill(self):
        """The provider's rows for this job's key."""
        return self.simulator.bill(self.key)

    def ledger(self):
        """Ledger entries as dicts with `attempt_id`, `unknown` and `pico` (cost, or ceiling)."""
        path = f"file:{self.output}.weir/store.sqlite?mode=ro"
        with contextlib.closing(sqlite3.connect(path, uri=True)) as store:
            prefixes = {}
            for number, state in store.execute("SELECT number, state FROM aggregate WHERE kind = ?",
                                               [AGGREGATE_BATCH]):
                prefixes[number] = "w" + json.loads(state)["id"][-16:] + "-"
            return [{"attempt_id": prefixes[batch] + base36(sequence) if batch
                     else attempt + ("-storage" if kind == CONTENT_STORE else ""),
                     "batch": batch, "item": item, "unknown": outcome == UNKNOWN, "kind": kind,
                     "answered": bool(answered), "pico": cost}
                    for batch, sequence, attempt, item, outcome, answered, cost, kind in store.execute(
                        "SELECT batch, sequence, attempt, item, outcome, answered, cost, kind FROM ledger")]


class CliTest(unittest.TestCase):
    """A test with a folder of its own and the checks that every job has to pass."""

    maxDiff = 4000

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="weir-cli-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def write(self, name, content):
        """A file in the test's folder. Lists become JSON lines, dicts JSON."""
        path = self.folder / name
        if isinstance(content, list):
            content = "".join(json.dumps(record) + "\n" for record in content)
        elif isinstance(content, dict):
            content = json.dumps(content)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    def assert_code(self, outcome, code):
        """The exit code, with what the process said when it is another."""
        self.assertEqual(outcome.code, code, f"\nstdout: {outcome.out[-2000:]}\nstderr: {outcome.err[-2000:]}")

    def assert_one_line_error(self, outcome, code, *words):
        """Exactly one line on stderr, from weir, with all of `words`, and nothing on stdout."""
        self.assert_code(outcome, code)
        self.assertRegex(outcome.err, r"\Aweir: [^\n]+\n\Z")
        for word in words:
            self.assertIn(str(word), outcome.err)
        self.assertEqual(outcome.out, "")

    def assert_ledger_equals_bill(self, job, lost_rows=False):
        """Every bill row has exactly one entry with its attempt id: known ones are equal to the pico-dollar, unknown
        ones cover theirs, and on the batch route none stays unknown.

        @param lost_rows the provider spoilt or kept back rows that it bills. Spoilt ones may stay unknown; of those
               kept back nobody can know before a reconciliation: they alone may be missing, and the receipt says so.
        """
        ledger, bill = job.ledger(), job.bill()
        entries = {entry["attempt_id"]: entry for entry in ledger}
        billed = {row["attempt_id"]: row for row in bill}
        self.assertEqual(len(entries), len(ledger), "an attempt id stands twice in the ledger")
        self.assertEqual(len(billed), len(bill), "an attempt id stands twice in the bill")
        missing = [row for attempt_id, row in billed.items() if attempt_id not in entries]
        if lost_rows:
            self.assertFalse(any(row["delivered"] for row in missing), missing)
            self.assertEqual("NOT equal to the ledger" in job.report_text(), bool(missing))
        else:
            self.assertEqual(missing, [], "billed, but not in the ledger")
            self.assertEqual([entry for entry in ledger if entry["unknown"] and entry["batch"]], [])
        wrong = []
        for attempt_id, entry in entries.items():
            pico = billed[attempt_id]["pico_usd"] if attempt_id in billed else 0
            if entry["pico"] < pico or (entry["pico"] != pico and not entry["unknown"]):
                wrong.append((entry, pico))
        self.assertEqual(wrong, [], "the ledger says other than the bill")
        return ledger

    def assert_answered_once(self, job, ids):
        """One line an item, in input order, each with an answer, and one answered ledger entry each."""
        lines = job.lines()
        self.assertEqual([line["id"] for line in lines], list(ids))
        self.assertEqual([line["id"] for line in lines if "answer" not in line], [])
        answered = [entry["item"] for entry in job.ledger() if entry["answered"]]
        self.assertEqual(sorted(answered), list(range(len(lines))))

    def assert_nothing_sent(self, job):
        """The provider has seen no request that could cost: no bill, no batch, no file."""
        self.assertEqual(job.bill(), [])
        state = job.simulator.state()
        for provider in job.simulator.base_paths:
            self.assertEqual([value for value in state[provider].values() if value != 0], [], state)
