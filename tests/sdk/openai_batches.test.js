// The official `openai` SDK: files and batches, from upload to the last row.
import assert from 'node:assert/strict';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import OpenAI, { toFile } from 'openai';
import { answerSchema, documents, instructions } from './support/documents.js';
import { Simulator, collect, errorOf, until } from './support/simulator.js';

let simulator;
let client;
const clientOf = (apiKey, at = simulator) =>
  new OpenAI({ apiKey, baseURL: at.openAI, maxRetries: 0 });

before(async () => {
  simulator = await Simulator.start({ timeScale: 600 });
  client = clientOf('sk-batch');
});
after(() => simulator?.stop());

const endpoint = '/v1/chat/completions';
const lineOf = (customId, document, body = {}) => ({
  custom_id: customId,
  method: 'POST',
  url: endpoint,
  body: {
    model: 'gpt-5-mini',
    messages: [
      { role: 'system', content: instructions },
      { role: 'user', content: document.text },
    ],
    response_format: {
      type: 'json_schema',
      json_schema: { name: 'section', strict: true, schema: answerSchema },
    },
    ...body,
  },
});
const lines = documents.map((document, i) => lineOf(`doc-${i}`, document));
const jsonl = (rows) =>
  rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row)) + '\n').join('');

async function submit(rows, { by = client, ...options } = {}) {
  const file = await by.files.create({
    file: await toFile(Buffer.from(jsonl(rows)), 'job.jsonl'),
    purpose: 'batch',
  });
  return by.batches.create({
    input_file_id: file.id,
    endpoint,
    completion_window: '24h',
    ...options,
  });
}

const ends = ['completed', 'failed', 'expired', 'cancelled'];
const ended = (id, by = client) =>
  until(async () => {
    const batch = await by.batches.retrieve(id);
    return ends.includes(batch.status) && batch;
  });

