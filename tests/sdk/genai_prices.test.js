// What Weir says that a usage costs, against the npm package @pydantic/genai-prices, which has prices and arithmetic of its own. It knows
// no batches, so the sync prices are held against it: every model of the catalogue, every bucket, both sides of every tier.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { calcPrice } from '@pydantic/genai-prices';
import { program } from './support/simulator.js';

const theirNames = {
  anthropic: 'anthropic',
  azureOpenAI: 'azure',
  bedrock: 'aws',
  cohere: 'cohere',
  fireworks: 'fireworks',
  gemini: 'google',
  groq: 'groq',
  mistral: 'mistral',
  openAI: 'openai',
  together: 'together',
  vertexAI: 'google',
  xai: 'x-ai',
};

/** Names of models that differ, ours to theirs. Others are the same, but for what namesOf() says. */
const aliases = {
  'anthropic/claude-opus-4-5-20251101': 'claude-opus-4-5',
  'anthropic/claude-sonnet-4-5-20250929': 'claude-sonnet-4-5',
  'anthropic/claude-haiku-4-5-20251001': 'claude-haiku-4-5',
  'mistral/mistral-medium-2508': 'mistral-medium-3-1',
};

/** What a model may be called there. */
function namesOf(model) {
  const name = model.slice(model.indexOf('/') + 1);
  const names = [name, name.split('/').at(-1), aliases[model]];
  if (model.startsWith('cohere/')) names.push(name.replace(/-\d\d-\d{4}$/, ''));
  if (model.startsWith('bedrock/')) {
    const scoped = name.startsWith('global.') ? name : `regional.${name.replace(/^(us|eu|jp|au)\./, '')}`;
    names.push(scoped, `${scoped}-v1:0`);
  }
  return names;
}

/** Models that the package does not know, or takes for an elder one by its name: nothing to compare. */
const unknown = new Set([
  'anthropic/claude-mythos-5',
  'anthropic/claude-sonnet-5-5', // taken for claude-sonnet-5
  'anthropic/claude-haiku-5-5',
  'bedrock/amazon.nova-2-lite-v1:0',
  'groq/openai/gpt-oss-safeguard-20b', // taken for gpt-oss-120b
  'openAI/gpt-6.1-sol',
  'together/openai/gpt-oss-20b',
  'together/openai/gpt-oss-120b',
  'together/deepseek-ai/DeepSeek-V4-Flash-0731',
  'xai/grok-4.7',
  'xai/grok-4.20-0309-reasoning',
  'xai/grok-4.20-multi-agent-0309',
]);

const promptOf = (usage) => usage.input + (usage.cache_read ?? 0) + (usage.cache_write ?? 0);
const exactly = (tokens) => (usage) => promptOf(usage) === tokens;
const above = (tokens) => (usage) => promptOf(usage) > tokens;

/** Differences that are known: the models, the usages, the reason. One that is found nowhere any more fails. */
const differences = [
  {
    models: /^(openAI|azureOpenAI)\/(gpt-5\.[456]|gpt-6-astra)/,
    when: exactly(272_000),
    reason:
      'tier: "prompts with >272K input tokens" (developers.openai.com/api/docs/models/gpt-5.5), and theirs begins at 272,000; known there, ' +
      'pydantic/genai-prices#711',
  },
  {
    models: /^anthropic\/claude-sonnet-4-5/,
    when: above(200_000),
    reason: 'tier: of the beta with a window of 1M tokens, which has ended; the model takes 200,000 tokens, so ours has no price for more',
  },
  {
    models: /^xai\/grok-4\.5$/,
    when: (usage) => (usage.cache_read ?? 0) > 0,
    reason: 'price: read tokens at $0.30 a million there, $0.50 by our sources of 2026-09-23; the dearer one stands until xAI says which',
  },
];

const usages = [
  { input: 1000, output: 500 },
  { input: 1000, cache_read: 4000, output: 500 },
  { input: 1000, cache_write: 2000, output: 500 },
  { input: 1000, cache_read: 4000, cache_write: 2000, output: 500 },
  ...[99_999, 100_000, 100_001, 199_999, 200_000, 200_001, 271_999, 272_000, 272_001].flatMap((prompt) => [
    { input: prompt, output: 500 },
    { input: prompt - 90_000, cache_read: 90_000, output: 500 },
  ]),
];
// Introductory prices end with 2026.
const times = ['2026-11-23T00:00:00Z', '2027-02-01T00:00:00Z'];

