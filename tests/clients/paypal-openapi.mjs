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

function findings(exchange) {
  const description = descriptions.find((candidate) => candidate.has(exchange.operation));
  if (!description) return [`no description has the operation ${exchange.operation}`];
  return description.findings(exchange);
}

const isUnlisted = (exchange) => UNLISTED.includes(exchange.responseBody?.details?.[0]?.issue);

// Responses that a behaviour of the simulator made wrong on purpose. Refused tokens follow RFC 6749.
const SHAPED = ['page', 'change', 'minimal', 'refuse', 'rate_limit', 'decline', 'revoked'];
const isShaped = (exchange) => SHAPED.includes(exchange.behaviour) || isRestricted(exchange);

test("exchanges match PayPal's descriptions", { skip }, async (t) => {
  const response = await fetch(`${variable('LOCAL_URL')}/_local/paypal/exchanges`);
  const exchanges = (await response.json()).filter((exchange) => !UNDESCRIBED.includes(exchange.operation));
  assert.ok(exchanges.length > 0, 'there are no requests to PayPal: run tests/api first, as script/test does');
  const counts = {};
  const differences = new Map();
  for (const exchange of exchanges) {
    const name = `${exchange.operation} ${exchange.status}`;
    counts[name] = (counts[name] ?? 0) + 1;
    if (isUnlisted(exchange) || isShaped(exchange)) continue;
    for (const finding of findings(exchange)) {
      const sentence = `${name}: ${finding.replace(/\/\d+/g, '/n')}`;
      differences.set(sentence, exchange);
    }
  }
  for (const [name, count] of Object.entries(counts).sort()) t.diagnostic(`${count} x ${name}`);
  const report = [...differences].map(([sentence, exchange]) => `${sentence}\n  ${JSON.stringify(exchange)}`);
  assert.deepEqual(report, []);
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
const order = {
  operation: 'orders.create',
  method: 'POST',
  path: '/v2/checkout/orders',
  requestBody: {
    intent: 'AUTHORIZE',
    purchase_units: [{ reference_id: 'r', custom_id: 'c', amount: { currency_code: 'USD', value: '237.60' } }],
    payment_source: { paypal: { experience_context: { user_action: 'PAY_NOW', return_url: 'https://shop.example/' } } },
  },
  status: 201,
  responseBody: {
    id: '5O190127TN364715T',
    status: 'PAYER_ACTION_REQUIRED',
    links: [{ href: 'https://www.paypal.com/checkoutnow?token=5O190127TN364715T', rel: 'payer-action', method: 'GET' }],
  },
};

const comparisons = [new Description(example), ...descriptions.filter((description) => description.has(order.operation))];

test('a valid exchange has no findings', () => {
  for (const comparison of comparisons) assert.deepEqual(comparison.findings(order), []);
});

test('every invalid exchange has findings', () => {
  for (const [name, change] of [
    ['a wrong address', (exchange) => (exchange.path = '/v2/orders')],
    ['a number as amount', (exchange) => (exchange.requestBody.purchase_units[0].amount.value = 237.6)],
    ['an amount without a currency', (exchange) => delete exchange.requestBody.purchase_units[0].amount.currency_code],
    ['no purchase unit', (exchange) => delete exchange.requestBody.purchase_units],
    ['an unknown intent', (exchange) => (exchange.requestBody.intent = 'HOLD')],
    ['a misspelled member', (exchange) => (exchange.requestBody.payment_source.paypal.experience_contxt = {})],
    ['a member in the wrong place', (exchange) => (exchange.requestBody.purchase_units[0].user_action = 'PAY_NOW')],
    ['an unknown status', (exchange) => (exchange.responseBody.status = 'HELD')],
    ['an unknown member in the response', (exchange) => (exchange.responseBody.approve_url = 'x')],
    ['an error instead of an order', (exchange) => (exchange.responseBody = [])],
    ['an order instead of an error', (exchange) => (exchange.status = 422)],
  ]) {
    const copy = structuredClone(order);
    change(copy);
    for (const comparison of comparisons) assert.notDeepEqual(comparison.findings(copy), [], name);
  }
});
