// The official `openai` SDK: models, chat completions, structured output, tools, streams, caching.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import OpenAI from 'openai';
import { LengthFinishReasonError } from 'openai/error';
import { answerSchema, documents, instructions } from './support/documents.js';
import { Simulator, collect, errorOf } from './support/simulator.js';

let simulator;
let client;
const clientOf = (apiKey) => new OpenAI({ apiKey, baseURL: simulator.openAI, maxRetries: 0 });

before(async () => {
  simulator = await Simulator.start();
  client = clientOf('sk-chat');
});
after(() => simulator?.stop());

const messagesOf = (document) => [
  { role: 'system', content: instructions },
  { role: 'user', content: document.text },
];
const format = {
  type: 'json_schema',
  json_schema: { name: 'section', strict: true, schema: answerSchema },
};
const tool = {
  type: 'function',
  function: { name: 'file_under', description: 'Files a document', parameters: answerSchema },
};
const forced = { tools: [tool], tool_choice: { type: 'function', function: { name: 'file_under' } } };

describe('models', () => {
  test('list, to the last page', async () => {
    const models = await collect(client.models.list());
    const ids = models.map((model) => model.id);
    assert.ok(ids.includes('gpt-6-luna') && ids.includes('gpt-5-mini'), ids.join());
    assert.equal(new Set(ids).size, ids.length);
    for (const model of models) {
      assert.equal(model.object, 'model');
      assert.equal(model.owned_by, 'openai');
      assert.ok(model.created > 1_600_000_000);
    }
  });

  test('retrieve', async () => {
    const model = await client.models.retrieve('gpt-5-mini');
    assert.equal(model.id, 'gpt-5-mini');
    assert.equal(model.object, 'model');
  });

  test('retrieve one that does not exist', async () => {
    const error = await errorOf(client.models.retrieve('gpt-0'));
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.equal(error.code, 'model_not_found');
    assert.match(error.message, /gpt-0/);
  });
});

describe('chat completions', () => {
  test('an answer with its usage', async () => {
    const completion = await client.chat.completions.create({
      model: 'gpt-5-mini',
      messages: messagesOf(documents[0]),
    });
    assert.match(completion.id, /^chatcmpl-/);
    assert.equal(completion.object, 'chat.completion');
    assert.equal(completion.model, 'gpt-5-mini');
    assert.equal(completion.choices.length, 1);
    const [choice] = completion.choices;
    assert.equal(choice.index, 0);
    assert.equal(choice.finish_reason, 'stop');
    assert.equal(choice.message.role, 'assistant');
    assert.equal(choice.message.refusal, null);
    assert.match(choice.message.content, /gnuchess/);
    const { usage } = completion;
    assert.ok(usage.prompt_tokens > 1024, `${usage.prompt_tokens} tokens`);
    assert.ok(usage.completion_tokens > 0);
    assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
    assert.equal(usage.completion_tokens_details.reasoning_tokens, 0);
  });

  test('request id and headers', async () => {
    const { data, response, request_id } = await client.chat.completions
      .create({ model: 'gpt-5-mini', messages: messagesOf(documents[0]) })
      .withResponse();
    assert.match(request_id, /^req_/);
    assert.equal(data._request_id, request_id);
    assert.equal(response.headers.get('x-request-id'), request_id);
    assert.ok(Number(response.headers.get('x-ratelimit-remaining-requests')) > 0);
    assert.match(response.headers.get('x-ratelimit-reset-requests'), /^\d+(ms|s)$/);
    assert.match(response.headers.get('x-weir-simulated'), /not a language model/);
  });

  test('the bill carries the id that the caller gave', async () => {
    const key = 'sk-chat-billed';
    const completion = await clientOf(key).chat.completions.create(
      { model: 'gpt-5-mini', messages: messagesOf(documents[0]) },
      { headers: { 'X-Client-Request-Id': 'attempt-1' } },
    );
    const bill = await simulator.bill(key);
    assert.equal(bill.length, 1);
    assert.equal(bill[0].attempt_id, 'attempt-1');
    assert.equal(bill[0].delivered, true);
    assert.equal(bill[0].tokens.output, completion.usage.completion_tokens);
  });

  test('an answer cut by its limit', async () => {
    const completion = await client.chat.completions.create({
      model: 'gpt-5-mini',
      messages: messagesOf(documents[0]),
      max_completion_tokens: 3,
    });
    assert.equal(completion.choices[0].finish_reason, 'length');
    assert.equal(completion.usage.completion_tokens, 3);
  });

  test('two choices', async () => {
    const completion = await client.chat.completions.create({
      model: 'gpt-5-mini',
      messages: messagesOf(documents[0]),
      n: 2,
    });
    assert.deepEqual(
      completion.choices.map((choice) => choice.index),
      [0, 1],
    );
  });

  test('a forced tool call, parsed', async () => {
    const completion = await client.chat.completions.parse({
      model: 'gpt-5-mini',
      messages: messagesOf(documents[1]),
      tools: [{ ...tool, function: { ...tool.function, strict: true } }],
      tool_choice: forced.tool_choice,
    });
    const [choice] = completion.choices;
    assert.equal(choice.finish_reason, 'tool_calls');
    assert.equal(choice.message.content, null);
    assert.equal(choice.message.tool_calls.length, 1);
    const [call] = choice.message.tool_calls;
    assert.equal(call.type, 'function');
    assert.match(call.id, /^call_/);
    assert.equal(call.function.name, 'file_under');
    assert.equal(call.function.parsed_arguments.section, 'editors');
  });
});

