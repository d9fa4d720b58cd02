// The official `@anthropic-ai/sdk`: its error classes, and what it tries again by itself.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { OverloadedError } from '@anthropic-ai/sdk/error';
import { Simulator, brokeOff, collect, errorOf } from './support/simulator.js';

const request = {
  model: 'claude-sonnet-5',
  max_tokens: 100,
  messages: [{ role: 'user', content: 'Hello there' }],
};
const clientOf = (simulator, options) =>
  new Anthropic({ apiKey: 'sk-ant-errors', baseURL: simulator.anthropic, ...options });

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
      (by) => by.messages.create(request),
      (by) => by.models.list(),
      (by) => by.messages.batches.list(),
    ]) {
      const error = await errorOf(call(clientOf(simulator, { apiKey: 'invalid-key' })));
      assert.ok(error instanceof Anthropic.AuthenticationError, error);
      assert.equal(error.status, 401);
      assert.equal(error.type, 'authentication_error');
      assert.match(error.requestID, /^req_/);
      assert.equal(error.error.request_id, error.requestID);
      assert.doesNotMatch(error.message, /invalid-key/);
    }
  });

  test('an unknown model', async () => {
    const error = await errorOf(client.messages.create({ ...request, model: 'claude-none' }));
    assert.ok(error instanceof Anthropic.NotFoundError);
    assert.equal(error.status, 404);
    assert.equal(error.type, 'not_found_error');
    assert.match(error.apiMessage, /claude-none/);
    assert.match(error.requestID, /^req_/);
  });

  const marked = (text) => ({ type: 'text', text, cache_control: { type: 'ephemeral' } });
  const lived = (ttl) => ({ ...marked(ttl), cache_control: { type: 'ephemeral', ttl } });
  for (const [name, change, message] of [
    ['max_tokens missing', { max_tokens: undefined }, /max_tokens: Field required/],
    ['max_tokens too large', { max_tokens: 1_000_000 }, /max_tokens/],
    ['no messages', { messages: [] }, /messages/],
    ['an assistant first', { messages: [{ role: 'assistant', content: 'x' }] }, /user/],
    ['an empty text', { messages: [{ role: 'user', content: '' }] }, /non-empty/],
    ['5 cache_control', { system: [1, 2, 3, 4, 5].map((i) => marked(`${i}`)) }, /maximum of 4 .*Found 5/],
    ['an hour behind 5 minutes', { system: [lived('5m'), lived('1h')] }, /ttl/],
    ['a life that does not exist', { system: [lived('2h')] }, /ttl/],
    ['a format that does not exist', { output_config: { format: { type: 'xml' } } }, /format/],
    ['a tool that is not there', { tool_choice: { type: 'tool', name: 'x' } }, /tool_choice/],
  ]) {
    test(`bad request: ${name}`, async () => {
      // With a time-out the SDK leaves the check of max_tokens to the provider.
      const call = client.messages.create({ ...request, ...change }, { timeout: 10_000 });
      const error = await errorOf(call);
      assert.ok(error instanceof Anthropic.BadRequestError, error);
      assert.equal(error.status, 400);
      assert.equal(error.type, 'invalid_request_error');
      assert.match(error.apiMessage, message);
      assert.match(error.requestID, /^req_/);
    });
  }

  test('a bad request for a stream', async () => {
    const stream = client.messages.stream({ ...request, messages: [] });
    const error = await errorOf(stream.finalMessage());
    assert.ok(error instanceof Anthropic.BadRequestError, error);
  });

  test('anthropic-version is required, and the SDK sends one', async () => {
    const bare = clientOf(simulator, { defaultHeaders: { 'anthropic-version': null } });
    for (const call of [() => bare.messages.create(request), () => bare.models.list()]) {
      const error = await errorOf(call());
      assert.ok(error instanceof Anthropic.BadRequestError, error);
      assert.match(error.apiMessage, /anthropic-version/);
    }
    const old = clientOf(simulator, { defaultHeaders: { 'anthropic-version': '2023-06-01' } });
    assert.ok((await old.models.list()).data.length > 0);
    assert.ok((await client.models.list()).data.length > 0);
  });

  test('a path that does not exist', async () => {
    const error = await errorOf(client.get('/v1/nothing'));
    assert.ok(error instanceof Anthropic.NotFoundError);
    assert.equal(error.type, 'not_found_error');
  });

  test('nothing of that is billed', async () => {
    assert.deepEqual(await simulator.bill('sk-ant-errors'), []);
  });
});

