// Weir's Signature Version 4, and the one that its simulator expects, against the signer of AWS's own SDK: the same random requests.
// SIGNATURE_SEED and SIGNATURE_REQUESTS repeat or widen a run.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { Sha256 } from '@aws-crypto/sha256-js';
import { HttpRequest, escapeUri } from '@smithy/core/protocols';
import { SignatureV4 } from '@smithy/signature-v4';
import { program } from './support/simulator.js';

const seed = Number(process.env.SIGNATURE_SEED ?? 20261127);
const count = Number(process.env.SIGNATURE_REQUESTS ?? 1000);

/** Weir's signer, on all requests at once. */
async function signedByWeir(requests) {
  const signer = join(dirname(program), 'weir_sign_requests');
  const child = spawn(signer, { stdio: ['pipe', 'pipe', 'inherit'] });
  const failed = new Promise((_, reject) => child.once('error', reject));
  child.stdin.end(requests.map((request) => JSON.stringify(request) + '\n').join(''));
  const lines = (await Promise.race([text(child.stdout), failed])).split('\n').filter(Boolean);
  assert.equal(lines.length, requests.length);
  return lines.map((line) => JSON.parse(line));
}

const trimmed = (value) => value.replace(/^[ \t]+|[ \t]+$/g, '');

/** The SDK knows a header once: those of one name are one list. */
function headersOf({ headers, host, port, tls }) {
  const out = new Map([['host', port === (tls ? 443 : 80) ? host : `${host}:${port}`]]);
  for (const [name, value] of headers) {
    const key = name.toLowerCase();
    out.set(key, out.has(key) ? `${out.get(key)},${trimmed(value)}` : trimmed(value));
  }
  return Object.fromEntries(out);
}

function queryOf({ query }) {
  const out = {};
  for (const [name, value] of query) (out[name] ??= []).push(value ?? '');
  return out;
}

/** A signer that remembers what it signed. */
class Signer extends SignatureV4 {
  createCanonicalRequest(...given) {
    this.canonical = super.createCanonicalRequest(...given);
    return this.canonical;
  }
}

async function signedBySdk(request) {
  const storage = request.service === 's3';
  const headers = headersOf(request);
  // AWS takes a signature over any headers; which ones the SDK leaves out is its taste, not the rule.
  const signableHeaders = new Set(Object.keys(headers));
  if (request.body === null) headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD';
  const signer = new Signer({
    credentials: {
      accessKeyId: request.id,
      secretAccessKey: request.secret,
      ...(request.token && { sessionToken: request.token }),
    },
    region: request.region,
    service: request.service,
    sha256: Sha256,
    uriEscapePath: !storage,
    applyChecksum: storage,
  });
  const signed = await signer.sign(
    new HttpRequest({
      method: request.method,
      protocol: request.tls ? 'https:' : 'http:',
      hostname: request.host,
      path: request.segments.map((segment) => `/${escapeUri(segment)}`).join(''),
      query: queryOf(request),
      headers,
      body: request.body ?? undefined,
    }),
    { signingDate: new Date(request.time), signableHeaders },
  );
  return { headers: signed.headers, canonical: signer.canonical };
}

/** Numbers of a seed (mulberry32), and what is drawn with them. */
class Draw {
  constructor(seed) {
    this.state = seed >>> 0;
  }
  below(limit) {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }
  of(list) {
    return list[this.below(list.length)];
  }
  /** Once in so many. */
  once(times) {
    return this.below(times) === 0;
  }
  list(most, make) {
    return Array.from({ length: this.below(most + 1) }, make);
  }
}

const plain = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'];
const unreserved = [...plain, ...'-._~'];
const reserved = [...":/?#[]@!$&'()*+,;=%\"<>\\^`{|} \t"];
const foreign = ['ä', 'ß', 'é', 'e\u0301', 'Ж', '語', '\u00a0', '\u200b', '😀', '\u007f', '\u0001', '\uffff'];

const word = (draw, alphabet, most = 12) => draw.list(most, () => draw.of(alphabet)).join('');
const oddWord = (draw) => {
  switch (draw.below(6)) {
    case 0:
      return draw.of(['', '.', '..', '...', '%', '%2F', '%41', '~', '+', ' ', 'a b', '..a', '=', '&']);
    case 1:
      return word(draw, [...unreserved, ...reserved, ...foreign]);
    case 2:
      return word(draw, [...unreserved, ...reserved]);
    default:
      return word(draw, unreserved);
  }
};

const models = [
  'anthropic.claude-haiku-4-5-20251001-v1:0',
  'us.amazon.nova-lite-v1:0',
  'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123',
];

function segmentsOf(draw, service) {
  if (service !== 's3' && draw.once(3))
    return ['model', draw.of(models), draw.of(['converse', 'converse-stream', 'invoke'])];
  if (service !== 's3' && draw.once(3)) return ['model-invocation-job', oddWord(draw), 'stop'];
  return [oddWord(draw), ...draw.list(4, () => oddWord(draw))];
}

function queriesOf(draw) {
  const names = draw.list(4, () => oddWord(draw));
  if (draw.once(8)) names.push('list-type', 'prefix', 'max-keys');
  const out = [];
  for (const name of names)
    // A pair without name and value is no pair.
    for (let times = 1 + (draw.once(3) ? draw.below(3) : 0); times > 0; --times)
      out.push([name, name !== '' && draw.once(5) ? null : oddWord(draw)]);
  return out;
}

