// The official `@mistralai/mistralai` SDK: chat, streams, structured output, errors, a batch job.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Mistral } from '@mistralai/mistralai';
import { answerSchema, documents } from './support/documents.js';
import { assertAllRows, assertBilled, ids, jsonl, messagesOf, parsed } from './support/chat.js';
import { Simulator, errorOf, until } from './support/simulator.js';

const model = 'mistral-small-2603';
let simulator;
const clientOf = (apiKey) =>
  new Mistral({
    apiKey,
    serverURL: simulator.at('/mistral'),
    retryConfig: { strategy: 'none' },
  });

before(async () => {
  simulator = await Simulator.start({ timeScale: 600 });
});
after(() => simulator?.stop());

describe('chat', () => {
  test('an answer with its usage', async () => {
    const answer = await clientOf('ms-chat').chat.complete({ model, messages: messagesOf(documents[0]) });
    assert.equal(answer.choices[0].finishReason, 'stop');
    assert.ok(answer.choices[0].message.content.length > 0);
    assertBilled(await simulator.bill('ms-chat'), {
      rows: 1,
      input: answer.usage.promptTokens,
      output: answer.usage.completionTokens,
    });
  });

  test('an answer of a schema', async () => {
    const answer = await clientOf('ms-schema').chat.complete({
      model,
      messages: messagesOf(documents[1]),
      responseFormat: {
        type: 'json_schema',
        jsonSchema: { name: 'section', strict: true, schemaDefinition: answerSchema },
      },
    });
    assert.equal(JSON.parse(answer.choices[0].message.content).section, documents[1].section);
  });

  test('a stream, with the usage on its last event', async () => {
    const stream = await clientOf('ms-stream').chat.stream({ model, messages: messagesOf(documents[2]) });
    let text = '';
    let usage;
    for await (const { data } of stream) {
      text += data.choices[0]?.delta?.content ?? '';
      usage = data.usage ?? usage;
    }
    assert.ok(text.length > 0);
    assert.ok(usage.promptTokens > 1000);
  });

  test('a refused key is an error of its status', async () => {
    const error = await errorOf(
      clientOf('invalid-key').chat.complete({ model, messages: messagesOf(documents[0]) }),
    );
    assert.equal(error.statusCode, 401);
  });
});

test('a batch job', async () => {
  const client = clientOf('ms-batch');
  const lines = documents.map((document, i) => ({
    custom_id: ids[i],
    body: { messages: messagesOf(document), max_tokens: 64 },
  }));
  const file = await client.files.upload({
    file: { fileName: 'job.jsonl', content: Buffer.from(jsonl(lines)) },
    purpose: 'batch',
  });
  const made = await client.batch.jobs.create({
    inputFiles: [file.id],
    model,
    endpoint: '/v1/chat/completions',
    metadata: { job: 'sections' },
  });
  const job = await until(async () => {
    const now = await client.batch.jobs.get({ jobId: made.id });
    return now.status === 'SUCCESS' && now;
  });
  assert.equal(job.succeededRequests, 5);
  const stream = await client.files.download({ fileId: job.outputFile });
  const rows = parsed(await new Response(stream).text());
  assertAllRows(rows);
  const sum = (name) => rows.reduce((all, row) => all + row.response.body.usage[name], 0);
  assertBilled(await simulator.bill('ms-batch'), {
    rows: 5,
    input: sum('prompt_tokens'),
    output: sum('completion_tokens'),
  });
});

describe('embeddings', () => {
  test('a vector for each text', async () => {
    const answer = await clientOf('ms-embed').embeddings.create({
      model: 'mistral-embed',
      inputs: ['one text', 'another'],
    });
    assert.deepEqual(answer.data.map((row) => row.index), [0, 1]);
    for (const row of answer.data) assert.equal(row.embedding.length, 1024);
    const [row] = await simulator.bill('ms-embed');
    assert.equal(row.tokens.input, answer.usage.promptTokens);
  });

  test('of the length that is asked for', async () => {
    const answer = await clientOf('ms-embed-2').embeddings.create({
      model: 'codestral-embed',
      inputs: 'int main() {}',
      outputDimension: 256,
    });
    assert.equal(answer.data[0].embedding.length, 256);
  });
});
