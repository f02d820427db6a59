// Checks all exchanges with the PayPal simulator against PayPal's own API descriptions. This covers
// the product's requests and the simulator's responses. The other suites must run first, because
// they cause the exchanges.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Description } from './openapi.mjs';
import { example } from './openapi-example.mjs';
import { variable } from './environment.mjs';
import { assertAllFound, assertNoFindings, exchangesExcept, INVALID_ORDERS, isShaped, ORDER } from './exchanges.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const folder = process.env.EXODRIVE_PAYPAL_SPECS || resolve(root, '../shared/specs/paypal');
const files = ['checkout_orders_v2.json', 'payments_payment_v2.json', 'notifications_webhooks_v1.json'].map((name) => resolve(folder, name));
const hasFiles = files.every((file) => existsSync(file));
const skip = hasFiles ? false : 'no OpenAPI files';
if (!hasFiles) console.log(`skipped: no OpenAPI files in ${folder} (set EXODRIVE_PAYPAL_SPECS to another folder)`);
const descriptions = hasFiles ? files.map((file) => new Description(read(file))) : [];

function read(file) {
  const document = JSON.parse(readFileSync(file, 'utf8'));
  // The pattern requires a letter or a digit first, but one signature in 32 begins with + or /.
  delete document.components.schemas.verify_webhook_signature?.properties.transmission_sig.pattern;
  return document;
}

// PayPal returns these issues, but its descriptions of February 2024 do not list them.
const UNLISTED = ['INSTRUMENT_DECLINED', 'REAUTHORIZATION_TOO_SOON', 'DUPLICATE_REQUEST_ID'];
const isRestricted = ({ operation, behaviour }) => operation === 'orders.authorize' && behaviour === 'restricted';

// None of the descriptions covers these operations.
const UNDESCRIBED = ['oauth2.token', 'certs.get'];

const isUnlisted = (exchange) => UNLISTED.includes(exchange.responseBody?.details?.[0]?.issue);
// Refused tokens follow RFC 6749.
const isRevoked = ({ behaviour }) => behaviour === 'revoked';
const isExempt = (exchange) => [isUnlisted, isShaped, isRevoked, isRestricted].some((is) => is(exchange));

function findings(exchange) {
  if (isExempt(exchange)) return [];
  const description = descriptions.find((candidate) => candidate.has(exchange.operation));
  if (!description) return [`no description has the operation ${exchange.operation}`];
  return description.findings(exchange).map((finding) => finding.replace(/\/\d+/g, '/n'));
}

test("exchanges match PayPal's descriptions", { skip }, async (t) => {
  assertNoFindings(t, await exchangesExcept(UNDESCRIBED), findings);
});

test('every POST to orders and payments has a request id', async () => {
  const response = await fetch(`${variable('LOCAL_URL')}/_local/paypal/exchanges`);
  const exchanges = (await response.json()).filter((exchange) => exchange.method === 'POST' && exchange.path.startsWith('/v2/'));
  // The tests also act as PayPal's dashboard, with ids of their own.
  const form = /^dashboard-|^[0-9a-f-]{36}:(order|authorize|capture|reauthorize|void|refund):[1-9][0-9]*$/;
  for (const { operation, requestHeaders } of exchanges) {
    assert.match(requestHeaders['paypal-request-id'] ?? '', form, operation);
  }
});

// The comparison itself is tested with one valid exchange and invalid variants, always against an
// example, and against PayPal's descriptions if they are there.
const comparisons = [new Description(example), ...descriptions.filter((description) => description.has(ORDER.operation))];

test('a valid exchange has no findings', () => {
  for (const comparison of comparisons) assert.deepEqual(comparison.findings(ORDER), []);
});

test('every invalid exchange has findings', () => {
  for (const comparison of comparisons) assertAllFound(INVALID_ORDERS, (exchange) => comparison.findings(exchange));
});
