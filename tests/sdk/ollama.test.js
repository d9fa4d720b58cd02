// The official `ollama` SDK: models, chat, streams, schemas, errors. There are no batches.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Ollama } from 'ollama';
import { answerSchema, documents } from './support/documents.js';
import { messagesOf } from './support/chat.js';
import { Simulator, errorOf } from './support/simulator.js';

const model = 'llama3.2';
let simulator;
let client;

before(async () => {
  simulator = await Simulator.start();
  client = new Ollama({ host: simulator.at('/ollama') });
});
after(() => simulator?.stop());

describe('ollama', () => {
  test('models', async () => {
    const { models } = await client.list();
    assert.ok(models.some((one) => one.name.startsWith('llama3.2')));
  });

  test('an answer with its counts', async () => {
    const answer = await client.chat({ model, messages: messagesOf(documents[0]) });
    assert.equal(answer.done, true);
    assert.equal(answer.done_reason, 'stop');
    assert.ok(answer.message.content.length > 0);
    assert.ok(answer.prompt_eval_count > 1000);
    assert.ok(answer.eval_count > 0);
    assert.ok(answer.created_at);
  });

  test('a stream, with the counts on its last part', async () => {
    const stream = await client.chat({ model, messages: messagesOf(documents[1]), stream: true });
    let text = '';
    let last;
    for await (const part of stream) {
      text += part.message.content;
      last = part;
    }
    assert.ok(text.length > 0);
    assert.equal(last.done, true);
    assert.ok(last.eval_count > 0);
  });

  test('an answer of a schema', async () => {
    const answer = await client.chat({ model, messages: messagesOf(documents[2]), format: answerSchema });
    assert.equal(JSON.parse(answer.message.content).section, documents[2].section);
  });

  test('a model that is not there', async () => {
    const error = await errorOf(client.chat({ model: 'none', messages: messagesOf(documents[0]) }));
    assert.equal(error.status_code, 404);
  });
});

describe('embeddings', () => {
  test('a vector for each text', async () => {
    const answer = await client.embed({ model: 'nomic-embed-text', input: ['one text', 'another'], dimensions: 64 });
    assert.equal(answer.model, 'nomic-embed-text');
    assert.deepEqual(answer.embeddings.map((vector) => vector.length), [64, 64]);
    assert.ok(answer.prompt_eval_count > 0);
  });

  test('what is too long is cut, unless that is refused', async () => {
    const asked = { model: 'nomic-embed-text', input: 'word '.repeat(3000) };
    assert.equal((await client.embed(asked)).embeddings.length, 1);
    const error = await errorOf(client.embed({ ...asked, truncate: false }));
    assert.match(error.message, /exceeds the context length/);
  });
});
