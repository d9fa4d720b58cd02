// The official `openai` SDK: what the simulator sends when a batch ends is signed and shaped as the SDK wants a webhook.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import OpenAI, { toFile } from 'openai';
import { documents, instructions } from './support/documents.js';
import { Simulator, until } from './support/simulator.js';

const secret = `whsec_${Buffer.from('a secret of this test').toString('base64')}`;
const received = [];
let server;
let simulator;
let client;

before(async () => {
  server = createServer(async (request, response) => {
    let body = '';
    for await (const piece of request) body += piece;
    received.push({ body, headers: request.headers });
    response.writeHead(204).end();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${server.address().port}/hook`;
  simulator = await Simulator.start({ timeScale: 20, webhook: { url, secret } });
  client = new OpenAI({ apiKey: 'sk-webhook', baseURL: simulator.openAI, maxRetries: 0 });
});
after(async () => {
  await simulator?.stop();
  server?.close();
});

test('a batch that ends is told once, signed', async () => {
  const rows = documents.slice(0, 3).map((document, i) => ({
    custom_id: `doc-${i}`,
    method: 'POST',
    url: '/v1/responses',
    body: { model: 'gpt-5-mini', instructions, input: document.text },
  }));
  const file = await client.files.create({
    file: await toFile(Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join('')), 'job.jsonl'),
    purpose: 'batch',
  });
  const batch = await client.batches.create({
    input_file_id: file.id,
    endpoint: '/v1/responses',
    completion_window: '24h',
  });
  await until(async () => received.length > 0);
  const [{ body, headers }] = received;
  // The times agree but for the simulator's faster clock.
  const event = await client.webhooks.unwrap(body, headers, secret, 24 * 3600);
  assert.equal(event.object, 'event');
  assert.equal(event.type, 'batch.completed');
  assert.equal(event.data.id, batch.id);
  assert.equal((await client.batches.retrieve(batch.id)).status, 'completed');
  await assert.rejects(client.webhooks.unwrap(`${body} `, headers, secret, 24 * 3600));
  assert.equal(received.length, 1);
});
