// The official `@google/genai` SDK: contents, streams, schemas, functions, errors, a batch over a file.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ApiError, GoogleGenAI } from '@google/genai';
import { answerSchema, documents, instructions } from './support/documents.js';
import { assertAllRows, assertBilled, ids, jsonl, parsed } from './support/chat.js';
import { Simulator, errorOf, until } from './support/simulator.js';

const model = 'gemini-2.5-flash';
let simulator;
// The SDK asks for v1 by itself.
const clientOf = (apiKey, more) =>
  new GoogleGenAI({ apiKey, httpOptions: { baseUrl: simulator.at('/gemini'), ...more } });

before(async () => {
  simulator = await Simulator.start({ timeScale: 600 });
});
after(() => simulator?.stop());

const config = { systemInstruction: instructions };
const outputOf = (usage) => (usage.candidatesTokenCount ?? 0) + (usage.thoughtsTokenCount ?? 0);

describe('contents', () => {
  test('an answer with its usage', async () => {
    const answer = await clientOf('AIza-chat').models.generateContent({
      model,
      contents: documents[0].text,
      config,
    });
    assert.equal(answer.candidates[0].finishReason, 'STOP');
    assert.ok(answer.text.length > 0);
    const usage = answer.usageMetadata;
    assertBilled(await simulator.bill('AIza-chat'), {
      rows: 1,
      input: usage.promptTokenCount,
      output: outputOf(usage),
    });
  });

  test('an answer of a schema', async () => {
    const answer = await clientOf('AIza-schema').models.generateContent({
      model,
      contents: documents[1].text,
      config: { ...config, responseMimeType: 'application/json', responseJsonSchema: answerSchema },
    });
    assert.equal(JSON.parse(answer.text).section, documents[1].section);
  });

  test('a stream, with the usage at its end', async () => {
    const stream = await clientOf('AIza-stream').models.generateContentStream({
      model,
      contents: documents[2].text,
      config,
    });
    let text = '';
    let usage;
    for await (const chunk of stream) {
      text += chunk.text ?? '';
      usage = chunk.usageMetadata ?? usage;
    }
    assert.ok(text.length > 0);
    assert.ok(usage.promptTokenCount > 1000);
  });

  test('a function that must be called', async () => {
    const answer = await clientOf('AIza-call').models.generateContent({
      model,
      contents: documents[3].text,
      config: {
        ...config,
        tools: [{ functionDeclarations: [{ name: 'file_under', parametersJsonSchema: answerSchema }] }],
        toolConfig: { functionCallingConfig: { mode: 'ANY' } },
      },
    });
    const [call] = answer.functionCalls;
    assert.equal(call.name, 'file_under');
    assert.equal(call.args.section, documents[3].section);
  });

  test('a refused key is its ApiError', async () => {
    const error = await errorOf(
      clientOf('invalid-key').models.generateContent({ model, contents: 'x' }),
    );
    assert.ok(error instanceof ApiError);
    assert.equal(error.status, 400);
  });

  test('the beta version has the same', async () => {
    const stable = clientOf('AIza-versions');
    const beta = clientOf('AIza-versions', { apiVersion: 'v1beta' });
    const texts = [];
    for (const client of [stable, beta])
      texts.push((await client.models.generateContent({ model, contents: documents[4].text, config })).text);
    assert.equal(texts[0], texts[1]);
    assert.equal((await beta.models.get({ model })).name, (await stable.models.get({ model })).name);
    for (const [client, version] of [[stable, 'v1'], [beta, 'v1beta']]) {
      const error = await errorOf(client.models.generateContent({ model: 'none', contents: 'x' }));
      assert.equal(error.status, 404);
      assert.match(error.message, new RegExp(`for API version ${version},`));
    }
    assert.equal((await simulator.bill('AIza-versions')).length, 2);
  });
});

test('a cached content: made, read, listed, extended, deleted', async () => {
  const ai = clientOf('AIza-caches');
  const made = await ai.caches.create({
    model,
    config: { displayName: 'rules', systemInstruction: 'Keep to this rule. '.repeat(800), ttl: '300s' },
  });
  assert.match(made.name, /^cachedContents\//);
  const held = made.usageMetadata.totalTokenCount;
  const answer = await ai.models.generateContent({
    model,
    contents: documents[0].text,
    config: { cachedContent: made.name },
  });
  assert.equal(answer.usageMetadata.cachedContentTokenCount, held);
  await assert.rejects(
    ai.models.generateContent({
      model,
      contents: documents[0].text,
      config: { cachedContent: made.name, systemInstruction: instructions },
    }),
    (error) => error instanceof ApiError && error.status === 400,
  );
  const listed = [];
  for await (const cache of await ai.caches.list({ config: { pageSize: 10 } })) listed.push(cache.displayName);
  assert.deepEqual(listed, ['rules']);
  assert.equal((await ai.caches.get({ name: made.name })).expireTime, made.expireTime);
  const kept = await ai.caches.update({ name: made.name, config: { ttl: '3600s' } });
  assert.ok(new Date(kept.expireTime) > new Date(made.expireTime));
  await ai.caches.delete({ name: made.name });
  await assert.rejects(ai.caches.get({ name: made.name }), (error) => error.status === 403);
  const bill = await simulator.bill('AIza-caches');
  assert.equal(bill.length, 3); // made, read, kept
  assert.equal(bill[2].attempt_id, `${bill[0].attempt_id}-storage`);
});

test('a batch over a file', async () => {
  const client = clientOf('AIza-batch');
  const lines = documents.map((document, i) => ({
    key: ids[i],
    request: { contents: [{ role: 'user', parts: [{ text: document.text }] }] },
  }));
  const file = await client.files.upload({
    file: new Blob([jsonl(lines)], { type: 'application/jsonl' }),
    config: { displayName: 'job', mimeType: 'application/jsonl' },
  });
  const made = await client.batches.create({
    model,
    src: file.name,
    config: { displayName: 'sections' },
  });
  const batch = await until(async () => {
    const now = await client.batches.get({ name: made.name });
    return now.state === 'JOB_STATE_SUCCEEDED' && now;
  });
  const at = `/gemini/download/v1/${batch.dest.fileName}:download?alt=media`;
  const answer = await fetch(simulator.at(at), { headers: { 'x-goog-api-key': 'AIza-batch' } });
  const rows = parsed(await answer.text());
  assertAllRows(rows, (row) => row.key);
  const usages = rows.map((row) => row.response.usageMetadata);
  assertBilled(await simulator.bill('AIza-batch'), {
    rows: 5,
    input: usages.reduce((all, usage) => all + usage.promptTokenCount, 0),
    output: usages.reduce((all, usage) => all + outputOf(usage), 0),
  });
});

describe('embeddings', () => {
  test('a vector for each text', async () => {
    const answer = await clientOf('AIza-embed').models.embedContent({
      model: 'gemini-embedding-001',
      contents: ['one text', 'another'],
      config: { taskType: 'RETRIEVAL_DOCUMENT', outputDimensionality: 256 },
    });
    assert.deepEqual(answer.embeddings.map((one) => one.values.length), [256, 256]);
    const [row] = await simulator.bill('AIza-embed');
    assert.ok(row.tokens.input > 0);
  });

  test('of a model that is not there', async () => {
    const error = await errorOf(
      clientOf('AIza-embed-2').models.embedContent({ model: 'gemini-embedding-0', contents: ['a'] }),
    );
    assert.ok(error instanceof ApiError);
    assert.equal(error.status, 404);
  });
});
