// The official `groq-sdk`: chat, streams, tools, errors, a batch from its file to its rows.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import Groq, { toFile } from 'groq-sdk';
import { answerSchema, documents } from './support/documents.js';
import { assertAllRows, assertBilled, ids, jsonl, messagesOf, parsed } from './support/chat.js';
import { Simulator, errorOf, until } from './support/simulator.js';

const model = 'openai/gpt-oss-20b';
let simulator;
const clientOf = (apiKey) =>
  new Groq({ apiKey, baseURL: simulator.at('/groq'), maxRetries: 0 });

before(async () => {
  simulator = await Simulator.start({ timeScale: 600 });
});
after(() => simulator?.stop());

describe('chat', () => {
  test('an answer with its usage', async () => {
    const client = clientOf('gsk-chat');
    const answer = await client.chat.completions.create({ model, messages: messagesOf(documents[0]) });
    assert.equal(answer.choices[0].finish_reason, 'stop');
    assert.ok(answer.choices[0].message.content.length > 0);
    const { usage } = answer;
    assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
    assert.ok(usage.total_time > 0);
    assertBilled(await simulator.bill('gsk-chat'), {
      rows: 1,
      input: usage.prompt_tokens,
      output: usage.completion_tokens,
    });
  });

  test('a stream, with the usage on its last chunk', async () => {
    const client = clientOf('gsk-stream');
    const stream = await client.chat.completions.create({
      model,
      messages: messagesOf(documents[1]),
      stream: true,
    });
    let text = '';
    let usage;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta?.content ?? '';
      usage = chunk.x_groq?.usage ?? usage;
    }
    assert.ok(text.length > 0);
    assert.ok(usage.prompt_tokens > 1000);
  });

  test('a tool that must be called', async () => {
    const answer = await clientOf('gsk-tool').chat.completions.create({
      model,
      messages: messagesOf(documents[2]),
      tools: [{ type: 'function', function: { name: 'file_under', parameters: answerSchema } }],
      tool_choice: 'required',
    });
    assert.equal(answer.choices[0].finish_reason, 'tool_calls');
    const [call] = answer.choices[0].message.tool_calls;
    assert.equal(JSON.parse(call.function.arguments).section, documents[2].section);
  });

  test('errors are its classes', async () => {
    const unknown = clientOf('gsk-x').chat.completions.create({ model: 'none', messages: messagesOf(documents[0]) });
    assert.ok((await errorOf(unknown)) instanceof Groq.NotFoundError);
    const keyless = clientOf('invalid-key').chat.completions.create({ model, messages: messagesOf(documents[0]) });
    assert.ok((await errorOf(keyless)) instanceof Groq.AuthenticationError);
  });
});

test('a batch', async () => {
  const client = clientOf('gsk-batch');
  const lines = documents.map((document, i) => ({
    custom_id: ids[i],
    method: 'POST',
    url: '/v1/chat/completions',
    body: { model, messages: messagesOf(document) },
  }));
  const file = await client.files.create({
    file: await toFile(Buffer.from(jsonl(lines)), 'job.jsonl'),
    purpose: 'batch',
  });
  const made = await client.batches.create({
    input_file_id: file.id,
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
  });
  const batch = await until(async () => {
    const now = await client.batches.retrieve(made.id);
    return now.status === 'completed' && now;
  });
  assert.deepEqual(batch.request_counts, { total: 5, completed: 5, failed: 0 });
  const rows = parsed(await (await client.files.content(batch.output_file_id)).text());
  assertAllRows(rows);
  const sum = (name) => rows.reduce((all, row) => all + row.response.body.usage[name], 0);
  assertBilled(await simulator.bill('gsk-batch'), {
    rows: 5,
    input: sum('prompt_tokens'),
    output: sum('completion_tokens'),
  });
});
