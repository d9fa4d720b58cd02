// The official `openai` SDK: its error classes, and what it tries again by itself.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import OpenAI from 'openai';
import { Simulator, brokeOff, collect, errorOf } from './support/simulator.js';

const request = { model: 'gpt-5-mini', messages: [{ role: 'user', content: 'Hello there' }] };
const clientOf = (simulator, options) =>
  new OpenAI({ apiKey: 'sk-errors', baseURL: simulator.openAI, ...options });

describe('refusals', () => {
  let simulator;
  let client;
  before(async () => {
    simulator = await Simulator.start({ timeScale: 600 });
    client = clientOf(simulator);
  });
  after(() => simulator?.stop());

  test('a wrong key', async () => {
    for (const call of [
      (by) => by.chat.completions.create(request),
      (by) => by.models.list(),
      (by) => by.batches.list(),
    ]) {
      const error = await errorOf(call(clientOf(simulator, { apiKey: 'invalid-key' })));
      assert.ok(error instanceof OpenAI.AuthenticationError, error);
      assert.equal(error.status, 401);
      assert.equal(error.code, 'invalid_api_key');
      assert.match(error.requestID, /^req_/);
      assert.doesNotMatch(error.message, /invalid-key/);
    }
  });

  test('an unknown model', async () => {
    const error = await errorOf(client.chat.completions.create({ ...request, model: 'gpt-0' }));
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.equal(error.code, 'model_not_found');
    assert.equal(error.type, 'invalid_request_error');
    assert.match(error.message, /^404 .*gpt-0/);
    assert.match(error.requestID, /^req_/);
  });

  test('bad requests name the parameter', async () => {
    for (const [param, change] of [
      ['messages', { messages: [] }],
      ['messages', { messages: undefined }],
      ['model', { model: undefined }],
      ['messages[0].role', { messages: [{ role: 'nobody', content: 'x' }] }],
      ['max_completion_tokens', { max_completion_tokens: 0 }],
      ['n', { n: 100 }],
      ['response_format.json_schema.name', { response_format: { type: 'json_schema', json_schema: {} } }],
    ]) {
      const error = await errorOf(client.chat.completions.create({ ...request, ...change }));
      assert.ok(error instanceof OpenAI.BadRequestError, `${param}: ${error}`);
      assert.equal(error.status, 400);
      assert.equal(error.param, param);
      assert.equal(error.type, 'invalid_request_error');
    }
  });

  test('a bad request for a stream', async () => {
    const error = await errorOf(
      client.chat.completions.create({ ...request, messages: [], stream: true }),
    );
    assert.ok(error instanceof OpenAI.BadRequestError);
  });

  test('a path that does not exist', async () => {
    const error = await errorOf(client.get('/nothing'));
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.match(error.message, /Invalid URL/);
  });

  test('nothing of that is billed', async () => {
    assert.deepEqual(await simulator.bill('sk-errors'), []);
  });
});

