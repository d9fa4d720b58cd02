// The official `together-ai` SDK: chat, streams, errors, a batch. Its own upload() asks for a signed address, which the simulator
// does not have: the file is uploaded by the documented form.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import Together from 'together-ai';
import { documents } from './support/documents.js';
import { assertAllRows, assertBilled, ids, jsonl, messagesOf, parsed } from './support/chat.js';
import { Simulator, errorOf, until } from './support/simulator.js';

const model = 'meta-llama/Llama-3.3-70B-Instruct-Turbo';
let simulator;
const clientOf = (apiKey) =>
  new Together({ apiKey, baseURL: simulator.at('/together/v1'), maxRetries: 0 });

before(async () => {
  simulator = await Simulator.start({ timeScale: 600 });
});
after(() => simulator?.stop());

describe('chat', () => {
  test('an answer with its usage', async () => {
    const answer = await clientOf('tg-chat').chat.completions.create({
      model,
      messages: messagesOf(documents[0]),
    });
    assert.equal(answer.choices[0].finish_reason, 'stop');
    assert.ok(answer.choices[0].message.content.length > 0);
    const { usage } = answer;
    assertBilled(await simulator.bill('tg-chat'), {
      rows: 1,
      input: usage.prompt_tokens,
      output: usage.completion_tokens,
    });
  });

  test('a stream, with the usage on its last chunk', async () => {
    const stream = await clientOf('tg-stream').chat.completions.create({
      model,
      messages: messagesOf(documents[1]),
      stream: true,
    });
    let text = '';
    let usage;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta?.content ?? '';
      usage = chunk.usage ?? usage;
    }
    assert.ok(text.length > 0);
    assert.ok(usage.prompt_tokens > 1000);
  });

  test('errors are its classes', async () => {
    const keyless = clientOf('invalid-key').chat.completions.create({ model, messages: messagesOf(documents[0]) });
    assert.ok((await errorOf(keyless)) instanceof Together.AuthenticationError);
  });
});

test('a batch', async () => {
  const client = clientOf('tg-batch');
  const lines = documents.map((document, i) => ({
    custom_id: ids[i],
    body: { model, messages: messagesOf(document), max_tokens: 64 },
  }));
  const form = new FormData();
  form.append('file_name', 'job.jsonl');
  form.append('file_type', 'jsonl');
  form.append('purpose', 'batch-api');
  form.append('file', new Blob([jsonl(lines)]), 'job.jsonl');
  const answer = await fetch(simulator.at('/together/v1/files/upload'), {
    method: 'POST',
    headers: { authorization: 'Bearer tg-batch' },
    body: form,
  });
  const file = await answer.json();
  assert.ok(file.id, JSON.stringify(file));
  assert.equal((await client.files.retrieve(file.id)).id, file.id);

  const { job } = await client.batches.create({
    input_file_id: file.id,
    endpoint: '/v1/chat/completions',
  });
  const batch = await until(async () => {
    const now = await client.batches.retrieve(job.id);
    return now.status === 'COMPLETED' && now;
  });
  assert.ok((await client.batches.list()).some((one) => one.id === job.id));
  const rows = parsed(await (await client.files.content(batch.output_file_id)).text());
  assertAllRows(rows);
  const sum = (name) => rows.reduce((all, row) => all + row.response.body.usage[name], 0);
  assertBilled(await simulator.bill('tg-batch'), {
    rows: 5,
    input: sum('prompt_tokens'),
    output: sum('completion_tokens'),
  });
});
