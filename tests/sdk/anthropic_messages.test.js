// The official `@anthropic-ai/sdk`: models, messages, token counts, structured output, streams, caching.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { jsonSchemaOutputFormat } from '@anthropic-ai/sdk/helpers/json-schema';
import { answerSchema, documents, instructions } from './support/documents.js';
import { Simulator, collect, errorOf } from './support/simulator.js';

let simulator;
let client;
const clientOf = (apiKey, at = simulator) =>
  new Anthropic({ apiKey, baseURL: at.anthropic, maxRetries: 0 });

before(async () => {
  simulator = await Simulator.start();
  client = clientOf('sk-ant-messages');
});
after(() => simulator?.stop());

const model = 'claude-sonnet-5';
const requestOf = (document, more = {}) => ({
  model,
  max_tokens: 400,
  system: instructions,
  messages: [{ role: 'user', content: document.text }],
  ...more,
});
const format = jsonSchemaOutputFormat(answerSchema);
const tool = { name: 'file_under', description: 'Files a document', input_schema: answerSchema };
const forced = { tools: [tool], tool_choice: { type: 'tool', name: 'file_under' } };

describe('models', () => {
  test('list, to the last page', async () => {
    const models = await collect(client.models.list());
    const ids = models.map((info) => info.id);
    assert.ok(ids.includes('claude-sonnet-5') && ids.includes('claude-opus-5'), ids.join());
    assert.equal(new Set(ids).size, ids.length);
    for (const info of models) {
      assert.equal(info.type, 'model');
      assert.ok(info.display_name.length > 0);
      assert.ok(Date.parse(info.created_at) > 0, info.created_at);
    }
  });

  test('retrieve', async () => {
    const info = await client.models.retrieve(model);
    assert.equal(info.id, model);
    assert.equal(info.max_input_tokens, 1_000_000);
    assert.equal(info.max_tokens, 128_000);
  });

  test('retrieve one that does not exist', async () => {
    const error = await errorOf(client.models.retrieve('claude-none'));
    assert.ok(error instanceof Anthropic.NotFoundError);
    assert.equal(error.type, 'not_found_error');
    assert.match(error.apiMessage, /claude-none/);
  });
});

describe('messages', () => {
  test('an answer with its usage', async () => {
    const message = await client.messages.create(requestOf(documents[0]));
    assert.match(message.id, /^msg_/);
    assert.equal(message.type, 'message');
    assert.equal(message.role, 'assistant');
    assert.equal(message.model, model);
    assert.equal(message.stop_reason, 'end_turn');
    assert.equal(message.stop_sequence, null);
    assert.equal(message.content.length, 1);
    assert.equal(message.content[0].type, 'text');
    assert.match(message.content[0].text, /gnuchess/);
    const { usage } = message;
    assert.ok(usage.input_tokens > 1024, `${usage.input_tokens} tokens`);
    assert.ok(usage.output_tokens > 0);
    assert.equal(usage.cache_creation_input_tokens, 0);
    assert.equal(usage.cache_read_input_tokens, 0);
    assert.equal(usage.service_tier, 'standard');
  });

  test('request id and headers', async () => {
    const { data, response, request_id } = await client.messages
      .create(requestOf(documents[0]))
      .withResponse();
    assert.match(request_id, /^req_/);
    assert.equal(data._request_id, request_id);
    assert.equal(response.headers.get('request-id'), request_id);
    assert.match(response.headers.get('anthropic-organization-id'), /^org_/);
    assert.ok(Number(response.headers.get('anthropic-ratelimit-requests-remaining')) > 0);
    assert.ok(Date.parse(response.headers.get('anthropic-ratelimit-requests-reset')) > 0);
    assert.match(response.headers.get('x-weir-simulated'), /not a language model/);
  });

  test('the bill carries the id that the caller gave', async () => {
    const key = 'sk-ant-billed';
    const message = await clientOf(key).messages.create(requestOf(documents[0]), {
      headers: { 'X-Client-Request-Id': 'attempt-1' },
    });
    const bill = await simulator.bill(key);
    assert.equal(bill.length, 1);
    assert.equal(bill[0].attempt_id, 'attempt-1');
    assert.equal(bill[0].delivered, true);
    assert.equal(bill[0].tokens.input, message.usage.input_tokens);
    assert.equal(bill[0].tokens.output, message.usage.output_tokens);
  });

  test('the key as x-api-key is the same account as the key as bearer token', async () => {
    const apiKey = 'sk-ant-two-ways';
    const { response } = await clientOf(apiKey).models.list().withResponse();
    const old = new Anthropic({
      apiKey,
      baseURL: simulator.anthropic,
      defaultHeaders: { authorization: null, 'x-api-key': apiKey },
    });
    const other = await old.models.list().withResponse();
    const header = 'anthropic-organization-id';
    assert.equal(other.response.headers.get(header), response.headers.get(header));
  });

  test('an answer cut by its limit', async () => {
    const message = await client.messages.create(requestOf(documents[0], { max_tokens: 3 }));
    assert.equal(message.stop_reason, 'max_tokens');
    assert.equal(message.usage.output_tokens, 3);
  });

  test('a forced tool call', async () => {
    const message = await client.messages.create(requestOf(documents[1], forced));
    assert.equal(message.stop_reason, 'tool_use');
    const [block] = message.content;
    assert.equal(block.type, 'tool_use');
    assert.match(block.id, /^toolu_/);
    assert.equal(block.name, 'file_under');
    assert.equal(block.input.section, 'editors');
  });

  test('countTokens() says what create() then bills', async () => {
    const { max_tokens: _, ...question } = requestOf(documents[0]);
    const { input_tokens } = await client.messages.countTokens(question);
    const message = await client.messages.create(requestOf(documents[0]));
    assert.equal(input_tokens, message.usage.input_tokens);
    const key = 'sk-ant-counts';
    await clientOf(key).messages.countTokens(question);
    assert.deepEqual(await simulator.bill(key), []);
  });
});

