// Runs `weir run` as a user would, against an endpoint.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { program } from './simulator.js';

const RUN_MS_MAX = 100_000;

const jsonl = (rows) => rows.map((row) => JSON.stringify(row) + '\n').join('');

/**
 * @param {object} job
 * @param {object[]} job.input records, or ready-made request lines.
 * @param {string[]} job.flags besides the paths, the endpoint, the key and the clock.
 * @param {string} [job.prompt] @param {object} [job.schema]
 * @returns {Promise<{code: number, said: string, answers: object[]}>}
 */
export async function run({ input, prompt, schema, endpoint, clock, flags }) {
  const folder = await mkdtemp(join(tmpdir(), 'weir-run-'));
  const file = async (name, text) => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  const out = join(folder, 'answers.jsonl');
  const all = ['run', await file('input.jsonl', jsonl(input)), '-o', out, '--endpoint', endpoint, '--clock', `sim:${clock}`];
  all.push('--key-file', await file('key', 'sk-document'), '--timeout', '60s', ...flags);
  if (prompt) all.push('--prompt', await file('prompt.md', prompt));
  if (schema) all.push('--schema', await file('schema.json', JSON.stringify(schema)));
  try {
    const { code, said } = await new Promise((resolve) => {
      execFile(program, all, { timeout: RUN_MS_MAX }, (error, stdout, stderr) =>
        resolve({ code: error ? (error.code ?? error.signal) : 0, said: stdout + stderr }),
      );
    });
    const text = await readFile(out, 'utf8').catch(() => '');
    return { code, said, answers: text.split('\n').filter(Boolean).map((line) => JSON.parse(line)) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