describe('faults', () => {
  const chat = (fault, match = {}) => ({ match: { operation: 'chat', ...match }, fault });

  /** Runs with a simulator of its own that plays these faults. */
  async function playing(faults, run) {
    const simulator = await Simulator.start({ faults });
    try {
      await run(simulator);
    } finally {
      await simulator.stop();
    }
  }

  test('429: the SDK waits as told and tries again', () =>
    playing([chat({ kind: 'rate_limited', retry_after: 1 }, { nth: 1 })], async (simulator) => {
      const begin = performance.now();
      const completion = await clientOf(simulator).chat.completions.create(request);
      const waited = performance.now() - begin;
      assert.equal(completion.choices[0].finish_reason, 'stop');
      // Its own choice for a first retry is at most 0.5 s.
      assert.ok(waited >= 990, `${waited} ms`);
      assert.equal((await simulator.bill('sk-errors')).length, 1);
    }));

  test('429 without retries', () =>
    playing([chat({ kind: 'rate_limited', retry_after: 7 })], async (simulator) => {
      const client = clientOf(simulator, { maxRetries: 0 });
      const error = await errorOf(client.chat.completions.create(request));
      assert.ok(error instanceof OpenAI.RateLimitError);
      assert.equal(error.status, 429);
      assert.equal(error.code, 'rate_limit_exceeded');
      assert.equal(error.headers.get('retry-after'), '7');
      assert.deepEqual(await simulator.bill('sk-errors'), []);
    }));

  test('429 for want of quota', () =>
    playing([chat({ kind: 'status', code: 429, type: 'insufficient_quota' })], async (simulator) => {
      const client = clientOf(simulator, { maxRetries: 0 });
      const error = await errorOf(client.chat.completions.create(request));
      assert.ok(error instanceof OpenAI.RateLimitError);
      assert.equal(error.code, 'insufficient_quota');
      assert.equal(error.type, 'insufficient_quota');
      assert.equal(error.headers.get('retry-after'), null);
    }));

  test('500, then an answer', () =>
    playing([chat({ kind: 'status', code: 500 }, { nth: 1 })], async (simulator) => {
      const completion = await clientOf(simulator).chat.completions.create(request);
      assert.equal(completion.choices[0].finish_reason, 'stop');
      assert.equal((await simulator.bill('sk-errors')).length, 1);
    }));

  test('500 and overloaded without retries', () =>
    playing(
      [chat({ kind: 'status', code: 500 }, { nth: 1 }), chat('overloaded', { nth: 2 })],
      async (simulator) => {
        const client = clientOf(simulator, { maxRetries: 0 });
        for (const status of [500, 503]) {
          const error = await errorOf(client.chat.completions.create(request));
          assert.ok(error instanceof OpenAI.InternalServerError, error);
          assert.equal(error.status, status);
          assert.equal(error.type, 'server_error');
          assert.match(error.requestID, /^req_/);
        }
      },
    ));

  test('no answer: the SDK gives up in time; accepted is billed, not accepted is not', () =>
    playing(
      [chat('timeout_before_accept', { nth: 1 }), chat('timeout_after_accept', { nth: 2 })],
      async (simulator) => {
        const client = clientOf(simulator, { maxRetries: 0, timeout: 300 });
        for (const billed of [0, 1]) {
          const error = await errorOf(client.chat.completions.create(request));
          assert.ok(error instanceof OpenAI.APIConnectionTimeoutError, error);
          assert.equal((await simulator.bill('sk-errors')).length, billed);
        }
      },
    ));

  test('a connection closed before any byte, then an answer', () =>
    playing([chat('reset', { nth: 1 }), chat('reset', { nth: 3 })], async (simulator) => {
      const completion = await clientOf(simulator).chat.completions.create(request);
      assert.equal(completion.choices[0].finish_reason, 'stop');
      const client = clientOf(simulator, { maxRetries: 0 });
      const error = await errorOf(client.chat.completions.create(request));
      assert.ok(error instanceof OpenAI.APIConnectionError, error);
    }));

  test('an answer that breaks off, and one that is half', () =>
    playing([chat('cut_body', { nth: 1 }), chat('truncate', { nth: 2 })], async (simulator) => {
      const client = clientOf(simulator, { maxRetries: 0 });
      const cut = await errorOf(client.chat.completions.create(request));
      assert.ok(brokeOff(cut), cut);
      const half = await errorOf(client.chat.completions.create(request));
      assert.ok(half instanceof SyntaxError, half);
      const bill = await simulator.bill('sk-errors');
      assert.deepEqual(bill.map((row) => row.delivered), [false, false]);
    }));

  test('a stream that breaks off is an error, not an end', () =>
    playing([chat({ kind: 'cut_body', after_bytes: 600 })], async (simulator) => {
      const client = clientOf(simulator, { maxRetries: 0 });
      const stream = await client.chat.completions.create({ ...request, stream: true });
      const error = await errorOf(collect(stream));
      assert.ok(brokeOff(error), error);
      const helper = client.chat.completions.stream(request);
      await errorOf(helper.finalChatCompletion());
      assert.equal(helper.errored, true);
    }));

  test('too many requests a minute', async () => {
    const simulator = await Simulator.start({ timeScale: 1, requestsPerMinute: 2 });
    try {
      const client = clientOf(simulator, { maxRetries: 0 });
      let error;
      // Three in one minute: should a minute turn, a few more.
      for (let i = 0; i < 6 && !error; ++i)
        await client.chat.completions.create(request).catch((caught) => (error = caught));
      assert.ok(error instanceof OpenAI.RateLimitError, error);
      assert.equal(error.headers.get('x-ratelimit-limit-requests'), '2');
      assert.equal(error.headers.get('x-ratelimit-remaining-requests'), '0');
      const wait = Number(error.headers.get('retry-after'));
      assert.ok(wait >= 1 && wait <= 60, `${wait} s`);
    } finally {
      await simulator.stop();
    }
  });
});
