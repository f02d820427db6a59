// Every exchange that the other suites had with the PayPal simulator, compared with PayPal's own descriptions of its
// API: the product's requests, so that PayPal will take them, and the simulator's answers, so that it simulates PayPal.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Description } from './openapi.mjs';
import { variable } from './surroundings.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const folder = process.env.EXODRIVE_PAYPAL_SPECS || resolve(root, '../shared/specs/paypal');
const files = ['checkout_orders_v2.json', 'payments_payment_v2.json', 'notifications_webhooks_v1.json'].map((name) => resolve(folder, name));
const isThere = files.every((file) => existsSync(file));
const skip = isThere ? false : 'no OpenAPI files';
if (!isThere) console.log(`skipped: no OpenAPI files in ${folder} (EXODRIVE_PAYPAL_SPECS names another folder)`);
const descriptions = isThere ? files.map((file) => new Description(read(file))) : [];

function read(file) {
  const document = JSON.parse(readFileSync(file, 'utf8'));
  // The pattern wants a letter or a digit first; one signature in 32 begins with another sign of base64.
  delete document.components.schemas.verify_webhook_signature?.properties.transmission_sig.pattern;
  return document;
}

// Issues that PayPal gives and that its descriptions, of February 2024, do not list.
const UNLISTED = ['INSTRUMENT_DECLINED', 'REAUTHORIZATION_TOO_SOON', 'DUPLICATE_REQUEST_ID'];

// What none of the descriptions is about.
const UNDESCRIBED = ['oauth2.token', 'certs.get'];

function findings(exchange) {
  const description = descriptions.find((candidate) => candidate.has(exchange.operation));
  if (!description) return [`no description has the operation ${exchange.operation}`];
  return description.findings(exchange);
}

const isUnlisted = (exchange) => UNLISTED.includes(exchange.responseBody?.details?.[0]?.issue);

test('every exchange with PayPal is as PayPal describes it', { skip }, async (t) => {
  const answer = await fetch(`${variable('LOCAL_URL')}/_local/paypal/exchanges`);
  const exchanges = (await answer.json()).filter((exchange) => !UNDESCRIBED.includes(exchange.operation));
  assert.ok(exchanges.length > 0, 'nothing was asked of PayPal yet: run tests/api first, as script/test does');
  const counts = {};
  const wrong = new Map();
  for (const exchange of exchanges) {
    const name = `${exchange.operation} ${exchange.status}`;
    counts[name] = (counts[name] ?? 0) + 1;
    if (isUnlisted(exchange)) continue;
    for (const finding of findings(exchange)) {
      const sentence = `${name}: ${finding.replace(/\/\d+/g, '/n')}`;
      wrong.set(sentence, exchange);
    }
  }
  for (const [name, count] of Object.entries(counts).sort()) t.diagnostic(`${count} x ${name}`);
  const report = [...wrong].map(([sentence, exchange]) => `${sentence}\n  ${JSON.stringify(exchange)}`);
  assert.deepEqual(report, []);
});

test('money that moves is asked for under an id of ours', { skip }, async () => {
  const answer = await fetch(`${variable('LOCAL_URL')}/_local/paypal/exchanges`);
  const exchanges = (await answer.json()).filter((exchange) => exchange.method === 'POST' && exchange.path.startsWith('/v2/'));
  // What a test does in PayPal's dashboard is not the product's.
  const form = /^dashboard-|^[0-9a-f-]{36}:(order|authorize|capture|reauthorize|void|refund):[1-9][0-9]*$/;
  for (const { operation, requestHeaders } of exchanges) {
    assert.match(requestHeaders['paypal-request-id'] ?? '', form, operation);
  }
});

// The comparison itself: one exchange that is right, and what is found when a part of it is wrong.
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

function changed(change) {
  const copy = structuredClone(order);
  change(copy);
  return findings(copy);
}

test('an exchange as described has no findings', { skip }, () => {
  assert.deepEqual(findings(order), []);
});

test('what is not as described is found', { skip }, () => {
  for (const [what, change] of [
    ['a wrong address', (exchange) => (exchange.path = '/v2/orders')],
    ['an amount that is a number', (exchange) => (exchange.requestBody.purchase_units[0].amount.value = 237.6)],
    ['an amount without a currency', (exchange) => delete exchange.requestBody.purchase_units[0].amount.currency_code],
    ['no purchase unit', (exchange) => delete exchange.requestBody.purchase_units],
    ['an unknown intent', (exchange) => (exchange.requestBody.intent = 'HOLD')],
    ['a misspelt member', (exchange) => (exchange.requestBody.payment_source.paypal.experience_contxt = {})],
    ['a member in the wrong place', (exchange) => (exchange.requestBody.purchase_units[0].user_action = 'PAY_NOW')],
    ['a status that no order has', (exchange) => (exchange.responseBody.status = 'HELD')],
    ['a member that PayPal does not answer', (exchange) => (exchange.responseBody.approve_url = 'x')],
    ['an error instead of an order', (exchange) => (exchange.responseBody = [])],
    ['an order instead of an error', (exchange) => (exchange.status = 422)],
  ]) {
    assert.notDeepEqual(changed(change), [], what);
  }
});
