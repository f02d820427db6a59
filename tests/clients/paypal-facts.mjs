// Checks all exchanges with the PayPal simulator against our own table of PayPal's facts,
// paypal-facts.json. It needs no file from outside, so it runs in every clone. The other suites
// must run first, because they cause the exchanges.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { variable } from './environment.mjs';
import { Facts } from './facts.mjs';

const table = JSON.parse(readFileSync(new URL('paypal-facts.json', import.meta.url), 'utf8'));
const facts = new Facts(table);

// The table does not cover tokens and webhooks.
const UNCOVERED = ['oauth2.token', 'certs.get', 'verify-webhook-signature.post'];

// Responses that a behaviour of the simulator made wrong on purpose.
const SHAPED = ['page', 'change', 'minimal', 'refuse', 'rate_limit', 'decline'];

test('exchanges match the table of facts', async (t) => {
  const response = await fetch(`${variable('LOCAL_URL')}/_local/paypal/exchanges`);
  const exchanges = (await response.json()).filter((exchange) => !UNCOVERED.includes(exchange.operation));
  assert.ok(exchanges.length > 0, 'there are no requests to PayPal: run tests/api first, as script/test does');
  const counts = {};
  const differences = new Map();
  for (const exchange of exchanges) {
    const name = `${exchange.operation} ${exchange.status}`;
    counts[name] = (counts[name] ?? 0) + 1;
    const isShaped = SHAPED.includes(exchange.behaviour);
    for (const finding of isShaped ? requestFindings(exchange) : facts.findings(exchange)) {
      differences.set(`${name}: ${finding}`, exchange);
    }
  }
  for (const [name, count] of Object.entries(counts).sort()) t.diagnostic(`${count} x ${name}`);
  const report = [...differences].map(([sentence, exchange]) => `${sentence}\n  ${JSON.stringify(exchange)}`);
  assert.deepEqual(report, []);
});

/** The findings of the request, with a response that has none. */
function requestFindings(exchange) {
  const findings = facts.findings(exchange);
  const ofResponse = facts.responseFindings(exchange);
  return findings.filter((finding) => !ofResponse.includes(finding));
}

test('every entry of the table has a source', () => {
  for (const [name, entry] of Object.entries({ ...table.resources, ...table.operations, errors: table.errors })) {
    const [source] = entry.source.split(/[: ]/);
    assert.ok(Object.keys(table.sources).some((known) => known === source) || source === 'Payments', `${name}: ${entry.source}`);
  }
  for (const { request, answers } of Object.values(facts.operations)) {
    for (const name of [request, ...Object.values(answers)]) {
      assert.ok(name === undefined || name === null || name in table.resources, name);
    }
  }
});

// The comparison itself is tested with valid exchanges and invalid variants.
const links = [{ href: 'https://api-m.paypal.com/v2/checkout/orders/5O190127TN364715T', rel: 'self', method: 'GET' }];
const created = {
  operation: 'orders.create',
  method: 'POST',
  path: '/v2/checkout/orders',
  requestBody: {
    intent: 'AUTHORIZE',
    purchase_units: [{ reference_id: 'r', custom_id: 'c', amount: { currency_code: 'USD', value: '237.60' } }],
    payment_source: { paypal: { experience_context: { user_action: 'PAY_NOW', return_url: 'https://shop.example/' } } },
  },
  status: 201,
  responseBody: { id: '5O190127TN364715T', status: 'PAYER_ACTION_REQUIRED', links },
};
const read = {
  operation: 'orders.get',
  method: 'GET',
  path: '/v2/checkout/orders/5O190127TN364715T',
  requestBody: null,
  status: 200,
  responseBody: {
    id: '5O190127TN364715T',
    status: 'COMPLETED',
    links,
    purchase_units: [
      {
        payments: {
          authorizations: [{ id: 'A', status: 'CAPTURED', amount: { currency_code: 'USD', value: '237.60' } }],
          captures: [{ id: 'C', status: 'PENDING', status_details: { reason: 'ECHECK' } }],
          refunds: [{ id: 'R', status: 'FAILED' }],
        },
      },
    ],
  },
};
const refused = {
  operation: 'captures.refund',
  method: 'POST',
  path: '/v2/payments/captures/C/refund',
  requestBody: { amount: { currency_code: 'USD', value: '1.00' } },
  status: 422,
  responseBody: { name: 'UNPROCESSABLE_ENTITY', message: 'm', debug_id: 'd', details: [{ issue: 'REFUND_TIME_LIMIT_EXCEEDED' }], links },
};
const revoked = { ...read, status: 401, responseBody: { error: 'invalid_token', error_description: 'x' } };
const voided = { ...refused, operation: 'authorizations.void', path: '/v2/payments/authorizations/A/void', requestBody: {}, status: 204, responseBody: null };

