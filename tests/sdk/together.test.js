// The official `together-ai` SDK: chat, streams, errors, a batch, both ways to upload its file.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

/**
 * upload() of the SDK as it stands: it asks for an address, and puts the bytes there. In 0.52.0 it reads files only in its CommonJS
 * build, takes its base URL from the environment as it is loaded, and forgets what Node's fetch wants to hear of a stream.
 */
async function uploadBySdk(apiKey, text) {
  const folder = await mkdtemp(join(tmpdir(), 'weir-together-'));
  const ownFetch = globalThis.fetch;
  try {
    const path = join(folder, 'job.jsonl');
    await writeFile(path, text);
    process.env.TOGETHER_API_BASE_URL = simulator.at('/together/v1');
    const { default: Client } = createRequire(import.meta.url)('together-ai');
    globalThis.fetch = (url, init) => ownFetch(url, init?.method === 'PUT' ? { ...init, duplex: 'half' } : init);
    const client = new Client({ apiKey, baseURL: process.env.TOGETHER_API_BASE_URL, maxRetries: 0 });
    return await client.files.upload(path, 'batch-api', false);
  } finally {
    globalThis.fetch = ownFetch;
    delete process.env.TOGETHER_API_BASE_URL;
    await rm(folder, { recursive: true });
  }
}

async function uploadByForm(apiKey, text) {
  const form = new FormData();
  form.append('file_name', 'job.jsonl');
  form.append('file_type', 'jsonl');
  form.append('purpose', 'batch-api');
  form.append('file', new Blob([text]), 'job.jsonl');
  const answer = await fetch(simulator.at('/together/v1/files/upload'), {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}` },
    body: form,
  });
  return answer.json();
}

test('a file by the address that the SDK asks for', async () => {
  const text = '{"custom_id":"ä"}\n';
  const file = await uploadBySdk('tg-upload', text);
  assert.equal(file.object, 'file');
  assert.equal(file.bytes, Buffer.byteLength(text));
  assert.equal(file.purpose, 'batch-api');
  assert.equal(file.FileType, 'jsonl');
  assert.equal(file.Processed, true);
  const client = clientOf('tg-upload');
  assert.equal(await (await client.files.content(file.id)).text(), text);
  assert.equal((await client.files.retrieve(file.id)).filename, file.filename);
  assert.ok((await errorOf(clientOf('tg-other').files.retrieve(file.id))) instanceof Together.NotFoundError);
  await client.files.delete(file.id);
  assert.ok((await errorOf(client.files.retrieve(file.id))) instanceof Together.NotFoundError);
});

for (const way of ['by the SDK', 'by the documented form'])
  test(`a batch, uploaded ${way}`, async () => {
    const key = `tg-batch-${way.length}`;
    const client = clientOf(key);
    const lines = documents.map((document, i) => ({
      custom_id: ids[i],
      body: { model, messages: messagesOf(document), max_tokens: 64 },
    }));
    const upload = way === 'by the SDK' ? uploadBySdk : uploadByForm;
    const file = await upload(key, jsonl(lines));
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
    assertBilled(await simulator.bill(key), {
      rows: 5,
      input: sum('prompt_tokens'),
      output: sum('completion_tokens'),
    });
  });

describe('embeddings', () => {
  test('a vector for each text', async () => {
    const answer = await clientOf('tg-embed').embeddings.create({
      model: 'BAAI/bge-base-en-v1.5',
      input: ['one text', 'another'],
    });
    assert.deepEqual(answer.data.map((row) => [row.index, row.embedding.length]), [[0, 768], [1, 768]]);
    const [row] = await simulator.bill('tg-embed');
    assert.ok(row.tokens.input > 0);
  });
});
