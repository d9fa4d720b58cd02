// The official `@anthropic-ai/sdk`: message batches, from the create to the last row.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { answerSchema, documents, instructions } from './support/documents.js';
import { Simulator, brokeOff, collect, errorOf, until } from './support/simulator.js';

let simulator;
let client;
const clientOf = (apiKey, at = simulator) =>
  new Anthropic({ apiKey, baseURL: at.anthropic, maxRetries: 0 });

before(async () => {
  simulator = await Simulator.start({ timeScale: 600 });
  client = clientOf('sk-ant-batch');
});
after(() => simulator?.stop());

const rowOf = (customId, document, params = {}) => ({
  custom_id: customId,
  params: {
    model: 'claude-sonnet-5',
    max_tokens: 400,
    system: [
      { type: 'text', text: instructions, cache_control: { type: 'ephemeral', ttl: '1h' } },
    ],
    messages: [{ role: 'user', content: document.text }],
    output_config: { format: { type: 'json_schema', schema: answerSchema } },
    ...params,
  },
});
const requests = documents.map((document, i) => rowOf(`doc-${i}`, document));

const ended = (id, by = client) =>
  until(async () => {
    const batch = await by.messages.batches.retrieve(id);
    return batch.processing_status === 'ended' && batch;
  });
const rowsOf = async (id, by = client) => collect(await by.messages.batches.results(id));
const counts = (given) => ({
  processing: 0,
  succeeded: 0,
  errored: 0,
  canceled: 0,
  expired: 0,
  ...given,
});

test('from create to the answers', async () => {
  const key = 'sk-ant-batch-whole';
  const by = clientOf(key);
  const created = await by.messages.batches.create({ requests });
  assert.match(created.id, /^msgbatch_/);
  assert.equal(created.type, 'message_batch');
  assert.equal(created.processing_status, 'in_progress');
  assert.deepEqual(created.request_counts, counts({ processing: 5 }));
  assert.equal(created.results_url, null);
  assert.equal(created.ended_at, null);
  const life = Date.parse(created.expires_at) - Date.parse(created.created_at);
  assert.equal(life, 24 * 3_600_000);

  const batch = await ended(created.id, by);
  assert.deepEqual(batch.request_counts, counts({ succeeded: 5 }));
  assert.ok(Date.parse(batch.ended_at) > Date.parse(batch.created_at));
  assert.equal(batch.cancel_initiated_at, null);
  assert.ok(batch.results_url.startsWith(simulator.anthropic), batch.results_url);

  const rows = await rowsOf(created.id, by);
  assert.deepEqual(
    rows.map((row) => row.custom_id).sort(),
    requests.map((request) => request.custom_id),
  );
  for (const { custom_id, result } of rows) {
    assert.equal(result.type, 'succeeded');
    const { message } = result;
    assert.equal(message.type, 'message');
    assert.equal(message.stop_reason, 'end_turn');
    assert.equal(message.usage.service_tier, 'batch');
    const answer = JSON.parse(message.content[0].text);
    assert.equal(answer.section, documents[Number(custom_id.slice(4))].section);
  }
  const bill = await simulator.bill(key);
  assert.deepEqual(
    bill.map((row) => row.attempt_id).sort(),
    requests.map((request) => request.custom_id),
  );
});

test('a batch of one writes the prefix for an hour; the next batch reads it', async () => {
  const by = clientOf('sk-ant-batch-primed');
  const first = await by.messages.batches.create({ requests: requests.slice(0, 1) });
  await ended(first.id, by);
  const [primed] = await rowsOf(first.id, by);
  const written = primed.result.message.usage.cache_creation;
  assert.ok(written.ephemeral_1h_input_tokens >= 1024);
  assert.equal(written.ephemeral_5m_input_tokens, 0);
  const second = await by.messages.batches.create({ requests: requests.slice(1) });
  await ended(second.id, by);
  for (const { result } of await rowsOf(second.id, by)) {
    const { usage } = result.message;
    assert.equal(usage.cache_read_input_tokens, written.ephemeral_1h_input_tokens);
    assert.equal(usage.cache_creation_input_tokens, 0);
  }
});

test('models may be mixed', async () => {
  const created = await client.messages.batches.create({
    requests: [requests[0], rowOf('other', documents[1], { model: 'claude-opus-5' })],
  });
  await ended(created.id);
  const models = (await rowsOf(created.id)).map((row) => row.result.message.model);
  assert.deepEqual(models.sort(), ['claude-opus-5', 'claude-sonnet-5']);
});