describe('faults', () => {
  const rule = (fault, match = {}) => ({ match: { operation: 'messages', ...match }, fault });

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
    playing([rule({ kind: 'rate_limited', retry_after: 1 }, { nth: 1 })], async (simulator) => {
      const begin = performance.now();
      const message = await clientOf(simulator).messages.create(request);
      const waited = performance.now() - begin;
      assert.equal(message.stop_reason, 'end_turn');
      // Its own choice for a first retry is at most 0.5 s.
      assert.ok(waited >= 990, `${waited} ms`);
      assert.equal((await simulator.bill('sk-ant-errors')).length, 1);
    }));

  test('429 without retries', () =>
    playing([rule({ kind: 'rate_limited', retry_after: 7 })], async (simulator) => {
      const client = clientOf(simulator, { maxRetries: 0 });
      const error = await errorOf(client.messages.create(request));
      assert.ok(error instanceof Anthropic.RateLimitError);
      assert.equal(error.type, 'rate_limit_error');
      assert.equal(error.headers.get('retry-after'), '7');
      assert.equal(error.errorCode, null);
      assert.deepEqual(await simulator.bill('sk-ant-errors'), []);
    }));

  test('429 at the spend limit says so, and names no time', () =>
    playing(
      [rule({ kind: 'status', code: 429, type: 'enforced_spend_limit_reached' })],
      async (simulator) => {
        const client = clientOf(simulator, { maxRetries: 0 });
        const error = await errorOf(client.messages.create(request));
        assert.ok(error instanceof Anthropic.RateLimitError);
        assert.equal(error.errorCode, 'enforced_spend_limit_reached');
        assert.equal(error.headers.get('retry-after'), null);
      },
    ));

  test('500, then an answer', () =>
    playing([rule({ kind: 'status', code: 500 }, { nth: 1 })], async (simulator) => {
      const message = await clientOf(simulator).messages.create(request);
      assert.equal(message.stop_reason, 'end_turn');
      assert.equal((await simulator.bill('sk-ant-errors')).length, 1);
    }));

  test('500 and 529 without retries', () =>
    playing(
      [rule({ kind: 'status', code: 500 }, { nth: 1 }), rule('overloaded', { nth: 2 })],
      async (simulator) => {
        const client = clientOf(simulator, { maxRetries: 0 });
        for (const [status, type] of [
          [500, 'api_error'],
          [529, 'overloaded_error'],
        ]) {
          const error = await errorOf(client.messages.create(request));
          assert.ok(error instanceof Anthropic.InternalServerError, error);
          assert.equal(error instanceof OverloadedError, status === 529);
          assert.equal(error.status, status);
          assert.equal(error.type, type);
          assert.match(error.requestID, /^req_/);
        }
      },
    ));

  test('no answer: the SDK gives up in time; accepted is billed, not accepted is not', () =>
    playing(
      [rule('timeout_before_accept', { nth: 1 }), rule('timeout_after_accept', { nth: 2 })],
      async (simulator) => {
        const client = clientOf(simulator, { maxRetries: 0, timeout: 300 });
        for (const billed of [0, 1]) {
          const error = await errorOf(client.messages.create(request));
          assert.ok(error instanceof Anthropic.APIConnectionTimeoutError, error);
          assert.equal((await simulator.bill('sk-ant-errors')).length, billed);
        }
      },
    ));

  test('a connection closed before any byte, then an answer', () =>
    playing([rule('reset', { nth: 1 }), rule('reset', { nth: 3 })], async (simulator) => {
      const message = await clientOf(simulator).messages.create(request);
      assert.equal(message.stop_reason, 'end_turn');
      const client = clientOf(simulator, { maxRetries: 0 });
      const error = await errorOf(client.messages.create(request));
      assert.ok(error instanceof Anthropic.APIConnectionError, error);
    }));

  test('a stream that breaks off is an error, not an end', () =>
    playing([rule({ kind: 'cut_body', after_bytes: 900 })], async (simulator) => {
      const client = clientOf(simulator, { maxRetries: 0 });
      const error = await errorOf(collect(await client.messages.create({ ...request, stream: true })));
      assert.ok(brokeOff(error), error);
      const helper = client.messages.stream(request);
      await errorOf(helper.finalMessage());
      assert.equal(helper.errored, true);
      const bill = await simulator.bill('sk-ant-errors');
      assert.deepEqual(bill.map((row) => row.delivered), [false, false]);
    }));

  test('too many requests a minute', async () => {
    const simulator = await Simulator.start({ timeScale: 1, requestsPerMinute: 2 });
    try {
      const client = clientOf(simulator, { maxRetries: 0 });
      let error;
      // Three in one minute: should a minute turn, a few more.
      for (let i = 0; i < 6 && !error; ++i)
        await client.messages.create(request).catch((caught) => (error = caught));
      assert.ok(error instanceof Anthropic.RateLimitError, error);
      assert.equal(error.headers.get('anthropic-ratelimit-requests-limit'), '2');
      assert.equal(error.headers.get('anthropic-ratelimit-requests-remaining'), '0');
      const wait = Number(error.headers.get('retry-after'));
      assert.ok(wait >= 1 && wait <= 60, `${wait} s`);
    } finally {
      await simulator.stop();
    }
  });
});
