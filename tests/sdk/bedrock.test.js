// AWS's official `@aws-sdk/client-bedrock-runtime`: Converse, its event stream, tools, schemas, cache points, keys, errors.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  AccessDeniedException,
  BedrockRuntimeClient,
  BedrockRuntimeServiceException,
  ConverseCommand,
  ConverseStreamCommand,
  InternalServerException,
  ModelErrorException,
  ModelTimeoutException,
  ResourceNotFoundException,
  ServiceUnavailableException,
  ThrottlingException,
  ValidationException,
} from '@aws-sdk/client-bedrock-runtime';
import { bodyOf, model, optionsOf } from './support/aws.js';
import { assertBilled } from './support/chat.js';
import { answerSchema, documents } from './support/documents.js';
import { Simulator, collect, errorOf } from './support/simulator.js';

let simulator;
const clientOf = (id, more, at = simulator) => new BedrockRuntimeClient(optionsOf(at, id, more));
const ask = (client, body, modelId = model) => client.send(new ConverseCommand({ modelId, ...body }));
const textOf = (answer) => answer.output.message.content[0].text;

before(async () => {
  simulator = await Simulator.start({ timeScale: 60 });
});
after(() => simulator?.stop());

describe('converse', () => {
  test('an answer with its usage', async () => {
    const answer = await ask(clientOf('AKIACHAT'), bodyOf(documents[0]));
    assert.equal(answer.$metadata.httpStatusCode, 200);
    assert.match(answer.$metadata.requestId, /^req_/);
    assert.equal(answer.output.message.role, 'assistant');
    assert.ok(textOf(answer).length > 0);
    assert.equal(answer.stopReason, 'end_turn');
    assert.ok(answer.metrics.latencyMs > 0);
    const { usage } = answer;
    assert.ok(usage.inputTokens > 1024);
    assert.equal(usage.totalTokens, usage.inputTokens + usage.outputTokens);
    assert.equal(usage.cacheReadInputTokens, 0);
    assert.deepEqual(usage.cacheDetails, []);
    assertBilled(await simulator.bill('AKIACHAT'), {
      rows: 1,
      input: usage.inputTokens,
      output: usage.outputTokens,
    });
  });

  test('the output limit', async () => {
    const answer = await ask(
      clientOf('AKIALIMIT'),
      bodyOf(documents[0], { inferenceConfig: { maxTokens: 2, temperature: 0.5, topP: 1 } }),
    );
    assert.equal(answer.stopReason, 'max_tokens');
    assert.equal(answer.usage.outputTokens, 2);
  });

  test('models by id and by profile', async () => {
    for (const id of ['us.anthropic.claude-sonnet-5', 'global.anthropic.claude-sonnet-5', 'amazon.nova-lite-v1:0'])
      assert.ok(textOf(await ask(clientOf('AKIAMODELS'), bodyOf(documents[0]), id)).length > 0);
    const [regional, global] = await simulator.bill('AKIAMODELS');
    assert.deepEqual(regional.tokens, global.tokens);
    assert.equal(regional.pico_usd * 10, global.pico_usd * 11);
  });

  test('an answer of a schema', async () => {
    const jsonSchema = { name: 'sorted', schema: JSON.stringify(answerSchema) };
    const answer = await ask(
      clientOf('AKIASCHEMA'),
      bodyOf(documents[1], { outputConfig: { textFormat: { type: 'json_schema', structure: { jsonSchema } } } }),
    );
    assert.equal(JSON.parse(textOf(answer)).section, documents[1].section);
  });

  test('a tool that must be called, and its result', async () => {
    const client = clientOf('AKIATOOL');
    const toolConfig = {
      tools: [{ toolSpec: { name: 'file_under', description: 'Files it.', inputSchema: { json: answerSchema } } }],
      toolChoice: { tool: { name: 'file_under' } },
    };
    const body = bodyOf(documents[2]);
    const asked = await ask(client, { ...body, toolConfig });
    assert.equal(asked.stopReason, 'tool_use');
    const { toolUse } = asked.output.message.content[0];
    assert.equal(toolUse.name, 'file_under');
    assert.equal(toolUse.input.section, documents[2].section);
    const toolResult = { toolUseId: toolUse.toolUseId, content: [{ text: 'done' }], status: 'success' };
    const answered = await ask(client, {
      ...body,
      toolConfig: { tools: toolConfig.tools },
      messages: [...body.messages, asked.output.message, { role: 'user', content: [{ toolResult }] }],
    });
    assert.equal(answered.stopReason, 'end_turn');
    assert.ok(textOf(answered).length > 0);
  });

  test('a point is written once and then read; 1h has its own count', async () => {
    for (const [id, ttl] of [['AKIACACHE5M', undefined], ['AKIACACHE1H', '1h']]) {
      const client = clientOf(id);
      const cachePoint = { type: 'default', ...(ttl && { ttl }) };
      const first = (await ask(client, bodyOf(documents[0], { cachePoint }))).usage;
      assert.ok(first.cacheWriteInputTokens >= 1024);
      assert.equal(first.cacheReadInputTokens, 0);
      assert.deepEqual(first.cacheDetails, [{ ttl: ttl ?? '5m', inputTokens: first.cacheWriteInputTokens }]);
      const next = (await ask(client, bodyOf(documents[1], { cachePoint }))).usage;
      assert.equal(next.cacheReadInputTokens, first.cacheWriteInputTokens);
      assert.equal(next.cacheWriteInputTokens, 0);
      for (const usage of [first, next])
        assert.equal(
          usage.totalTokens,
          usage.inputTokens + usage.cacheReadInputTokens + usage.cacheWriteInputTokens + usage.outputTokens,
        );
      const [wrote, read] = (await simulator.bill(id)).map((row) => row.tokens);
      assert.equal(wrote[ttl ? 'cache_write_1h' : 'cache_write_5m'], first.cacheWriteInputTokens);
      assert.equal(read.cache_read, next.cacheReadInputTokens);
      assert.equal(read.input, next.inputTokens);
    }
  });
});