async function rowsOf(fileId, by = client) {
  const text = await (await by.files.content(fileId)).text();
  assert.ok(text.endsWith('\n'));
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

describe('files', () => {
  const small = jsonl(lines.slice(0, 2));

  test('create, retrieve, content, delete', async () => {
    const file = await client.files.create({
      file: await toFile(Buffer.from(small), 'naïve job.jsonl'),
      purpose: 'batch',
    });
    assert.match(file.id, /^file-/);
    assert.equal(file.object, 'file');
    assert.equal(file.bytes, Buffer.byteLength(small));
    assert.equal(file.filename, 'naïve job.jsonl');
    assert.equal(file.purpose, 'batch');
    assert.deepEqual(await client.files.retrieve(file.id), file);
    assert.deepEqual(await client.files.waitForProcessing(file.id), file);
    const content = await client.files.content(file.id);
    assert.equal(await content.text(), small);

    const gone = await client.files.delete(file.id);
    assert.deepEqual(
      { id: gone.id, object: gone.object, deleted: gone.deleted },
      { id: file.id, object: 'file', deleted: true },
    );
    const error = await errorOf(client.files.retrieve(file.id));
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.match(error.message, new RegExp(file.id));
    assert.ok((await errorOf(client.files.content(file.id))) instanceof OpenAI.NotFoundError);
  });

  test('create from a stream and from a File, byte for byte', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'weir-sdk-'));
    try {
      const path = join(folder, 'stream.jsonl');
      const text = `${small}\r\n--no boundary--\r\n`;
      await writeFile(path, text);
      const sources = [createReadStream(path), new File([text], 'stream.jsonl')];
      for (const source of sources) {
        const file = await client.files.create({ file: source, purpose: 'batch' });
        assert.equal(file.filename, 'stream.jsonl');
        assert.equal(await (await client.files.content(file.id)).text(), text);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('expires_after', async () => {
    const file = await client.files.create({
      file: await toFile(Buffer.from(small), 'short.jsonl'),
      purpose: 'batch',
      expires_after: { anchor: 'created_at', seconds: 3600 },
    });
    assert.equal(file.expires_at, file.created_at + 3600);
  });

  test('list: page by page, by purpose, newest first', async () => {
    const by = clientOf('sk-batch-lister');
    const made = [];
    for (let i = 0; i < 5; ++i) {
      const purpose = i === 2 ? 'user_data' : 'batch';
      const source = await toFile(Buffer.from(small), `f${i}.jsonl`);
      made.push(await by.files.create({ file: source, purpose }));
    }
    const page = await by.files.list({ limit: 2 });
    assert.equal(page.data.length, 2);
    assert.equal(page.has_more, true);
    assert.equal(page.hasNextPage(), true);
    const newestFirst = made.map((file) => file.id).reverse();
    const all = await collect(by.files.list({ limit: 2 }));
    assert.deepEqual(all.map((file) => file.id), newestFirst);
    const ascending = await collect(by.files.list({ limit: 2, order: 'asc' }));
    assert.deepEqual(ascending.map((file) => file.id), newestFirst.toReversed());
    const ofBatches = await collect(by.files.list({ limit: 2, purpose: 'batch' }));
    assert.equal(ofBatches.length, 4);
    assert.deepEqual(await collect(clientOf('sk-batch-stranger').files.list()), []);
  });

  test('a purpose that does not exist', async () => {
    const file = await toFile(Buffer.from(small), 'f.jsonl');
    const error = await errorOf(client.files.create({ file, purpose: 'nothing' }));
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.param, 'purpose');
  });
});

describe('batches', () => {
  test('from upload to the answers', async () => {
    const key = 'sk-batch-whole';
    const by = clientOf(key);
    const created = await submit(lines, { by, metadata: { job: 'sections', run: '1' } });
    assert.match(created.id, /^batch_/);
    assert.equal(created.object, 'batch');
    assert.equal(created.status, 'validating');
    assert.equal(created.endpoint, endpoint);
    assert.equal(created.completion_window, '24h');
    assert.deepEqual(created.metadata, { job: 'sections', run: '1' });
    assert.equal(created.expires_at, created.created_at + 24 * 3600);
    assert.equal(created.output_file_id, null);

    const batch = await ended(created.id, by);
    assert.equal(batch.status, 'completed');
    assert.equal(batch.model, 'gpt-5-mini');
    assert.deepEqual(batch.request_counts, { total: 5, completed: 5, failed: 0 });
    assert.equal(batch.error_file_id, null);
    assert.equal(batch.errors, null);
    const times = ['created_at', 'in_progress_at', 'finalizing_at', 'completed_at', 'expires_at'];
    for (let i = 1; i < times.length; ++i)
      assert.ok(batch[times[i - 1]] <= batch[times[i]], `${times[i - 1]} before ${times[i]}`);
    for (const other of ['failed_at', 'expired_at', 'cancelling_at', 'cancelled_at'])
      assert.equal(batch[other], null, other);

    const rows = await rowsOf(batch.output_file_id, by);
    assert.deepEqual(rows.map((row) => row.custom_id).sort(), lines.map((line) => line.custom_id));
    const sum = { input: 0, cached: 0, output: 0 };
    for (const row of rows) {
      assert.match(row.id, /^batch_req_/);
      assert.equal(row.error, null);
      assert.equal(row.response.status_code, 200);
      assert.match(row.response.request_id, /^req_/);
      const { body } = row.response;
      assert.equal(body.object, 'chat.completion');
      const { section } = JSON.parse(body.choices[0].message.content);
      assert.equal(section, documents[Number(row.custom_id.slice(4))].section);
      sum.input += body.usage.prompt_tokens;
      sum.cached += body.usage.prompt_tokens_details.cached_tokens;
      sum.output += body.usage.completion_tokens;
    }
    assert.equal(batch.usage.input_tokens, sum.input);
    assert.equal(batch.usage.input_tokens_details.cached_tokens, sum.cached);
    assert.equal(batch.usage.output_tokens, sum.output);
    assert.equal(batch.usage.total_tokens, sum.input + sum.output);

    const output = await by.files.retrieve(batch.output_file_id);
    assert.equal(output.purpose, 'batch_output');
    const bill = await simulator.bill(key);
    assert.deepEqual(
      bill.map((row) => row.attempt_id).sort(),
      lines.map((line) => line.custom_id),
    );
  });

  test('rows behind the first read its prefix from the cache', async () => {
    const by = clientOf('sk-batch-cached');
    // The first batch writes the prefix, as priming does; then every row of the second can read it.
    await ended((await submit(lines.slice(0, 1), { by })).id, by);
    const batch = await ended((await submit(lines.slice(1), { by })).id, by);
    for (const row of await rowsOf(batch.output_file_id, by)) {
      const cached = row.response.body.usage.prompt_tokens_details.cached_tokens;
      assert.ok(cached >= 1024 && cached % 128 === 0, `${cached} cached`);
    }
    assert.ok(batch.usage.input_tokens_details.cached_tokens >= 4 * 1024);
  });

  test('a row that fails alone stands in the error file', async () => {
    const tooLong = lineOf('too-long', documents[0], { max_completion_tokens: 1e9 });
    const batch = await ended((await submit([...lines.slice(0, 2), tooLong])).id);
    assert.equal(batch.status, 'completed');
    assert.deepEqual(batch.request_counts, { total: 3, completed: 2, failed: 1 });
    assert.equal((await rowsOf(batch.output_file_id)).length, 2);
    const [row, ...more] = await rowsOf(batch.error_file_id);
    assert.deepEqual(more, []);
    assert.equal(row.custom_id, 'too-long');
    assert.equal(row.error, null);
    assert.equal(row.response.status_code, 400);
    assert.equal(row.response.body.error.type, 'invalid_request_error');
    assert.equal(row.response.body.error.param, 'max_completion_tokens');
  });

  test('when all rows fail there is no output file', async () => {
    const row = lineOf('too-long', documents[0], { max_completion_tokens: 1e9 });
    const batch = await ended((await submit([row])).id);
    assert.equal(batch.status, 'completed');
    assert.equal(batch.output_file_id, null);
    assert.equal((await rowsOf(batch.error_file_id)).length, 1);
  });

  const refused = [
    ['a line that is no JSON', 'invalid_json_line', '{"custom_id": '],
    ['a custom_id used before', 'duplicate_custom_id', lineOf('doc-0', documents[1])],
    ['a second model', 'mismatched_model', lineOf('b', documents[1], { model: 'gpt-5-nano' })],
    ['an unknown model', 'model_not_found', lineOf('b', documents[1], { model: 'gpt-0' })],
    ['another endpoint', 'invalid_url', { ...lineOf('b', documents[1]), url: '/v1/responses' }],
    ['a stream', 'streaming_unsupported', lineOf('b', documents[1], { stream: true })],
  ];
  for (const [name, code, row] of refused) {
    test(`${name} fails the whole batch, with its line`, async () => {
      const created = await submit([lines[0], row, lines[2]]);
      assert.equal(created.status, 'validating');
      const batch = await ended(created.id);
      assert.equal(batch.status, 'failed');
      assert.equal(batch.errors.object, 'list');
      assert.equal(batch.errors.data.length, 1);
      assert.equal(batch.errors.data[0].code, code);
      assert.equal(batch.errors.data[0].line, 2);
      assert.ok(batch.errors.data[0].message.length > 0);
      assert.ok(batch.failed_at >= batch.created_at);
      assert.equal(batch.output_file_id, null);
      assert.equal(batch.error_file_id, null);
    });
  }

  test('list, page by page, newest first, of one account', async () => {
    const by = clientOf('sk-batch-many');
    const made = [];
    for (let i = 0; i < 5; ++i) made.push((await submit(lines.slice(0, 1), { by })).id);
    const page = await by.batches.list({ limit: 2 });
    assert.deepEqual(page.data.map((batch) => batch.id), [made[4], made[3]]);
    assert.equal(page.has_more, true);
    const next = await page.getNextPage();
    assert.deepEqual(next.data.map((batch) => batch.id), [made[2], made[1]]);
    const all = await collect(by.batches.list({ limit: 2 }));
    assert.deepEqual(all.map((batch) => batch.id), made.toReversed());
    assert.deepEqual(await collect(clientOf('sk-batch-stranger').batches.list()), []);
  });

  test('cancel: only what was run by then is delivered and billed', async () => {
    const key = 'sk-batch-cancel';
    const slow = await Simulator.start({ timeScale: 60 });
    try {
      const by = clientOf(key, slow);
      const created = await submit(lines, { by });
      const cancelling = await by.batches.cancel(created.id);
      assert.equal(cancelling.id, created.id);
      assert.equal(cancelling.status, 'cancelling');
      assert.ok(cancelling.cancelling_at >= created.created_at);
      const batch = await ended(created.id, by);
      assert.equal(batch.status, 'cancelled');
      assert.ok(batch.cancelled_at >= batch.cancelling_at);
      // On a busy machine the cancel may come after the validation; then there is an error file.
      const run = batch.output_file_id ? await rowsOf(batch.output_file_id, by) : [];
      assert.ok(run.length < lines.length);
      assert.equal(batch.in_progress_at === null, batch.error_file_id === null);
      const bill = await slow.bill(key);
      assert.deepEqual(
        bill.map((row) => row.attempt_id).sort(),
        run.map((row) => row.custom_id).sort(),
      );
    } finally {
      await slow.stop();
    }
  });

  test('cancel after the end', async () => {
    const batch = await ended((await submit(lines.slice(0, 1))).id);
    const error = await errorOf(client.batches.cancel(batch.id));
    assert.ok(error instanceof OpenAI.ConflictError);
    assert.match(error.message, /completed/);
  });

  test('what cannot be created', async () => {
    const request = { input_file_id: 'file-none', endpoint, completion_window: '24h' };
    const none = await errorOf(client.batches.create(request));
    assert.ok(none instanceof OpenAI.BadRequestError, none);
    assert.equal(none.param, 'input_file_id');
    const soon = await errorOf(client.batches.create({ ...request, completion_window: '1h' }));
    assert.ok(soon instanceof OpenAI.BadRequestError);
    assert.equal(soon.param, 'completion_window');
  });

  test("another account's batch and files are not to be found", async () => {
    const created = await submit(lines.slice(0, 1));
    const stranger = clientOf('sk-batch-stranger');
    const error = await errorOf(stranger.batches.retrieve(created.id));
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.match(error.message, /No batch found/);
    const file = await errorOf(stranger.files.content(created.input_file_id));
    assert.ok(file instanceof OpenAI.NotFoundError);
  });
});

describe('batches that end early', () => {
  const early = async (fault) => {
    const other = await Simulator.start({
      timeScale: 600,
      faults: [{ match: { operation: 'batch_create' }, fault }],
    });
    try {
      const by = clientOf('sk-early', other);
      const rows = Array.from({ length: 8 }, (_, i) => lineOf(`doc-${i}`, documents[i % 5]));
      const batch = await ended((await submit(rows, { by })).id, by);
      const output = batch.output_file_id ? await rowsOf(batch.output_file_id, by) : [];
      const errors = batch.error_file_id ? await rowsOf(batch.error_file_id, by) : [];
      return { batch, output, errors, bill: await other.bill('sk-early') };
    } finally {
      await other.stop();
    }
  };

  for (const [kind, status, code] of [
    ['expire_batch', 'expired', 'batch_expired'],
    ['cancel_batch', 'cancelled', 'batch_cancelled'],
  ]) {
    test(`${status}: finished rows are delivered and billed, the others say why`, async () => {
      const fault = { kind, finished_fraction: 0.5 };
      if (kind === 'expire_batch') fault.seconds = 900;
      const { batch, output, errors, bill } = await early(fault);
      assert.equal(batch.status, status);
      assert.ok(batch[`${status}_at`] > batch.created_at);
      assert.equal(output.length, 4);
      assert.equal(errors.length, 4);
      assert.equal(bill.length, 4);
      for (const row of output) assert.equal(row.response.status_code, 200);
      for (const row of errors) {
        assert.equal(row.response, null);
        assert.equal(row.error.code, code);
        assert.ok(row.error.message.length > 0);
      }
      const ids = [...output, ...errors].map((row) => row.custom_id);
      assert.equal(new Set(ids).size, 8);
    });
  }

  test('refused for its size: failed, with the reason', async () => {
    const { batch, output, errors, bill } = await early('batch_refused');
    assert.equal(batch.status, 'failed');
    assert.equal(batch.errors.data[0].code, 'token_limit_exceeded');
    assert.equal(batch.errors.data[0].line, null);
    assert.deepEqual([...output, ...errors, ...bill], []);
  });
});
