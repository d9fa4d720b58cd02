// The official `cohere-ai` SDK: chat of version 2, streams, tools, schemas, errors; a dataset, a batch, and its Avro results.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CohereClientV2, CohereError } from 'cohere-ai';
import { answerSchema, documents, instructions } from './support/documents.js';
import { ids, jsonl, messagesOf } from './support/chat.js';
import { Simulator, errorOf, until } from './support/simulator.js';

const model = 'command-r7b-12-2024';
let simulator;
const clientOf = (token) =>
  new CohereClientV2({ token, environment: simulator.at('/cohere'), maxRetries: 0 });
const once = { maxRetries: 0 };

before(async () => {
  simulator = await Simulator.start({ timeScale: 600 });
});
after(() => simulator?.stop());

describe('chat', () => {
  test('an answer; what is billed leaves the preamble out', async () => {
    const answer = await clientOf('co-chat').chat({ model, messages: messagesOf(documents[0]) });
    assert.equal(answer.finishReason, 'COMPLETE');
    assert.equal(answer.message.role, 'assistant');
    assert.equal(answer.message.content[0].type, 'text');
    assert.ok(answer.message.content[0].text.length > 0);
    const { billedUnits, tokens } = answer.usage;
    assert.ok(tokens.inputTokens > billedUnits.inputTokens);
    const [row] = await simulator.bill('co-chat');
    assert.equal(row.tokens.input + (row.tokens.cache_read ?? 0), billedUnits.inputTokens);
    assert.equal(row.tokens.output, billedUnits.outputTokens);
  });

  test('a stream of its events', async () => {
    const stream = await clientOf('co-stream').chatStream({ model, messages: messagesOf(documents[1]) });
    const types = [];
    let text = '';
    let end;
    for await (const event of stream) {
      if (types.at(-1) !== event.type) types.push(event.type);
      if (event.type === 'content-delta') text += event.delta.message.content.text;
      if (event.type === 'message-end') end = event.delta;
    }
    assert.deepEqual(types, ['message-start', 'content-start', 'content-delta', 'content-end', 'message-end']);
    assert.ok(text.length > 0);
    assert.equal(end.finishReason, 'COMPLETE');
    assert.ok(end.usage.billedUnits.inputTokens > 1000);
  });

  test('an answer of a schema', async () => {
    const answer = await clientOf('co-schema').chat({
      model,
      messages: messagesOf(documents[2]),
      responseFormat: { type: 'json_object', jsonSchema: answerSchema },
    });
    assert.equal(JSON.parse(answer.message.content[0].text).section, documents[2].section);
  });

  test('a tool that must be called, and its result', async () => {
    const client = clientOf('co-tool');
    const tools = [{ type: 'function', function: { name: 'file_under', parameters: answerSchema } }];
    const messages = messagesOf(documents[3]);
    const asked = await client.chat({ model, messages, tools, toolChoice: 'REQUIRED' });
    assert.equal(asked.finishReason, 'TOOL_CALL');
    const [call] = asked.message.toolCalls;
    assert.equal(JSON.parse(call.function.arguments).section, documents[3].section);
    const answered = await client.chat({
      model,
      tools,
      messages: [
        ...messages,
        { role: 'assistant', toolCalls: asked.message.toolCalls },
        { role: 'tool', toolCallId: call.id, content: 'done' },
      ],
    });
    assert.equal(answered.finishReason, 'COMPLETE');
  });

  test('errors are its classes', async () => {
    const messages = messagesOf(documents[0]);
    const unknown = await errorOf(clientOf('co-x').chat({ model: 'none', messages }, once));
    assert.ok(unknown instanceof CohereError);
    assert.equal(unknown.statusCode, 404);
    const keyless = await errorOf(clientOf('invalid-key').chat({ model, messages }, once));
    assert.equal(keyless.statusCode, 401);
  });
});

test('a batch, to its files', async () => {
  const client = clientOf('co-batch');
  const parts = (text) => [{ type: 'text', text }];
  const lines = documents.map((document, i) => ({
    custom_id: ids[i],
    body: {
      messages: [
        { role: 'system', content: parts(instructions) },
        { role: 'user', content: parts(document.text) },
      ],
      max_tokens: 64,
    },
  }));
  const { id } = await client.datasets.create(new File([jsonl(lines)], 'job.jsonl'), undefined, {
    name: 'job',
    type: 'batch-chat-v2-input',
    keepFields: ['custom_id'],
  });
  const validated = await until(async () => {
    const { dataset } = await client.datasets.get(id);
    return dataset.validationStatus === 'validated' && dataset;
  });
  assert.equal(validated.datasetType, 'batch-chat-v2-input');

  const made = await client.batches.create({ name: 'job', inputDatasetId: id, model });
  assert.equal(made.batch.status, 'BATCH_STATUS_QUEUED');
  const batch = await until(async () => {
    const now = await client.batches.retrieve(made.batch.id);
    return now.batch.status === 'BATCH_STATUS_COMPLETED' && now.batch;
  });
  assert.equal(batch.numRecords, 5);
  assert.equal(batch.numSuccessfulRecords, 5);
  assert.ok(batch.createdAt instanceof Date);
  const { batches } = await client.batches.list({ pageSize: 10 });
  assert.deepEqual(batches.map((one) => one.id), [batch.id]);

  const { dataset } = await client.datasets.get(batch.outputDatasetId);
  const [part] = dataset.datasetParts;
  const file = Buffer.from(await (await fetch(part.url)).arrayBuffer());
  assert.equal(file.subarray(0, 4).toString('latin1'), 'Obj\x01');
  assert.equal(part.numRows, 5);
  assert.equal(part.sizeBytes, file.length);
  const bill = await simulator.bill('co-batch');
  assert.deepEqual(bill.map((row) => row.custom_id).sort(), ids);
  assert.equal(String(bill.reduce((all, row) => all + row.tokens.output, 0)), batch.outputTokens);
  await client.datasets.delete(batch.outputDatasetId);
  const gone = await errorOf(client.datasets.get(batch.outputDatasetId, once));
  assert.equal(gone.statusCode, 404);
});

describe('embeddings', () => {
  test('a vector for each text', async () => {
    const answer = await clientOf('co-embed').embed({
      model: 'embed-v4.0',
      inputType: 'search_document',
      texts: ['one text', 'another'],
      embeddingTypes: ['float'],
      outputDimension: 256,
    });
    assert.deepEqual(answer.embeddings.float.map((vector) => vector.length), [256, 256]);
    const [row] = await simulator.bill('co-embed');
    assert.equal(row.tokens.input, answer.meta.billedUnits.inputTokens);
  });

  test('of a length that the model has not', async () => {
    const asked = { model: 'embed-english-v3.0', inputType: 'search_query', embeddingTypes: ['float'], texts: ['a'] };
    const error = await errorOf(clientOf('co-embed-2').embed({ ...asked, outputDimension: 256 }, once));
    assert.ok(error instanceof CohereError);
    assert.equal(error.statusCode, 400);
  });
});