describe('structured output', () => {
  test('JSON as the schema asks', async () => {
    const completion = await client.chat.completions.create({
      model: 'gpt-5-mini',
      messages: messagesOf(documents[2]),
      response_format: format,
    });
    const answer = JSON.parse(completion.choices[0].message.content);
    assert.deepEqual(Object.keys(answer).sort(), ['confidence', 'section', 'summary']);
    assert.equal(answer.section, 'mail');
    assert.equal(typeof answer.confidence, 'number');
  });

  test('parse(): every document in its section', async () => {
    for (const document of documents) {
      const completion = await client.chat.completions.parse({
        model: 'gpt-5-mini',
        messages: messagesOf(document),
        response_format: format,
      });
      const { parsed } = completion.choices[0].message;
      assert.equal(parsed.section, document.section);
      assert.ok(parsed.summary.length > 0);
    }
  });

  test('parse() of an answer that was cut', async () => {
    const error = await errorOf(
      client.chat.completions.parse({
        model: 'gpt-5-mini',
        messages: messagesOf(documents[0]),
        response_format: format,
        max_completion_tokens: 4,
      }),
    );
    assert.ok(error instanceof LengthFinishReasonError, error);
  });

  test('any JSON object', async () => {
    const completion = await client.chat.completions.create({
      model: 'gpt-5-mini',
      messages: messagesOf(documents[0]),
      response_format: { type: 'json_object' },
    });
    assert.equal(typeof JSON.parse(completion.choices[0].message.content), 'object');
  });
});