describe('streams', () => {
  const streamed = async (client, body) => {
    const { stream } = await client.send(new ConverseStreamCommand({ modelId: model, ...body }));
    return collect(stream);
  };

  test('the events of a text, in order, and the usage at the end', async () => {
    const events = await streamed(clientOf('AKIASTREAM'), bodyOf(documents[3]));
    const kinds = events.map((event) => Object.keys(event)[0]);
    assert.deepEqual(
      kinds.filter((kind, i) => kind !== kinds[i - 1]),
      ['messageStart', 'contentBlockDelta', 'contentBlockStop', 'messageStop', 'metadata'],
    );
    assert.equal(events[0].messageStart.role, 'assistant');
    const text = events.map((event) => event.contentBlockDelta?.delta.text ?? '').join('');
    assert.ok(text.length > 0);
    assert.equal(events.at(-2).messageStop.stopReason, 'end_turn');
    const { usage, metrics } = events.at(-1).metadata;
    assert.ok(metrics.latencyMs > 0);
    assertBilled(await simulator.bill('AKIASTREAM'), {
      rows: 1,
      input: usage.inputTokens,
      output: usage.outputTokens,
    });
  });

  test('what a document has beyond ASCII arrives whole', async () => {
    const document = { text: 'Schach: 語彙 и 😀 “chäss”' };
    const body = { messages: bodyOf(document).messages };
    const client = clientOf('AKIAUNICODE');
    const events = await streamed(client, body);
    const text = events.map((event) => event.contentBlockDelta?.delta.text ?? '').join('');
    assert.equal(text, textOf(await ask(client, body)));
    assert.match(text, /語彙 и 😀 “chäss”/);
  });

  test('the call of a tool', async () => {
    const events = await streamed(
      clientOf('AKIATOOLSTREAM'),
      bodyOf(documents[4], {
        toolConfig: {
          tools: [{ toolSpec: { name: 'file_under', inputSchema: { json: answerSchema } } }],
          toolChoice: { any: {} },
        },
      }),
    );
    const start = events.find((event) => event.contentBlockStart).contentBlockStart;
    assert.equal(start.start.toolUse.name, 'file_under');
    assert.ok(start.start.toolUse.toolUseId.length > 0);
    const input = events.map((event) => event.contentBlockDelta?.delta.toolUse.input ?? '').join('');
    assert.equal(JSON.parse(input).section, documents[4].section);
    assert.equal(events.at(-2).messageStop.stopReason, 'tool_use');
  });

  test('one that breaks off is an error, and was billed', async () => {
    const broken = await Simulator.start({
      faults: [{ match: { operation: 'converse_stream' }, fault: { kind: 'cut_body', after_bytes: 300 } }],
    });
    try {
      await errorOf(streamed(clientOf('AKIACUT', {}, broken), bodyOf(documents[0])));
      assert.equal((await broken.bill('AKIACUT')).length, 1);
    } finally {
      await broken.stop();
    }
  });
});

