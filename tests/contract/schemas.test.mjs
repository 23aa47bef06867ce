// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkExample, examplesDir, listJson, loadSchemas, readJson } from './lib.mjs';

const { ajv, schemas } = loadSchemas();

for (const { file, schema } of schemas) {
  test(`schema ${file} compiles in strict mode and is named after its file`, () => {
    assert.equal(schema.$id, `urn:tillwire:schema:${file.replace(/\.json$/, '')}:1`);
    assert.equal(schema.$schema, 'https://json-schema.org/draft/2020-12/schema');
    assert.equal(typeof ajv.getSchema(schema.$id), 'function');
  });
}

for (const file of listJson(`${examplesDir}good/`)) {
  test(`good/${file} is accepted`, () => {
    const { error, known } = checkExample(ajv, file, readJson(`${examplesDir}good/${file}`));
    assert.equal(error, null);
    assert.equal(known, !file.includes('-not-known.'));
  });
}

// bad.json says which place is wrong, so that an example is never refused for another reason.
const places = readJson(`${examplesDir}bad.json`);
const bad = listJson(`${examplesDir}bad/`);
for (const file of bad) {
  test(`bad/${file} is refused at "${places[file]}"`, () => {
    const { error } = checkExample(ajv, file, readJson(`${examplesDir}bad/${file}`));
    assert.equal(error?.pointer, places[file]);
  });
}

test('every bad example has its place in bad.json and the other way round', () => {
  assert.deepEqual(Object.keys(places).sort(), bad);
});

test('every schema has a good and a bad example', () => {
  const used = new Set();
  for (const file of listJson(`${examplesDir}good/`)) {
    const value = readJson(`${examplesDir}good/${file}`);
    used.add(file.startsWith('event.') ? value.dataschema : `urn:tillwire:schema:${file.slice(0, file.indexOf('.'))}:1`);
  }
  used.add('urn:tillwire:schema:envelope:1');
  assert.deepEqual(schemas.map(({ schema }) => schema.$id).filter((id) => !used.has(id)), []);
});