test('rows that fail alone: errored, twice nested, not billed', async () => {
  const key = 'sk-ant-batch-errored';
  const by = clientOf(key);
  const created = await by.messages.batches.create({
    requests: [
      requests[0],
      rowOf('no-limit', documents[1], { max_tokens: undefined }),
      rowOf('no-model', documents[2], { model: 'claude-none' }),
      rowOf('streamed', documents[3], { stream: true }),
    ],
  });
  const batch = await ended(created.id, by);
  assert.deepEqual(batch.request_counts, counts({ succeeded: 1, errored: 3 }));
  const results = Object.fromEntries(
    (await rowsOf(created.id, by)).map((row) => [row.custom_id, row.result]),
  );
  assert.equal(results['doc-0'].type, 'succeeded');
  for (const [id, type, message] of [
    ['no-limit', 'invalid_request_error', /max_tokens/],
    ['no-model', 'not_found_error', /claude-none/],
    ['streamed', 'invalid_request_error', /stream/],
  ]) {
    assert.equal(results[id].type, 'errored', id);
    assert.equal(results[id].error.type, 'error');
    assert.equal(results[id].error.error.type, type);
    assert.match(results[id].error.error.message, message);
  }
  assert.deepEqual(
    (await simulator.bill(key)).map((row) => row.attempt_id),
    ['doc-0'],
  );
});

test('what makes the whole create fail', async () => {
  for (const [name, bad, message] of [
    ['no requests', [], /requests/],
    ['custom_id used twice', [requests[0], requests[0]], /custom_id/],
    ['custom_id with a space', [rowOf('a b', documents[0])], /custom_id/],
    ['custom_id too long', [rowOf('a'.repeat(65), documents[0])], /custom_id/],
    ['no params', [{ custom_id: 'a' }], /params/],
  ]) {
    const error = await errorOf(client.messages.batches.create({ requests: bad }));
    assert.ok(error instanceof Anthropic.BadRequestError, `${name}: ${error}`);
    assert.equal(error.type, 'invalid_request_error');
    assert.match(error.apiMessage, message);
  }
});

test('polls are told to come again in 10 seconds', async () => {
  const created = await client.messages.batches.create({ requests: requests.slice(0, 1) });
  const { data, response } = await client.messages.batches.retrieve(created.id).withResponse();
  if (data.processing_status !== 'ended') assert.equal(response.headers.get('retry-after'), '10');
  await ended(created.id);
  const done = await client.messages.batches.retrieve(created.id).withResponse();
  assert.equal(done.response.headers.get('retry-after'), null);
});

test('list, page by page, newest first, and backwards', async () => {
  const by = clientOf('sk-ant-batch-many');
  const made = [];
  for (let i = 0; i < 5; ++i)
    made.push((await by.messages.batches.create({ requests: requests.slice(0, 1) })).id);
  const page = await by.messages.batches.list({ limit: 2 });
  assert.deepEqual(page.data.map((batch) => batch.id), [made[4], made[3]]);
  assert.equal(page.has_more, true);
  assert.equal(page.first_id, made[4]);
  assert.equal(page.last_id, made[3]);
  const all = await collect(by.messages.batches.list({ limit: 2 }));
  assert.deepEqual(all.map((batch) => batch.id), made.toReversed());
  const newer = await collect(by.messages.batches.list({ limit: 2, before_id: made[0] }));
  assert.deepEqual(newer.map((batch) => batch.id).sort(), made.slice(1).sort());
  assert.deepEqual(await collect(clientOf('sk-ant-batch-stranger').messages.batches.list()), []);
});

test('cancel: only what was run by then is delivered and billed', async () => {
  const key = 'sk-ant-batch-cancel';
  const slow = await Simulator.start({ timeScale: 60 });
  try {
    const by = clientOf(key, slow);
    const created = await by.messages.batches.create({ requests });
    const canceling = await by.messages.batches.cancel(created.id);
    assert.equal(canceling.processing_status, 'canceling');
    assert.ok(Date.parse(canceling.cancel_initiated_at) >= Date.parse(created.created_at));
    assert.equal(canceling.ended_at, null);
    const batch = await ended(created.id, by);
    const { succeeded, canceled } = batch.request_counts;
    assert.deepEqual(batch.request_counts, counts({ succeeded, canceled }));
    assert.equal(succeeded + canceled, 5);
    assert.ok(canceled > 0);
    const rows = await rowsOf(created.id, by);
    for (const { result } of rows)
      if (result.type !== 'succeeded') assert.deepEqual(result, { type: 'canceled' });
    const run = rows.filter((row) => row.result.type === 'succeeded').map((row) => row.custom_id);
    assert.equal(run.length, succeeded);
    const bill = await slow.bill(key);
    assert.deepEqual(bill.map((row) => row.attempt_id).sort(), run.sort());
  } finally {
    await slow.stop();
  }
});

