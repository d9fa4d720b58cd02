// The official `openai` SDK: the Responses API, whole, streamed, parsed, with tools, and in a batch.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import OpenAI, { toFile } from 'openai';
import { answerSchema, documents, instructions } from './support/documents.js';
import { Simulator, errorOf, until } from './support/simulator.js';

let simulator;
let client;
const clientOf = (apiKey) => new OpenAI({ apiKey, baseURL: simulator.openAI, maxRetries: 0 });

before(async () => {
  simulator = await Simulator.start({ timeScale: 600 });
  client = clientOf('sk-responses');
});
after(() => simulator?.stop());

const model = 'gpt-5-mini';
const asked = { model, instructions, input: documents[0].text, store: false };
const format = { type: 'json_schema', name: 'section', strict: true, schema: answerSchema };
const tool = {
  type: 'function',
  name: 'file_under',
  description: 'Files a document',
  parameters: answerSchema,
  strict: true,
};
const forced = { tools: [tool], tool_choice: { type: 'function', name: 'file_under' } };

describe('responses', () => {
  test('an answer with its usage', async () => {
    const response = await client.responses.create(asked);
    assert.match(response.id, /^resp_/);
    assert.equal(response.object, 'response');
    assert.equal(response.status, 'completed');
    assert.equal(response.model, model);
    assert.equal(response.error, null);
    assert.equal(response.instructions, instructions);
    assert.equal(response.store, false);
    assert.equal(response.output[0].type, 'message');
    assert.match(response.output_text, /gnuchess/);
    const { usage } = response;
    assert.ok(usage.input_tokens > 1024, `${usage.input_tokens} tokens`);
    assert.equal(usage.total_tokens, usage.input_tokens + usage.output_tokens);
    assert.equal(usage.output_tokens_details.reasoning_tokens, 0);
  });

  test('the bill carries the id that the caller gave', async () => {
    const key = 'sk-responses-billed';
    const response = await clientOf(key).responses.create(asked, {
      headers: { 'X-Client-Request-Id': 'attempt-1' },
    });
    const bill = await simulator.bill(key);
    assert.equal(bill.length, 1);
    assert.equal(bill[0].attempt_id, 'attempt-1');
    assert.equal(bill[0].delivered, true);
    assert.equal(bill[0].tokens.output, response.usage.output_tokens);
  });

  test('an answer cut by its limit', async () => {
    const schema = { type: 'object', properties: { all: { const: 'word '.repeat(40) } }, required: ['all'] };
    const response = await client.responses.create({
      ...asked,
      text: { format: { type: 'json_schema', name: 'all', schema } },
      max_output_tokens: 16,
    });
    assert.equal(response.status, 'incomplete');
    assert.equal(response.incomplete_details.reason, 'max_output_tokens');
    assert.equal(response.usage.output_tokens, 16);
  });

  test('the cache reads what an earlier one wrote', async () => {
    const by = clientOf('sk-responses-cache');
    await by.responses.create(asked);
    const second = await until(async () => {
      const response = await by.responses.create({ ...asked, input: documents[1].text });
      return response.usage.input_tokens_details.cached_tokens > 0 && response;
    });
    assert.ok(second.usage.input_tokens_details.cached_tokens >= 1024);
  });

  test('a breakpoint', async () => {
    const part = { type: 'input_text', text: instructions, prompt_cache_breakpoint: { mode: 'explicit' } };
    const response = await client.responses.create({
      model: 'gpt-6-luna',
      input: [
        { role: 'system', content: [part] },
        { role: 'user', content: documents[0].text },
      ],
      prompt_cache_options: { mode: 'explicit', ttl: '30m' },
      prompt_cache_key: 'mine',
    });
    assert.ok(response.usage.input_tokens_details.cache_write_tokens > 1024);
  });

  test('structured output, parsed', async () => {
    const response = await client.responses.parse({ ...asked, text: { format } });
    assert.equal(response.output_parsed.section, documents[0].section ?? 'games');
  });

  test('a call, its result, and the answer', async () => {
    const first = await client.responses.parse({ ...asked, ...forced });
    const [call] = first.output;
    assert.equal(call.type, 'function_call');
    assert.match(call.call_id, /^call_/);
    assert.equal(typeof call.parsed_arguments.section, 'string');
    const second = await client.responses.create({
      ...asked,
      tools: [tool],
      input: [
        { role: 'user', content: documents[0].text },
        call,
        { type: 'function_call_output', call_id: call.call_id, output: 'filed' },
      ],
    });
    assert.equal(second.status, 'completed');
    assert.ok(second.output_text.length > 0);
  });

  test('errors', async () => {
    const output = { type: 'function_call_output', call_id: 'call_0', output: 'x' };
    for (const [body, pattern] of [
      [{ ...asked, input: [{ role: 'user', content: 'Hi' }, output] }, /No tool call found/],
      [{ ...asked, stop: ['x'] }, /Unknown parameter/],
      [{ ...asked, max_output_tokens: 1 }, /minimum value/],
      [{ ...asked, previous_response_id: 'resp_1' }, /keeps no responses/],
    ]) {
      const error = await errorOf(client.responses.create(body));
      assert.ok(error instanceof OpenAI.BadRequestError, String(error));
      assert.match(error.message, pattern);
    }
    const error = await errorOf(client.responses.create({ ...asked, model: 'gpt-0' }));
    assert.ok(error instanceof OpenAI.NotFoundError);
  });
});

describe('streams', () => {
  test('of a text', async () => {
    let text = '';
    const stream = client.responses.stream(asked);
    stream.on('response.output_text.delta', (event) => (text += event.delta));
    const response = await stream.finalResponse();
    assert.equal(response.status, 'completed');
    assert.equal(response.output_text, text);
    assert.ok(response.usage.output_tokens > 0);
  });

  test('of a call', async () => {
    let text = '';
    const stream = client.responses.stream({ ...asked, ...forced });
    stream.on('response.function_call_arguments.delta', (event) => (text += event.delta));
    const response = await stream.finalResponse();
    assert.equal(response.output[0].arguments, text);
    assert.equal(response.output[0].parsed_arguments.section, JSON.parse(text).section);
  });

  test('events have numbers', async () => {
    const types = [];
    for await (const event of await client.responses.create({ ...asked, stream: true })) {
      assert.equal(event.sequence_number, types.length);
      types.push(event.type);
    }
    assert.equal(types[0], 'response.created');
    assert.equal(types.at(-1), 'response.completed');
  });
});

describe('batches', () => {
  test('of responses', async () => {
    const rows = documents.map((document, i) => ({
      custom_id: `doc-${i}`,
      method: 'POST',
      url: '/v1/responses',
      body: { model, instructions, input: document.text, text: { format } },
    }));
    const file = await client.files.create({
      file: await toFile(Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join('')), 'job.jsonl'),
      purpose: 'batch',
    });
    const { id } = await client.batches.create({
      input_file_id: file.id,
      endpoint: '/v1/responses',
      completion_window: '24h',
    });
    const batch = await until(async () => {
      const now = await client.batches.retrieve(id);
      return ['completed', 'failed', 'expired'].includes(now.status) && now;
    });
    assert.equal(batch.status, 'completed');
    const text = await (await client.files.content(batch.output_file_id)).text();
    const answers = text.trimEnd().split('\n').map((line) => JSON.parse(line));
    assert.equal(answers.length, rows.length);
    for (const { response } of answers) {
      assert.equal(response.status_code, 200);
      assert.equal(response.body.object, 'response');
      assert.equal(typeof JSON.parse(response.body.output[0].content[0].text).section, 'string');
    }
  });
});
