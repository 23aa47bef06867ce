// SPDX-License-Identifier: Apache-2.0
// names.md is the registry of names: whatever the schemas and the code's tables name stands there.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { contractDir, loadSchemas } from './lib.mjs';

const page = readFileSync(`${contractDir}names.md`, 'utf8');
const source = (path) => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');
const { schemas } = loadSchemas();

// Cells of the table rows whose first cell is one name in backticks.
const rows = [...page.matchAll(/^\| `([^`|]+)` \|(.*)\|$/gm)].map(([, name, rest]) => [name, ...rest.split('|').map((cell) => cell.trim())]);
const listed = (cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name);
// Rows X(…) of a table of the code, with their texts and numbers; NULL is "".
function codeTable(text, name) {
  const [table] = text.match(new RegExp(`^#define ${name}\\(X\\)(?:.*\\\\\\n)+.*`, 'm'));
  return [...table.matchAll(/^\s+X\(((?:"[^"]*"|[^")])*)\)/gm)].map(([, row]) =>
    [...row.matchAll(/"([^"]*)"|\b(NULL)\b|\b(\d+)\b/g)].map(([, quoted, , number]) => quoted ?? number ?? ''));
}

function* propertyNames(schema) {
  for (const [keyword, value] of Object.entries(schema)) {
    if (keyword === 'properties' || keyword === '$defs') {
      for (const [name, inner] of Object.entries(value)) {
        if (keyword === 'properties') {
          yield name;
        }
        yield* propertyNames(inner);
      }
    } else if (keyword === 'items') {
      yield* propertyNames(value);
    }
  }
}

for (const { file, schema } of schemas) {
  test(`names.md explains every field of ${file}`, () => {
    const named = new Set(listed(page));
    assert.deepEqual([...propertyNames(schema)].filter((name) => !named.has(name)), []);
  });
}

test('the types of events are the same in names.md, the envelope and the code', () => {
  const code = codeTable(source('include/tillwire/event.h'), 'TW_EVENT_TYPES').map(([, type, schema, family]) => [type, schema, `evt/${family}`]);
  const onPage = rows.filter((cells) => cells.length === 5 && cells[3].startsWith('`evt/')).map(([type, schema, , topic]) => [type, ...listed(schema), ...listed(topic)]);
  assert.ok(code.length >= 10);
  assert.deepEqual(onPage.sort(), code.sort());
  const envelope = schemas.find(({ file }) => file === 'envelope.json').schema;
  const known = new Set(envelope.allOf.flatMap((rule) => rule.if.properties.type.enum ?? [rule.if.properties.type.const]));
  assert.deepEqual([...known].sort(), code.map(([type]) => `io.tillwire.${type}`).sort());
});

test('the metrics are the same in names.md and the code', () => {
  const code = codeTable(source('include/tillwire/metrics.h'), 'TW_METRICS').map(([name, kind, one, two]) => [`tillwire_${name}`, kind, ...[one, two].filter(Boolean)]);
  const onPage = rows.filter(([name]) => name.startsWith('tillwire_')).map(([name, kind, labels]) => [name, kind, ...listed(labels)]);
  assert.ok(code.length >= 20);
  assert.deepEqual(onPage, code);
});

test('the problems are the same in names.md and the code', () => {
  const code = codeTable(source('agent/desk/problem.h'), 'TW_PROBLEMS').map(([status, slug]) => [slug, status]);
  const section = page.slice(page.indexOf('### Problems'), page.indexOf('## Metrics'));
  const onPage = [...section.matchAll(/^\| `([a-z-]+)` \| (\d+) \|/gm)].map(([, slug, status]) => [slug, status]);
  assert.ok(code.length >= 10);
  assert.deepEqual(onPage, code);
});

test('every promise stands on the page', () => {
  assert.deepEqual([...page.matchAll(/^- \*\*(P\d+) /gm)].map(([, name]) => name), Array.from({ length: 12 }, (_, i) => `P${i + 1}`));
});
