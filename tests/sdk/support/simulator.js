// Starts `weir sim` as a user would and stops it again. Its port is read from what it prints.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const program =
  process.env.WEIR ?? fileURLToPath(new URL('../../../build/release/bin/weir', import.meta.url));
const START_MS_MAX = 20_000;
const STOP_MS_MAX = 5_000;
const WAIT_MS_MAX = 30_000;

const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A running simulator. Every test file has its own; tests of faults start one each. */
export class Simulator {
  /**
   * @param {object} [options]
   * @param {number} [options.timeScale] virtual seconds in a real one. At 60 a 5-minute cache lives
   *   for 5 real seconds; at 600 a batch ends within a second or two.
   * @param {number} [options.batchHitRate] 1: every row that can read a cache does.
   * @param {{url: string, secret: string}} [options.webhook] is told of batches that end.
   * @param {object[]} [options.faults] rules, see src/sim/README.md.
   */
  static async start({ timeScale = 60, seed = 7, batchHitRate = 1, faults, requestsPerMinute, webhook } = {}) {
    const folder = await mkdtemp(join(tmpdir(), 'weir-sdk-'));
    const flags = ['sim', '--listen', '127.0.0.1:0', '--seed', seed, '--time-scale', timeScale];
    flags.push('--batch-hit-rate', batchHitRate);
    if (requestsPerMinute) flags.push('--requests-per-minute', requestsPerMinute);
    if (webhook) flags.push('--webhook', webhook.url, '--webhook-secret', webhook.secret);
    if (faults) {
      flags.push('--faults', join(folder, 'faults.json'));
      await writeFile(join(folder, 'faults.json'), JSON.stringify(faults));
    }
    const child = spawn(program, flags.map(String), { stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(child);
    const simulator = new Simulator(child, folder);
    try {
      simulator.url = await simulator.#printedUrl();
      simulator.#timeScale = timeScale;
      simulator.#startedAt = Date.now();
    } catch (error) {
      child.kill('SIGKILL');
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
    return simulator;
  }

  #child;
  #folder;
  #complaints = '';
  #timeScale;
  #startedAt;
  #ended;

  constructor(child, folder) {
    this.#child = child;
    this.#folder = folder;
    this.#ended = new Promise((resolve) => {
      child.once('error', (error) => resolve({ error }));
      child.once('exit', (code, signal) => {
        running.delete(child);
        resolve({ code, signal });
      });
    });
    child.stderr.setEncoding('utf8').on('data', (text) => (this.#complaints += text));
  }

  async #printedUrl() {
    let printed = '';
    const found = new Promise((resolve) => {
      this.#child.stdout.setEncoding('utf8').on('data', (text) => {
        printed += text;
        const line = /listens on (http:\/\/\S+)/.exec(printed);
        if (line) resolve(line[1]);
      });
    });
    const limit = new AbortController();
    const outcome = await Promise.race([
      found,
      this.#ended,
      sleep(START_MS_MAX, { error: new Error('it said nothing in time') }, { signal: limit.signal }),
    ]);
    limit.abort();
    if (typeof outcome === 'string') return outcome;
    throw new Error(
      `${program} sim did not start: ${outcome.error?.message ?? `it ended with ${outcome.code ?? outcome.signal}`} ${this.#complaints}`,
    );
  }

  /** Base URLs, as the SDKs want them. */
  get openAI() {
    return `${this.url}/openAI/v1`;
  }
  get anthropic() {
    return `${this.url}/anthropic`;
  }

  /** Another provider's base URL, by the path that its SDK puts its own behind. */
  at(path) {
    return this.url + path;
  }

  async #own(path, key) {
    const headers = key ? { authorization: `Bearer ${key}` } : {};
    const response = await fetch(`${this.url}/_sim/${path}`, { headers });
    assert.equal(response.status, 200, path);
    return response.text();
  }

  /** The billed rows of the account behind a key. */
  async bill(key) {
    const text = await this.#own('bill?format=jsonl', key);
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  }
  async state() {
    return JSON.parse(await this.#own('state'));
  }
  /** By how many milliseconds virtual time is ahead of ours by now, about. */
  ahead() {
    return (Date.now() - this.#startedAt) * (this.#timeScale - 1);
  }
  /** Virtual time, in milliseconds. */
  async now() {
    return Date.parse((await this.state()).now);
  }
  async waitUntil(virtualMs) {
    await until(async () => (await this.now()) >= virtualMs);
  }

  /** Ends the program and expects it to end well. */
  async stop() {
    if (running.has(this.#child)) this.#child.kill('SIGTERM');
    const limit = new AbortController();
    const outcome = await Promise.race([
      this.#ended,
      sleep(STOP_MS_MAX, { late: true }, { signal: limit.signal }),
    ]);
    limit.abort();
    if (outcome.late) this.#child.kill('SIGKILL');
    await rm(this.#folder, { recursive: true, force: true });
    assert.deepEqual(outcome, { code: 0, signal: null }, 'weir sim ended badly');
    assert.equal(this.#complaints, '');
  }
}

/** Asks again and again until the answer is truthy, and returns it. */
export async function until(ask, { pause = 40, max = WAIT_MS_MAX } = {}) {
  const end = Date.now() + max;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error('waited too long');
    await sleep(pause);
  }
}

/** All that an async iterable yields. */
export async function collect(iterable) {
  const all = [];
  for await (const item of iterable) all.push(item);
  return all;
}

/** The error that a call ends with; it is an error that there is none. */
export async function errorOf(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new assert.AssertionError({ message: 'the call succeeded, and should not have' });
}

/** Whether a body broke off: fetch says so in its own words, whatever the socket said. */
export const brokeOff = (error) => error instanceof TypeError && error.message === 'terminated';
