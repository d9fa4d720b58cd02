// What the tests of the further SDKs share: the same question, and rows of a batch, as most of them write it.
import assert from 'node:assert/strict';
import { documents, instructions } from './documents.js';

export const messagesOf = (document) => [
  { role: 'system', content: instructions },
  { role: 'user', content: document.text },
];

/** JSONL of objects. */
export const jsonl = (rows) => rows.map((row) => JSON.stringify(row) + '\n').join('');

/** The objects of a JSONL text. */
export const parsed = (text) =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

export const ids = documents.map((_, i) => `doc-${i}`);

/** Every document has its one row. */
export const assertAllRows = (rows, idOf = (row) => row.custom_id) =>
  assert.deepEqual(rows.map(idOf).sort(), ids);

/** The bill has these many rows of the route, and so many tokens. */
export function assertBilled(bill, { rows, input, output }) {
  assert.equal(bill.length, rows);
  const sum = (name) => bill.reduce((all, row) => all + (row.tokens[name] ?? 0), 0);
  assert.equal(sum('input') + sum('cache_read'), input);
  assert.equal(sum('output'), output);
}