describe('streams', () => {
  test('chunks, with the usage in the last one', async () => {
    const request = { model: 'gpt-5-mini', messages: messagesOf(documents[0]) };
    const whole = await client.chat.completions.create(request);
    const stream = await client.chat.completions.create({
      ...request,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = await collect(stream);
    const last = chunks.pop();
    assert.deepEqual(last.choices, []);
    assert.equal(last.usage.prompt_tokens, whole.usage.prompt_tokens);
    assert.equal(last.usage.completion_tokens, whole.usage.completion_tokens);
    assert.ok(chunks.length > 3);
    assert.equal(chunks[0].choices[0].delta.role, 'assistant');
    assert.equal(new Set(chunks.map((chunk) => chunk.id)).size, 1);
    for (const chunk of chunks) {
      assert.equal(chunk.object, 'chat.completion.chunk');
      assert.equal(chunk.usage, null);
    }
    const text = chunks.map((chunk) => chunk.choices[0].delta.content ?? '').join('');
    assert.equal(text, whole.choices[0].message.content);
    assert.deepEqual(
      chunks.map((chunk) => chunk.choices[0].finish_reason).filter(Boolean),
      ['stop'],
    );
  });

  test('chunks without usage unless it is asked for', async () => {
    const stream = await client.chat.completions.create({
      model: 'gpt-5-mini',
      messages: messagesOf(documents[0]),
      stream: true,
    });
    const chunks = await collect(stream);
    assert.ok(chunks.every((chunk) => chunk.choices.length === 1 && !chunk.usage));
  });

  test('stream(): events and the final completion', async () => {
    const stream = client.chat.completions.stream({
      model: 'gpt-5-mini',
      messages: messagesOf(documents[3]),
      response_format: format,
      stream_options: { include_usage: true },
    });
    let snapshot = '';
    let deltas = 0;
    let done;
    stream.on('content', (_delta, text) => (snapshot = text));
    stream.on('content.delta', () => (deltas += 1));
    stream.on('content.done', (event) => (done = event));
    const completion = await stream.finalChatCompletion();
    const [choice] = completion.choices;
    assert.equal(choice.finish_reason, 'stop');
    assert.equal(choice.message.parsed.section, 'sound');
    assert.equal(snapshot, choice.message.content);
    assert.deepEqual(done.parsed, choice.message.parsed);
    assert.ok(deltas > 1);
    assert.equal(await stream.finalContent(), snapshot);
    const usage = await stream.totalUsage();
    assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
    assert.ok(usage.completion_tokens > 0);
  });

  test('stream(): the arguments of a tool, piece by piece', async () => {
    const stream = client.chat.completions.stream({
      model: 'gpt-5-mini',
      messages: messagesOf(documents[4]),
      ...forced,
    });
    let pieces = 0;
    stream.on('tool_calls.function.arguments.delta', () => (pieces += 1));
    const call = await stream.finalFunctionToolCall();
    assert.equal(call.name, 'file_under');
    assert.equal(JSON.parse(call.arguments).section, 'graphics');
    assert.ok(pieces > 1);
    const completion = await stream.finalChatCompletion();
    assert.equal(completion.choices[0].finish_reason, 'tool_calls');
  });

  test('a reader who leaves early', async () => {
    const stream = await client.chat.completions.create({
      model: 'gpt-5-mini',
      messages: messagesOf(documents[0]),
      stream: true,
    });
    for await (const chunk of stream) {
      assert.equal(chunk.choices[0].delta.role, 'assistant');
      break;
    }
    const next = await client.chat.completions.create({
      model: 'gpt-5-mini',
      messages: messagesOf(documents[0]),
    });
    assert.equal(next.choices[0].finish_reason, 'stop');
  });
});

describe('prompt caching', () => {
  const ask = async (key, request) => {
    const completion = await clientOf(key).chat.completions.create(request);
    const { prompt_tokens, prompt_tokens_details: details } = completion.usage;
    return { prompt: prompt_tokens, read: details.cached_tokens, written: details.cache_write_tokens ?? 0 };
  };
  const marked = (document, mode) => ({
    model: 'gpt-6-luna',
    messages: [
      {
        role: 'system',
        content: [
          { type: 'text', text: instructions, prompt_cache_breakpoint: { mode: 'explicit' } },
        ],
      },
      { role: 'user', content: document.text },
    ],
    prompt_cache_options: { mode },
  });

  test('automatic: the second call reads whole steps of 128', async () => {
    const key = 'sk-chat-automatic';
    const first = await ask(key, { model: 'gpt-5-mini', messages: messagesOf(documents[0]) });
    const second = await ask(key, { model: 'gpt-5-mini', messages: messagesOf(documents[1]) });
    assert.equal(first.read, 0);
    assert.ok(second.read >= 1024 && second.read < second.prompt, `${second.read} cached`);
    assert.equal(second.read % 128, 0);
    assert.equal(first.written + second.written, 0);
  });

  test('automatic: another account reads nothing', async () => {
    const usage = await ask('sk-chat-stranger', {
      model: 'gpt-5-mini',
      messages: messagesOf(documents[0]),
    });
    assert.equal(usage.read, 0);
  });

  test('a short prompt is not cached', async () => {
    const request = { model: 'gpt-5-mini', messages: [{ role: 'user', content: 'Hello' }] };
    await ask('sk-chat-short', request);
    assert.equal((await ask('sk-chat-short', request)).read, 0);
  });

  test('gpt-6-luna, explicit: the marked prefix is written once, then read', async () => {
    const key = 'sk-chat-explicit';
    const first = await ask(key, marked(documents[0], 'explicit'));
    const second = await ask(key, marked(documents[1], 'explicit'));
    assert.equal(first.read, 0);
    assert.ok(first.written >= 1024 && first.written < first.prompt, `${first.written} written`);
    assert.equal(second.read, first.written);
    assert.equal(second.written, 0);
    const bill = await simulator.bill(key);
    assert.deepEqual(
      bill.map((row) => [row.tokens.cache_write ?? 0, row.tokens.cache_read ?? 0]),
      [
        [first.written, 0],
        [0, second.read],
      ],
    );
  });

  test('gpt-6-luna, implicit: the tail is written each time as well', async () => {
    const key = 'sk-chat-implicit';
    const first = await ask(key, marked(documents[0], 'implicit'));
    const second = await ask(key, marked(documents[1], 'implicit'));
    assert.ok(second.read >= 1024);
    assert.ok(second.written > 0);
    assert.ok(first.written > second.read);
  });

  test('gpt-6-luna, explicit without a mark: caching is off', async () => {
    const request = {
      model: 'gpt-6-luna',
      messages: messagesOf(documents[0]),
      prompt_cache_options: { mode: 'explicit' },
    };
    for (let i = 0; i < 2; ++i) {
      const usage = await ask('sk-chat-off', request);
      assert.equal(usage.read + usage.written, 0);
    }
  });

  test('an older model refuses breakpoints', async () => {
    const error = await errorOf(
      client.chat.completions.create({ ...marked(documents[0], 'explicit'), model: 'gpt-5-mini' }),
    );
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.code, 'unsupported_parameter');
  });
});

describe('embeddings', () => {
  const model = 'text-embedding-3-small';
  const lengthOf = (vector) => Math.hypot(...vector);

  // Without a format the SDK asks for base64, and decodes it.
  test('base64 and numbers are the same vectors', async () => {
    const input = ['one text', 'another'];
    const decoded = await clientOf('sk-embed').embeddings.create({ model, input, dimensions: 64 });
    const numbers = await client.embeddings.create({ model, input, dimensions: 64, encoding_format: 'float' });
    assert.equal(decoded.data.length, 2);
    decoded.data.forEach((row, i) => {
      assert.equal(row.index, i);
      assert.equal(row.embedding.length, 64);
      assert.ok(Math.abs(lengthOf(row.embedding) - 1) < 1e-5);
      row.embedding.forEach((number, k) =>
        assert.ok(Math.abs(number - numbers.data[i].embedding[k]) < 1e-6),
      );
    });
    const [row] = await simulator.bill('sk-embed');
    assert.equal(row.tokens.input, decoded.usage.prompt_tokens);
    assert.equal(row.model, model);
  });

  test('one text, and one that is too long', async () => {
    const { data } = await client.embeddings.create({ model, input: 'one text' });
    assert.equal(data[0].embedding.length, 1536);
    const error = await errorOf(client.embeddings.create({ model, input: 'word '.repeat(9000) }));
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.match(error.message, /maximum context length/);
  });
});
