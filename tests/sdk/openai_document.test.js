// What Weir asks OpenAI, and what the simulator answers, against OpenAI's own OpenAPI document, held by Prism.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { answerSchema, documents, instructions } from './support/documents.js';
import { ValidatingProxy, unusableSchemas } from './support/prism.js';
import { run } from './support/run.js';
import { Simulator } from './support/simulator.js';

const records = documents.map(({ text }, i) => ({ id: `doc-${i}`, text }));
const prompt = `${instructions}\n\n{{text}}\n`;
const job = { input: records, prompt, schema: answerSchema };

/** Ready-made lines: all that a body may hold and Weir passes on. */
const readyMade = documents.map(({ text }, i) => ({
  custom_id: `doc-${i}`,
  method: 'POST',
  url: '/v1/chat/completions',
  body: {
    model: 'gpt-5.4-nano',
    max_completion_tokens: 200,
    messages: [
      { role: 'system', content: 'You look things up.' },
      {
        role: 'user',
        content: [
          { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } },
          { type: 'text', text },
        ],
      },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'look_up', arguments: '{"word":"nano"}' } }],
      },
      { role: 'tool', tool_call_id: 'call_1', content: 'A text editor.' },
    ],
    tools: [
      {
        type: 'function',
        function: {
          name: 'look_up',
          description: 'Looks a word up.',
          parameters: { type: 'object', properties: { word: { type: 'string' } }, required: ['word'] },
        },
      },
    ],
    tool_choice: 'auto',
  },
}));

let simulator;
let prism;
before(async () => {
  simulator = await Simulator.start({ timeScale: 600 });
  prism = await ValidatingProxy.start(simulator.openAI);
});
after(async () => {
  await prism?.stop();
  await simulator?.stop();
});
beforeEach(() => {
  prism.exchanges = [];
});

async function good(options, flags, codes = [0]) {
  const outcome = await run({ ...options, endpoint: prism.url, clock: simulator.url, flags });
  assert.deepEqual(prism.violations, []);
  assert.ok(codes.includes(outcome.code), outcome.said);
  assert.equal(outcome.answers.length, options.input.length);
  for (const answer of outcome.answers) assert.equal(answer.error, undefined, JSON.stringify(answer));
  return outcome;
}

/** The request lines of the batches' input files. */
const uploadedLines = () =>
  prism.exchanges
    .filter(({ operation }) => operation === 'POST /files')
    .flatMap(({ body }) => body.split('\n').filter((line) => line.startsWith('{"custom_id"')))
    .map((line) => JSON.parse(line));

/** Sends each line's body as a request of its own, so that Prism sees it. */
async function validateLines() {
  const lines = uploadedLines();
  for (const { url, method, body } of lines) {
    assert.deepEqual({ url, method }, { url: '/v1/chat/completions', method: 'POST' });
    const response = await fetch(`${prism.url}/chat/completions`, {
      method,
      headers: { authorization: 'Bearer sk-lines', 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    assert.equal(response.status, 200, await response.text());
  }
  assert.deepEqual(prism.violations, []);
  return lines;
}

describe('requests and answers are as the document says', () => {
  test('sync, with a schema and a shared prefix', async () => {
    await good(job, ['--model', 'openAI/gpt-6-luna', '--route', 'sync']);
    assert.deepEqual(prism.operations, new Set(['GET /models/{gpt}', 'POST /chat/completions']));
    const [first] = prism.exchanges.filter(({ operation }) => operation === 'POST /chat/completions');
    assert.equal(JSON.parse(first.body).response_format.type, 'json_schema');
    assert.match(first.body, /prompt_cache/);
  });

  test('sync, of a model that takes a temperature', async () => {
    await good({ input: records, prompt }, ['--model', 'openAI/gpt-4.1', '--route', 'sync', '--temperature', '0.5']);
    const [first] = prism.exchanges.filter(({ operation }) => operation === 'POST /chat/completions');
    assert.equal(JSON.parse(first.body).temperature, 0.5);
  });

  test('batch, with a schema and a shared prefix', async () => {
    await good(job, ['--model', 'openAI/gpt-6-luna', '--route', 'batch', '--no-fallback']);
    const wanted = ['GET /batches/{batch}', 'GET /files/{file}/content', 'POST /batches', 'POST /files', 'DELETE /files/{file}'];
    for (const operation of wanted) assert.ok(prism.operations.has(operation), `${operation} was not seen`);
    const lines = await validateLines();
    assert.ok(lines.length >= records.length);
    assert.match(JSON.stringify(lines), /prompt_cache/);
  });

  test('ready-made requests with tools and pictures, sync', async () => {
    await good({ input: readyMade }, ['--model', 'openAI/gpt-5.4-nano', '--route', 'sync']);
    const sent = prism.exchanges.filter(({ operation }) => operation === 'POST /chat/completions');
    assert.ok(sent.every(({ body }) => JSON.parse(body).tools.length === 1));
  });

  test('ready-made requests with tools and pictures, batch', async () => {
    await good({ input: readyMade }, ['--model', 'openAI/gpt-5.4-nano', '--route', 'batch', '--no-fallback']);
    assert.equal((await validateLines()).length, readyMade.length);
  });

  test('a batch that takes too long is cancelled', async () => {
    const flags = ['--model', 'openAI/gpt-5.4-nano', '--route', 'batch', '--batch-timeout', '30s'];
    await good(job, flags);
    assert.ok(prism.operations.has('POST /batches/{batch}/cancel'), [...prism.operations].join(', '));
    assert.ok(prism.operations.has('POST /chat/completions'));
  });

  test('Prism can hold every schema of the document', async () => {
    const { schemas, faults } = await unusableSchemas();
    assert.deepEqual(faults, []);
    assert.ok(schemas >= 15, String(schemas));
  });

  const messages = [{ role: 'user', content: 'Hello.' }];
  const forbidden = {
    'a role that is none': ['chat/completions', { model: 'gpt-5.4-nano', messages: [{ role: 'wizard', content: 'Abracadabra.' }] }],
    'no messages': ['chat/completions', { model: 'gpt-5.4-nano' }],
    'a temperature beyond the range': ['chat/completions', { model: 'gpt-4.1', messages, temperature: 9 }],
    'a schema without a name': [
      'chat/completions',
      { model: 'gpt-4.1', messages, response_format: { type: 'json_schema', json_schema: { schema: answerSchema } } },
    ],
    'a tool without a function': ['chat/completions', { model: 'gpt-4.1', messages, tools: [{ type: 'function' }] }],
    'another window': ['batches', { input_file_id: 'file-1', endpoint: '/v1/chat/completions', completion_window: '48h' }],
  };
  for (const [what, [path, body]] of Object.entries(forbidden)) {
    test(`what the document forbids is seen: ${what}`, async () => {
      const response = await fetch(`${prism.url}/${path}`, {
        method: 'POST',
        headers: { authorization: 'Bearer sk-document', 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      assert.equal(response.status, 422, await response.text());
      assert.match(prism.violations.join(), /^POST .*: body/);
    });
  }

  test('a create whose answer is lost is looked for in the list', async () => {
    prism.loseAnswerOf = 'POST /batches';
    await good(job, ['--model', 'openAI/gpt-5.4-nano', '--route', 'batch', '--no-fallback']);
    assert.ok(prism.operations.has('GET /batches'), [...prism.operations].join(', '));
    assert.equal(prism.exchanges.filter(({ operation }) => operation === 'POST /batches').length, 1);
  });
});