test('cancel after the end', async () => {
  const created = await client.messages.batches.create({ requests: requests.slice(0, 1) });
  await ended(created.id);
  const error = await errorOf(client.messages.batches.cancel(created.id));
  assert.ok(error instanceof Anthropic.BadRequestError, error);
});

test('results and delete wait for the end; a deleted batch is gone', async () => {
  const slow = await Simulator.start({ timeScale: 100 });
  try {
    const by = clientOf('sk-ant-batch-delete', slow);
    const { batches } = by.messages;
    const { id } = await batches.create({ requests: requests.slice(0, 2) });
    const early = await errorOf(batches.results(id));
    assert.ok(early instanceof Anthropic.AnthropicError, early);
    const results = await errorOf(by.get(`/v1/messages/batches/${id}/results`));
    assert.ok(results instanceof Anthropic.NotFoundError, results);
    assert.ok((await errorOf(batches.delete(id))) instanceof Anthropic.BadRequestError);
    await batches.cancel(id);
    await ended(id, by);
    assert.deepEqual({ ...(await batches.delete(id)) }, { id, type: 'message_batch_deleted' });
    assert.ok((await errorOf(batches.retrieve(id))) instanceof Anthropic.NotFoundError);
    assert.ok((await errorOf(batches.results(id))) instanceof Anthropic.NotFoundError);
    assert.deepEqual(await collect(batches.list()), []);
  } finally {
    await slow.stop();
  }
});

test("another account's batch is not to be found", async () => {
  const { id } = await client.messages.batches.create({ requests: requests.slice(0, 1) });
  const stranger = clientOf('sk-ant-batch-stranger').messages.batches;
  for (const call of [() => stranger.retrieve(id), () => stranger.cancel(id)]) {
    const error = await errorOf(call());
    assert.ok(error instanceof Anthropic.NotFoundError);
    assert.equal(error.type, 'not_found_error');
  }
});

describe('faults', () => {
  const played = async (fault, count = 8) => {
    const other = await Simulator.start({ timeScale: 600, faults: [{ fault }] });
    try {
      const by = clientOf('sk-ant-faults', other);
      const { id } = await by.messages.batches.create({
        requests: Array.from({ length: count }, (_, i) => rowOf(`doc-${i}`, documents[i % 5])),
      });
      const batch = await ended(id, by);
      const rows = await rowsOf(id, by);
      return { batch, rows, bill: await other.bill('sk-ant-faults') };
    } finally {
      await other.stop();
    }
  };

  test('expired: finished rows are delivered and billed', async () => {
    const fault = { kind: 'expire_batch', finished_fraction: 0.5, seconds: 900 };
    const { batch, rows, bill } = await played(fault);
    assert.deepEqual(batch.request_counts, counts({ succeeded: 4, expired: 4 }));
    assert.equal(rows.length, 8);
    assert.equal(bill.length, 4);
    for (const { result } of rows)
      if (result.type !== 'succeeded') assert.deepEqual(result, { type: 'expired' });
  });

  test('rows that fail for the provider: to be sent again', async () => {
    const { batch, rows, bill } = await played({ kind: 'row_error', type: 'overloaded_error' }, 3);
    assert.deepEqual(batch.request_counts, counts({ errored: 3 }));
    assert.deepEqual(bill, []);
    for (const { result } of rows) {
      assert.equal(result.type, 'errored');
      assert.equal(result.error.type, 'error');
      assert.equal(result.error.error.type, 'overloaded_error');
      assert.match(result.error.request_id, /^workerreq_/);
    }
  });

  test('results that break off are an error, not an end', async () => {
    const fault = { kind: 'cut_body', after_bytes: 900 };
    const other = await Simulator.start({
      timeScale: 600,
      faults: [{ match: { operation: 'batch_results', nth: 1 }, fault }],
    });
    try {
      const by = clientOf('sk-ant-cut', other);
      const { id } = await by.messages.batches.create({ requests });
      await ended(id, by);
      const error = await errorOf(rowsOf(id, by));
      assert.ok(brokeOff(error), error);
      assert.equal((await rowsOf(id, by)).length, 5);
    } finally {
      await other.stop();
    }
  });
});
