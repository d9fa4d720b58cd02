// Prism (npm @stoplight/prism-cli) as a validating proxy: weir -> recorder -> Prism -> weir sim. Prism holds every request and every
// answer against the OpenAPI document and turns what is not so into an error; the recorder keeps what went by.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createServer, request } from 'node:http';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { until } from './simulator.js';

const require = createRequire(import.meta.url);
const program = require.resolve('@stoplight/prism-cli/dist/index.js');
const document = fileURLToPath(new URL('../../third_party/openai-openapi/openapi.json', import.meta.url));
const START_MS_MAX = 90_000; // it loads hundreds of modules
// An identifier or of the provider's, as a part of a path; what is left tells the operation.
const IDENTIFIER = /\/(file|batch|gpt)[-_][^/?]+/g;

const listening = (server) => new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
const whole = async (stream) => {
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
};

/** A port that nobody had a moment ago: Prism cannot be told to choose one and say which. */
async function freePort() {
  const server = createServer();
  const port = await listening(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * The schemas of the document that Prism's validator cannot compile: it would let everything pass there, and say nothing.
 * @returns {Promise<{schemas: number, faults: string[]}>}
 */
export async function unusableSchemas() {
  const { getHttpOperationsFromSpec } = require('@stoplight/prism-cli/dist/operations.js');
  const { default: Ajv } = require('ajv');
  const faults = [];
  let schemas = 0;
  for (const operation of await getHttpOperationsFromSpec(document)) {
    const asked = operation.request?.body?.contents ?? [];
    for (const { schema } of [...asked, ...operation.responses.flatMap(({ contents }) => contents ?? [])]) {
      if (!schema) continue;
      ++schemas;
      try {
        new Ajv({ strict: false, allowUnionTypes: true, logger: false }).compile({ ...schema, __bundled__: operation.__bundled__ });
      } catch (error) {
        faults.push(`${operation.method} ${operation.path}: ${error.message}`);
      }
    }
  }
  return { schemas, faults };
}

export class ValidatingProxy {
  #child;
  #server;
  #port;
  #said = '';
  /** What went by: { operation, status, violations, body }. */
  exchanges = [];
  /** The next answer to this operation is not given: the connection breaks. */
  loseAnswerOf;

  /** @param {string} upstream base URL, as the document's paths begin behind it. */
  static async start(upstream) {
    const proxy = new ValidatingProxy();
    proxy.#port = await freePort();
    const flags = ['proxy', document, upstream, '--errors', '--host', '127.0.0.1', '--port', proxy.#port];
    proxy.#child = spawn(process.execPath, [program, ...flags.map(String)], { stdio: ['ignore', 'pipe', 'pipe'] });
    const child = proxy.#child;
    process.on('exit', () => child.kill('SIGKILL'));
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (proxy.#said += text));
    await until(
      () => {
        assert.equal(child.exitCode, null, proxy.#said);
        return proxy.#said.includes('Prism is listening');
      },
      { max: START_MS_MAX },
    );
    proxy.#server = createServer((incoming, outgoing) => {
      proxy.#forward(incoming, outgoing).catch((error) => outgoing.destroy(error));
    });
    proxy.url = `http://127.0.0.1:${await listening(proxy.#server)}`;
    return proxy;
  }

  async #forward(incoming, outgoing) {
    const body = await whole(incoming);
    const answer = await new Promise((resolve, reject) => {
      const { host, ...headers } = incoming.headers;
      const { method, url: path } = incoming;
      const sent = request({ host: '127.0.0.1', port: this.#port, method, path, headers }, resolve);
      sent.on('error', reject).end(body);
    });
    const bytes = await whole(answer);
    const type = answer.headers['content-type'] ?? '';
    const operation = `${incoming.method} ${incoming.url.replace(/\?.*/, '').replace(IDENTIFIER, '/{$1}')}`;
    this.exchanges.push({
      operation,
      status: answer.statusCode,
      violations: type.includes('problem+json') ? this.#violations(bytes) : [],
      body: body.toString(),
    });
    if (operation === this.loseAnswerOf) {
      this.loseAnswerOf = undefined;
      incoming.socket.destroy();
      return;
    }
    const { 'transfer-encoding': chunked, connection, ...kept } = answer.headers;
    outgoing.writeHead(answer.statusCode, { ...kept, 'content-length': bytes.length }).end(bytes);
  }

  #violations(bytes) {
    const problem = JSON.parse(bytes);
    return problem.validation?.map(({ location, message }) => `${location.join('.')}: ${message}`) ?? [problem.title];
  }

  /** Every violation, each once, with the operation it belongs to. */
  get violations() {
    const all = this.exchanges.flatMap(({ operation, violations }) => violations.map((text) => `${operation}: ${text}`));
    return [...new Set(all)].sort();
  }
  /** The operations that were answered well. */
  get operations() {
    return new Set(this.exchanges.filter(({ status }) => status < 300).map(({ operation }) => operation));
  }

  async stop() {
    this.#server?.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }
}