test('valid exchanges match the table', () => {
  for (const exchange of [created, read, refused, revoked, voided]) assert.deepEqual(facts.findings(exchange), []);
});

test('every invalid exchange differs from the table', () => {
  const payments = (exchange) => exchange.responseBody.purchase_units[0].payments;
  for (const [name, base, change] of [
    ['a wrong address', created, (exchange) => (exchange.path = '/v2/orders')],
    ['a wrong method', created, (exchange) => (exchange.method = 'PUT')],
    ['an unknown operation', created, (exchange) => (exchange.operation = 'orders.patch')],
    ['a number as amount', created, (exchange) => (exchange.requestBody.purchase_units[0].amount.value = 237.6)],
    ['three decimals', created, (exchange) => (exchange.requestBody.purchase_units[0].amount.value = '237.600')],
    ['an amount without a currency', created, (exchange) => delete exchange.requestBody.purchase_units[0].amount.currency_code],
    ['no purchase unit', created, (exchange) => delete exchange.requestBody.purchase_units],
    ['a long invoice', created, (exchange) => (exchange.requestBody.purchase_units[0].invoice_id = 'x'.repeat(128))],
    ['an unknown intent', created, (exchange) => (exchange.requestBody.intent = 'HOLD')],
    ['a misspelled member', created, (exchange) => (exchange.requestBody.payment_source.paypal.experience_contxt = {})],
    ['a member in the wrong place', created, (exchange) => (exchange.requestBody.purchase_units[0].user_action = 'PAY_NOW')],
    ['an unknown status', created, (exchange) => (exchange.responseBody.status = 'HELD')],
    ['no status', created, (exchange) => delete exchange.responseBody.status],
    ['an unknown member in the response', created, (exchange) => (exchange.responseBody.approve_url = 'x')],
    ['a list instead of an order', created, (exchange) => (exchange.responseBody = [])],
    ['an order instead of an error', created, (exchange) => (exchange.status = 422)],
    ['an unlisted success', created, (exchange) => (exchange.status = 202)],
    ['a body of a read', read, (exchange) => (exchange.requestBody = {})],
    ['a status of another resource', read, (exchange) => (payments(exchange).captures[0].status = 'CREATED')],
    ['an unknown reason', read, (exchange) => (payments(exchange).captures[0].status_details.reason = 'LATER')],
    ['a refund without a status', read, (exchange) => delete payments(exchange).refunds[0].status],
    ['no list', read, (exchange) => (payments(exchange).authorizations = {})],
    ['an amount in cents', read, (exchange) => (payments(exchange).authorizations[0].amount.value = '23760c')],
    ['a wrong name', refused, (exchange) => (exchange.responseBody.name = 'RESOURCE_CONFLICT')],
    ['an issue of another operation', refused, (exchange) => (exchange.responseBody.details[0].issue = 'ORDER_EXPIRED')],
    ['a page', refused, (exchange) => (exchange.responseBody = '<html>')],
    ['an unknown OAuth error', revoked, (exchange) => (exchange.responseBody.error = 'tired')],
    ['a body of a 204', voided, (exchange) => (exchange.responseBody = {})],
  ]) {
    const copy = structuredClone(base);
    change(copy);
    assert.notDeepEqual(facts.findings(copy), [], name);
  }
});