function randomHeaders(draw) {
  const named = ['Content-Type', 'x-amz-meta-title', 'X-Amz-Meta-A', 'X-Amz-Tagging', 'range', 'Accept',
    'User-Agent', 'Cache-Control', 'X-Amzn-Trace-Id', 'x-amz-checksum-crc32', 'If-None-Match'];
  const name = () => (draw.once(2) ? draw.of(named) : `x-${word(draw, [...plain, ...'-._'], 8)}`);
  const value = () => {
    const spaces = () => word(draw, [' ', ' ', '\t'], 3);
    const words = draw.list(4, () => word(draw, [...unreserved, ...",;=\"'()/:äß語😀"]));
    return spaces() + words.map((one) => one + spaces()).join('');
  };
  const out = draw.list(6, () => [name(), value()]);
  // The same name once more, in letters of another case.
  if (out.length > 0 && draw.once(3)) out.push([draw.of(out)[0].toUpperCase(), value()]);
  // A plan that is signed again.
  if (draw.once(20)) out.push(['Authorization', 'AWS4-HMAC-SHA256 of before']);
  return out;
}

function bodyOf(draw, service) {
  if (service === 's3' && draw.once(2)) return null; // streamed, and not hashed
  if (draw.once(4)) return '';
  return word(draw, [...unreserved, ...reserved, ...foreign, '\n', '\r', '\0'], 400);
}

function randomRequest(draw) {
  const service = draw.of(['s3', 's3', 'bedrock', 'bedrock', 'bedrock-runtime']);
  const region = draw.of(['us-east-1', 'eu-west-1', 'ap-southeast-2', 'us-gov-west-1', 'cn-north-1']);
  const tls = !draw.once(4);
  return {
    method: draw.of(['GET', 'PUT', 'POST', 'DELETE', 'HEAD', 'PATCH']),
    segments: segmentsOf(draw, service),
    query: queriesOf(draw),
    headers: randomHeaders(draw),
    body: bodyOf(draw, service),
    host: draw.of([`${service}.${region}.amazonaws.com`, 'a-bucket.s3.amazonaws.com', '127.0.0.1', 'localhost']),
    port: draw.of([443, 443, 80, 9000, 1 + draw.below(65535)]),
    tls,
    service,
    region,
    id: `AKIA${word(draw, plain, 16)}`,
    secret: word(draw, [...plain, ...'+/='], 60),
    token: draw.once(3) ? word(draw, [...plain, ...'+/='], 300) : '',
    // 1970 to 2099, with milliseconds
    time: new Date(draw.below(4_102_444) * 1_000_000 + draw.below(1_000_000)).toISOString(),
  };
}

/** What Weir sends, in the form that the SDK has it. */
const sent = (request, ours) => {
  const headers = ours.headers.filter(([name]) => name.toLowerCase() !== 'authorization');
  return {
    ...headersOf({ ...request, headers }),
    authorization: ours.headers.findLast(([name]) => name.toLowerCase() === 'authorization')?.[1],
  };
};

async function differences(requests) {
  const weir = await signedByWeir(requests);
  const out = [];
  for (const [i, request] of requests.entries()) {
    const sdk = await signedBySdk(request);
    const ours = sent(request, weir[i]);
    const expected = sdk.headers.authorization.split('Signature=')[1];
    const agreed = ours.authorization === sdk.headers.authorization && weir[i].witness === expected;
    if (agreed && weir[i].canonical === sdk.canonical) {
      assert.deepEqual(ours, sdk.headers, JSON.stringify(request));
      continue;
    }
    out.push(
      [
        `request ${i}: ${JSON.stringify(request)}`,
        `target: ${weir[i].target}`,
        `canonical, Weir: ${JSON.stringify(weir[i].canonical)}`,
        `canonical, SDK:  ${JSON.stringify(sdk.canonical)}`,
        `Weir: ${ours.authorization}`,
        `SDK:  ${sdk.headers.authorization}`,
        `the simulator expects: ${weir[i].witness}`,
      ].join('\n'),
    );
  }
  return out;
}

describe('signatures', () => {
  test(`${count} random requests, as AWS's SDK signs them`, async (t) => {
    t.diagnostic(`seed ${seed}`);
    const draw = new Draw(seed);
    const requests = Array.from({ length: count }, () => randomRequest(draw));
    const found = await differences(requests);
    assert.equal(
      found.length,
      0,
      `seed ${seed}: ${found.length} of ${count} differ\n${found.slice(0, 5).join('\n\n')}`,
    );
    const of = (service) => requests.filter((request) => request.service === service).length;
    t.diagnostic(`s3 ${of('s3')}, bedrock ${of('bedrock')}, bedrock-runtime ${of('bedrock-runtime')}`);
  });

  test('whatever is another is signed otherwise', async () => {
    const draw = new Draw(seed + 1);
    const request = { ...randomRequest(draw), service: 'bedrock', body: '{}', token: 'a-token' };
    const others = [
      { method: request.method === 'GET' ? 'PUT' : 'GET' },
      { segments: [...request.segments, 'more'] },
      { query: [...request.query, ['more', '']] },
      { headers: [...request.headers, ['x-more', 'a']] },
      { body: '[]' },
      { host: 'other.example' },
      { service: 's3' },
      { region: 'eu-north-1' },
      { secret: `${request.secret}x` },
      { token: 'b-token' },
      { time: '2031-01-01T00:00:00Z' },
    ].map((change) => ({ ...request, ...change }));
    const signed = await signedByWeir([request, ...others]);
    const authorizations = signed.map((one, i) => sent([request, ...others][i], one).authorization);
    assert.equal(new Set(authorizations.map((one) => one.split('Signature=')[1])).size, others.length + 1);
    assert.deepEqual(await differences(others), []);
  });
});