describe('keys', () => {
  const body = bodyOf(documents[0]);
  const refused = async (client) => {
    const error = await errorOf(ask(client, body));
    assert.ok(error instanceof BedrockRuntimeServiceException, String(error));
    assert.equal(error.$metadata.httpStatusCode, 403);
    return error;
  };

  test('a wrong secret', async () => {
    const credentials = { accessKeyId: 'AKIASECRET', secretAccessKey: 'a guess' };
    const error = await refused(clientOf('', { credentials }));
    assert.equal(error.name, 'InvalidSignatureException');
    assert.match(error.message, /signature we calculated does not match/);
    assert.deepEqual(await simulator.bill('AKIASECRET'), []);
  });

  test('a time far from now', async () => {
    const error = await refused(clientOf('AKIALATE', { systemClockOffset: -30 * 3_600_000 }));
    assert.equal(error.name, 'InvalidSignatureException');
    assert.match(error.message, /^Signature expired/);
  });

  test('a key that is not taken', async () => {
    const error = await refused(clientOf('invalid-key'));
    assert.equal(error.name, 'UnrecognizedClientException');
  });

  test('temporary credentials, and API keys', async () => {
    const credentials = { accessKeyId: 'ASIAX', secretAccessKey: 'secret-of-ASIAX', sessionToken: 'a+token/=' };
    await ask(clientOf('', { credentials }), body);
    assert.equal((await simulator.bill('ASIAX')).length, 1);
    const bearer = { token: { token: 'bedrock-api-key' }, authSchemePreference: ['httpBearerAuth'] };
    await ask(clientOf('', bearer), body);
    assert.equal((await simulator.bill('bedrock-api-key')).length, 1);
  });
});

describe('errors', () => {
  test('of requests', async () => {
    const client = clientOf('AKIAERRORS');
    const [user] = bodyOf(documents[0]).messages;
    const five = Array.from({ length: 5 }, () => ({ cachePoint: { type: 'default' } }));
    for (const [body, message, modelId] of [
      [{ messages: [user] }, /model identifier is invalid/, 'anthropic.claude-none'],
      [{ messages: [] }, /must start with a user message/],
      [{ messages: [{ ...user, role: 'assistant' }] }, /must start with a user message/],
      [{ messages: [user, user] }, /must alternate/],
      [{ messages: [{ role: 'user', content: [{ text: ' ' }] }] }, /is blank/],
      [{ messages: [user], inferenceConfig: { maxTokens: 10_000_000 } }, /exceeds the model limit/],
      [{ messages: [user], system: five }, /more than 4 cache points/],
      [{ messages: [user], toolConfig: { tools: [] } }, /toolConfig.tools/],
    ]) {
      const error = await errorOf(ask(client, body, modelId));
      assert.ok(error instanceof ValidationException, `${error}`);
      assert.equal(error.$fault, 'client');
      assert.equal(error.$metadata.httpStatusCode, 400);
      assert.match(error.message, message);
    }
    assert.deepEqual(await simulator.bill('AKIAERRORS'), []);
  });

  test('of every status are its classes', async () => {
    const expected = [
      [400, ValidationException],
      [403, AccessDeniedException],
      [404, ResourceNotFoundException],
      [408, ModelTimeoutException],
      [424, ModelErrorException],
      [429, ThrottlingException],
      [500, InternalServerException],
      [503, ServiceUnavailableException],
    ];
    const failing = await Simulator.start({
      faults: expected.map(([code], i) => ({
        match: { operation: 'converse', nth: i + 1 },
        fault: { kind: 'status', code },
      })),
    });
    try {
      const client = clientOf('AKIASTATUS', {}, failing);
      for (const [code, kind] of expected) {
        const error = await errorOf(ask(client, bodyOf(documents[0])));
        assert.ok(error instanceof kind, `${code}: ${error}`);
        assert.equal(error.$metadata.httpStatusCode, code);
        assert.equal(error.$fault, code >= 500 ? 'server' : 'client');
        assert.ok(error.message.length > 0);
      }
      await ask(client, bodyOf(documents[0]));
      assert.equal((await failing.bill('AKIASTATUS')).length, 1);
    } finally {
      await failing.stop();
    }
  });

  test('the SDK tries again, and one answer is billed', async () => {
    const busy = await Simulator.start({
      faults: [
        { match: { operation: 'converse', nth: 1 }, fault: 'rate_limited' },
        { match: { operation: 'converse', nth: 2 }, fault: { kind: 'status', code: 503 } },
      ],
    });
    try {
      const answer = await ask(clientOf('AKIABUSY', { maxAttempts: 3 }, busy), bodyOf(documents[0]));
      assert.equal(answer.$metadata.attempts, 3);
      assert.equal((await busy.bill('AKIABUSY')).length, 1);
    } finally {
      await busy.stop();
    }
  });
});
