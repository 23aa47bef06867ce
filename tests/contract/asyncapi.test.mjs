// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { readFileSync } from 'node:fs';
import asyncapi from '@asyncapi/parser';
import { contractDir, loadSchemas } from './lib.mjs';

// Severities of the parser: 0 error, 1 warning, 2 information ("there is a newer AsyncAPI").
const WARNING = 1;
let document;

before(async () => {
  const file = `${contractDir}asyncapi.yaml`;
  const parser = new asyncapi.Parser();
  const result = await parser.parse(readFileSync(file, 'utf8'), { source: file });
  const findings = result.diagnostics.filter(({ severity }) => severity <= WARNING);
  assert.deepEqual(findings.map(({ message, path }) => `${path.join('.')}: ${message}`), []);
  document = result.document;
});

test('the official parser accepts the document as AsyncAPI 3.0.0', () => {
  assert.equal(document.version(), '3.0.0');
});

test('the topics are those of the contract', () => {
  const own = 'tillwire/v1/{tenant}/{store}/{terminal}/';
  const topics = ['evt/sale', 'evt/loyalty', 'evt/audit', 'evt/coupon', 'evt/capture', 'evt/device', 'state', 'ack', 'reject', 'req/members', 'rsp/members'];
  assert.deepEqual(
    document.channels().all().map((channel) => channel.address()).sort(),
    [...topics.map((topic) => own + topic), 'tillwire/v1/{tenant}/{store}/members'].sort(),
  );
});

test('every operation says its quality of service, and only state is retained', () => {
  for (const operation of document.operations().all()) {
    const mqtt = operation.bindings().get('mqtt').value();
    assert.equal(mqtt.qos, 1, operation.id());
    assert.equal(mqtt.retain ?? false, operation.id() === 'sendState', operation.id());
  }
});

test('the will is a state message', () => {
  const { lastWill } = document.servers().get('broker').bindings().get('mqtt').value();
  const { ajv } = loadSchemas();
  assert.equal(ajv.validate('urn:tillwire:schema:state:1', JSON.parse(lastWill.message)), true);
  assert.deepEqual([lastWill.qos, lastWill.retain], [1, true]);
  assert.match(lastWill.topic, /^tillwire\/v1\/\w+\/\w+\/\w+\/state$/);
});

test('every type of event that the envelope knows has its message, and no other', () => {
  const { schemas } = loadSchemas();
  const envelope = schemas.find(({ file }) => file === 'envelope.json').schema;
  const known = new Set(envelope.allOf.flatMap((rule) => rule.if.properties.type.enum ?? [rule.if.properties.type.const]));
  const messages = document.messages().all().map((message) => message.name()).filter((name) => name.startsWith('io.tillwire.'));
  assert.deepEqual([...new Set(messages)].sort(), [...known].sort());
});