const weir = (arguments_, input = '') =>
  new Promise((resolve, reject) => {
    const child = execFile(program, arguments_, { maxBuffer: 64 << 20 }, (error, stdout, stderr) =>
      error ? reject(new Error(stderr || error.message)) : resolve(stdout),
    );
    child.stdin.end(input);
  });
const jsonLines = (text) => text.split('\n').filter(Boolean).map((line) => JSON.parse(line));

/** The catalogue's models with prices, but for those that only embed. */
async function catalogueModels() {
  const lines = (await weir(['models'])).split('\n').filter((line) => !/ embeddings /.test(line));
  const names = lines.flatMap((line) => line.match(/^\S+\/\S+/) ?? []);
  const nameless = names.filter((name) => !(name.split('/')[0] in theirNames));
  assert.deepEqual(nameless, [], 'what are these providers called there?');
  return names;
}

/** Where the provider tells what was written for how long, that is the bucket; ours of five minutes is their plain one. */
function asked(model, usage, at) {
  const { cache_write: written, ...rest } = usage;
  if (written === undefined) return { model, at, ...rest };
  return { model, at, ...rest, [/\banthropic\b/.test(model) ? 'cache_write_5m' : 'cache_write']: written };
}

function theirs(model, usage, at) {
  const [provider, ...rest] = model.split('/');
  const found = calcPrice(
    {
      input_tokens: promptOf(usage),
      cache_read_tokens: usage.cache_read ?? 0,
      cache_write_tokens: usage.cache_write ?? 0,
      output_tokens: usage.output,
    },
    rest.join('/'),
    { providerId: theirNames[provider], timestamp: new Date(at) },
  );
  if (!found) return undefined;
  return namesOf(model).includes(found.model.id) ? found.total_price : undefined;
}

const same = (a, b) => Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b));

test('the models that both know', async () => {
  const models = await catalogueModels();
  assert.ok(models.length > 70, `only ${models.length} models`);
  const notKnown = models.filter((model) => theirs(model, usages[0], times[0]) === undefined);
  const here = new Set(models.map((model) => model.split('/')[0]));
  assert.deepEqual(new Set(notKnown), new Set([...unknown].filter((model) => here.has(model.split('/')[0]))));
});

test('a usage costs the same, but for the differences that are known', async () => {
  const models = (await catalogueModels()).filter((model) => !unknown.has(model));
  const cases = models.flatMap((model) => times.flatMap((at) => usages.map((usage) => ({ model, at, usage }))));
  const lines = cases.map(({ model, usage, at }) => JSON.stringify(asked(model, usage, at)) + '\n').join('');
  const ours = jsonLines(await weir(['prices', 'cost', '--lines', '-'], lines));
  assert.equal(ours.length, cases.length);
  const found = new Set();
  const unexplained = [];
  for (const [i, { model, usage, at }] of cases.entries()) {
    const [mine, other] = [Number(ours[i].cost_usd), theirs(model, usage, at)];
    if (same(mine, other)) continue;
    const known = differences.find(({ models, when }) => models.test(model) && when(usage, at));
    if (known) found.add(known);
    else unexplained.push(`${model} ${JSON.stringify(usage)} ${at}: ours ${mine}, theirs ${other}`);
  }
  assert.deepEqual(unexplained.slice(0, 20), [], `${unexplained.length} differences`);
  const stale = differences.filter((known) => !found.has(known) && models.some((model) => known.models.test(model)));
  assert.deepEqual(stale.map(({ reason }) => reason), [], 'no longer so');
});

test('what was written for an hour', async () => {
  for (const [model, ours] of [['anthropic/claude-sonnet-5', 'claude-sonnet-5'], ['anthropic/claude-opus-5-5', 'claude-opus-5-5']]) {
    const [{ cost_usd: mine }] = jsonLines(
      await weir(['prices', 'cost', model, '--input', '100', '--cache-write-1h', '2000', '--at', times[0], '--json']),
    );
    const usage = { input_tokens: 2100, cache_write_tokens: 2000, cache_write_1h_tokens: 2000 };
    const other = calcPrice(usage, ours, { providerId: 'anthropic', timestamp: new Date(times[0]) }).total_price;
    assert.ok(same(Number(mine), other), `${model}: ours ${mine}, theirs ${other}`);
  }
});