describe('structured output', () => {
  test('JSON as the schema asks', async () => {
    const message = await client.messages.create(
      requestOf(documents[2], {
        output_config: { format: { type: 'json_schema', schema: answerSchema } },
      }),
    );
    const answer = JSON.parse(message.content[0].text);
    assert.deepEqual(Object.keys(answer).sort(), ['confidence', 'section', 'summary']);
    assert.equal(answer.section, 'mail');
    assert.equal(typeof answer.confidence, 'number');
  });

  test('parse(): every document in its section', async () => {
    for (const document of documents) {
      const message = await client.messages.parse(requestOf(document, { output_config: { format } }));
      assert.equal(message.parsed_output.section, document.section);
      assert.ok(message.parsed_output.summary.length > 0);
    }
  });
});

describe('streams', () => {
  test('events in their order', async () => {
    const whole = await client.messages.create(requestOf(documents[0]));
    const stream = await client.messages.create(requestOf(documents[0], { stream: true }));
    const events = await collect(stream);
    const types = events.map((event) => event.type).filter((type) => type !== 'ping');
    const deltas = types.filter((type) => type === 'content_block_delta').length;
    assert.ok(deltas > 1);
    assert.deepEqual(types, [
      'message_start',
      'content_block_start',
      ...Array(deltas).fill('content_block_delta'),
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
    const [start] = events;
    assert.deepEqual(start.message.content, []);
    assert.equal(start.message.stop_reason, null);
    assert.equal(start.message.usage.input_tokens, whole.usage.input_tokens);
    const text = events.map((event) => event.delta?.text ?? '').join('');
    assert.equal(text, whole.content[0].text);
    const end = events.find((event) => event.type === 'message_delta');
    assert.equal(end.delta.stop_reason, 'end_turn');
    assert.equal(end.usage.output_tokens, whole.usage.output_tokens);
  });

  test('stream(): finalMessage() is what create() answers', async () => {
    const whole = await client.messages.create(requestOf(documents[0]));
    const stream = client.messages.stream(requestOf(documents[0]));
    let snapshot = '';
    let pieces = 0;
    stream.on('text', (_delta, text) => {
      snapshot = text;
      pieces += 1;
    });
    const message = await stream.finalMessage();
    assert.match(message.id, /^msg_/);
    assert.equal(message.stop_reason, 'end_turn');
    assert.equal(message.content[0].text, whole.content[0].text);
    assert.equal(message.usage.input_tokens, whole.usage.input_tokens);
    assert.equal(message.usage.output_tokens, whole.usage.output_tokens);
    assert.equal(snapshot, message.content[0].text);
    assert.equal(await stream.finalText(), snapshot);
    assert.ok(pieces > 1);
    assert.match(stream.request_id, /^req_/);
  });

  test('stream(): structured output, parsed', async () => {
    const stream = client.messages.stream(requestOf(documents[3], { output_config: { format } }));
    const message = await stream.finalMessage();
    assert.equal(message.parsed_output.section, 'sound');
  });

  test('stream(): the input of a tool, piece by piece', async () => {
    const stream = client.messages.stream(requestOf(documents[4], forced));
    let pieces = 0;
    stream.on('inputJson', () => (pieces += 1));
    const message = await stream.finalMessage();
    assert.equal(message.stop_reason, 'tool_use');
    assert.equal(message.content[0].name, 'file_under');
    assert.equal(message.content[0].input.section, 'graphics');
    assert.ok(pieces > 1);
  });

  test('a reader who leaves early', async () => {
    const stream = client.messages.stream(requestOf(documents[0]));
    stream.on('text', () => stream.abort());
    const error = await errorOf(stream.finalMessage());
    assert.ok(error instanceof Anthropic.APIUserAbortError, error);
    assert.equal(stream.aborted, true);
    const next = await client.messages.create(requestOf(documents[0]));
    assert.equal(next.stop_reason, 'end_turn');
  });
});

describe('prompt caching', () => {
  const marked = (text, ttl) => ({
    type: 'text',
    text,
    cache_control: ttl ? { type: 'ephemeral', ttl } : { type: 'ephemeral' },
  });
  const ask = async (key, document, system, { at = simulator, ...more } = {}) => {
    const message = await clientOf(key, at).messages.create(requestOf(document, { system, ...more }));
    const { usage } = message;
    const five = usage.cache_creation.ephemeral_5m_input_tokens;
    const hour = usage.cache_creation.ephemeral_1h_input_tokens;
    assert.equal(usage.cache_creation_input_tokens, five + hour);
    return { five, hour, read: usage.cache_read_input_tokens, rest: usage.input_tokens };
  };
  const price = async (key) =>
    (await simulator.bill(key)).map(({ tokens }) => ({
      five: tokens.cache_write_5m ?? 0,
      hour: tokens.cache_write_1h ?? 0,
      read: tokens.cache_read ?? 0,
      rest: tokens.input ?? 0,
    }));

  for (const [ttl, bucket] of [
    [undefined, 'five'],
    ['5m', 'five'],
    ['1h', 'hour'],
  ]) {
    test(`cache_control ${ttl ?? 'without a ttl'}: written once, then read`, async () => {
      const key = `sk-ant-cache-${ttl}`;
      const system = [marked(instructions, ttl)];
      const first = await ask(key, documents[0], system);
      const second = await ask(key, documents[1], system);
      assert.ok(first[bucket] >= 1024, `${first[bucket]} written`);
      assert.equal(first.five + first.hour, first[bucket]);
      assert.equal(first.read, 0);
      assert.equal(second.read, first[bucket]);
      assert.equal(second.five + second.hour, 0);
      assert.ok(second.rest > 0 && second.rest < 100, `${second.rest} left`);
      assert.deepEqual(await price(key), [first, second]);
    });
  }

  test('both lives in one request: each in its bucket, and told apart by time', async () => {
    const at = await Simulator.start({ timeScale: 300 });
    try {
      const key = 'sk-ant-cache-both';
      const system = [marked(instructions, '1h'), marked(`More: ${instructions}`, '5m')];
      const first = await ask(key, documents[0], system, { at });
      const begin = await at.now();
      assert.ok(first.hour >= 1024 && first.five >= 1024, JSON.stringify(first));
      await at.waitUntil(begin + 5.1 * 60_000);
      const later = await ask(key, documents[1], system, { at });
      assert.equal(later.read, first.hour);
      assert.equal(later.five, first.five);
      assert.equal(later.hour, 0);
    } finally {
      await at.stop();
    }
  });

  test('a stream tells the same usage', async () => {
    const key = 'sk-ant-cache-stream';
    const request = requestOf(documents[0], { system: [marked(instructions)] });
    const first = await clientOf(key).messages.stream(request).finalMessage();
    const second = await clientOf(key).messages.stream(request).finalMessage();
    assert.ok(first.usage.cache_creation_input_tokens >= 1024);
    assert.equal(second.usage.cache_read_input_tokens, first.usage.cache_creation_input_tokens);
    assert.equal(second.usage.cache_creation_input_tokens, 0);
  });

  test('automatic, at the top of the request', async () => {
    const key = 'sk-ant-cache-automatic';
    const more = { cache_control: { type: 'ephemeral' } };
    const first = await ask(key, documents[0], instructions, more);
    const second = await ask(key, documents[0], instructions, more);
    assert.ok(first.five >= 1024);
    assert.equal(second.read, first.five);
  });

  test('a prefix below the minimum is silently not cached', async () => {
    const usage = await ask('sk-ant-cache-short', documents[0], [marked('Be brief.')]);
    assert.equal(usage.five + usage.hour + usage.read, 0);
  });

  test('another account, and another model, read nothing', async () => {
    const system = [marked(instructions)];
    await ask('sk-ant-cache-mine', documents[0], system);
    assert.equal((await ask('sk-ant-cache-yours', documents[0], system)).read, 0);
    const other = await ask('sk-ant-cache-mine', documents[0], system, { model: 'claude-opus-5' });
    assert.equal(other.read, 0);
  });

  test('max_tokens 0 writes the cache and answers nothing', async () => {
    const key = 'sk-ant-cache-warm';
    const system = [marked(instructions)];
    const message = await clientOf(key).messages.create(
      requestOf(documents[0], { system, max_tokens: 0 }),
    );
    assert.deepEqual(message.content, []);
    assert.equal(message.usage.output_tokens, 0);
    const next = await ask(key, documents[1], system);
    assert.equal(next.read, message.usage.cache_creation_input_tokens);
  });
});
