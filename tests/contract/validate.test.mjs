// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { examplesDir, listJson, readJson } from './lib.mjs';

const program = fileURLToPath(new URL('./validate.mjs', import.meta.url));
const run = (args, input) => spawnSync(process.execPath, [program, ...args], { input, encoding: 'utf8' });
const events = listJson(`${examplesDir}good/`)
  .filter((file) => file.startsWith('event.'))
  .map((file) => ({ file, event: readJson(`${examplesDir}good/${file}`) }));
const known = events.filter(({ file }) => !file.includes('-not-known.')).map(({ event }) => event);
const sale = known.find((event) => event.type === 'io.tillwire.sale.completed');
const lines = (list) => `${list.map((event) => JSON.stringify(event)).join('\n')}\n`;

test('good events hold', () => {
  const { status, stdout } = run(['-'], lines(known));
  assert.equal(stdout, `${known.length} events, 0 broken\n`);
  assert.equal(status, 0);
});

test('types and schema numbers that are not known are errors, or allowed when asked', () => {
  const all = lines(events.map(({ event }) => event));
  assert.equal(run(['-'], all).status, 1);
  assert.equal(run(['--allow-unknown', '-'], all).status, 0);
});

test('a broken event is named by its line and place, and the others are still checked', () => {
  const { status, stdout } = run(['-'], `${lines([sale])}{"id":1}\n{\n\n${lines([{ ...sale, subject: `${sale.subject}x` }])}`);
  assert.match(stdout, /^-:2: "\/specversion": required/m);
  assert.match(stdout, /^-:3: "": is not JSON/m);
  assert.match(stdout, /^-:5: "\/subject": subject/m);
  assert.match(stdout, /4 events, 3 broken/);
  assert.equal(status, 1);
});

test('a transaction of another till and an event above 64 KiB are refused', () => {
  const other = { ...sale, data: { ...sale.data, workstation: '08' } };
  const large = { ...sale, padding: 'x'.repeat(65536) };
  const { stdout } = run(['-'], lines([other, large]));
  assert.match(stdout, /^-:1: "\/data\/transaction_id"/m);
  assert.match(stdout, /^-:2: "": an event has at most 64 KiB/m);
});

test('a missing file and no file at all are usage errors', () => {
  assert.equal(run(['/nonexistent/events.jsonl']).status, 2);
  assert.equal(run([]).status, 2);
});
