// Checks all exchanges with the PayPal simulator against our own table of PayPal's facts,
// paypal-facts.json. It needs no file from outside, so it runs in every clone. The other suites
// must run first, because they cause the exchanges.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { assertAllFound, assertNoFindings, exchangesExcept, INVALID_ORDERS, isShaped, ORDER } from './exchanges.mjs';
import { Facts } from './facts.mjs';

const table = JSON.parse(readFileSync(new URL('paypal-facts.json', import.meta.url), 'utf8'));
const facts = new Facts(table);

// The table does not cover tokens and webhooks.
const UNCOVERED = ['oauth2.token', 'certs.get', 'verify-webhook-signature.post'];

test('exchanges match the table of facts', async (t) => {
  const findings = (exchange) => (isShaped(exchange) ? requestFindings(exchange) : facts.findings(exchange));
  assertNoFindings(t, await exchangesExcept(UNCOVERED), findings);
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
          refunds: [{ id: 'R', status: 'FAILED', custom_id: 'c', links: [{ href: 'https://api-m.paypal.com/v2/payments/captures/C', rel: 'up' }] }],
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
  for (const exchange of [ORDER, read, refused, revoked, voided]) assert.deepEqual(facts.findings(exchange), []);
});

test('every invalid exchange differs from the table', () => {
  const payments = (exchange) => exchange.responseBody.purchase_units[0].payments;
  const unit = (exchange) => exchange.requestBody.purchase_units[0];
  const changes = [
    ...INVALID_ORDERS,
    ['a wrong method', ORDER, (exchange) => (exchange.method = 'PUT')],
    ['an unknown operation', ORDER, (exchange) => (exchange.operation = 'orders.patch')],
    ['three decimals', ORDER, (exchange) => (unit(exchange).amount.value = '237.600')],
    ['a long invoice', ORDER, (exchange) => (unit(exchange).invoice_id = 'x'.repeat(128))],
    ['no status', ORDER, (exchange) => delete exchange.responseBody.status],
    ['an unlisted success', ORDER, (exchange) => (exchange.status = 202)],
    ['a body of a read', read, (exchange) => (exchange.requestBody = {})],
    ['a status of another resource', read, (exchange) => (payments(exchange).captures[0].status = 'CREATED')],
    ['an unknown reason', read, (exchange) => (payments(exchange).captures[0].status_details.reason = 'LATER')],
    ['a refund without a status', read, (exchange) => delete payments(exchange).refunds[0].status],
    ['a refund of no capture', read, (exchange) => (payments(exchange).refunds[0].links[0].rel = 'self')],
    ['no list', read, (exchange) => (payments(exchange).authorizations = {})],
    ['an amount in cents', read, (exchange) => (payments(exchange).authorizations[0].amount.value = '23760c')],
    ['a wrong name', refused, (exchange) => (exchange.responseBody.name = 'RESOURCE_CONFLICT')],
    ['an issue of another operation', refused, (exchange) => (exchange.responseBody.details[0].issue = 'ORDER_EXPIRED')],
    ['a page', refused, (exchange) => (exchange.responseBody = '<html>')],
    ['an unknown OAuth error', revoked, (exchange) => (exchange.responseBody.error = 'tired')],
    ['a body of a 204', voided, (exchange) => (exchange.responseBody = {})],
  ];
  assertAllFound(changes, (exchange) => facts.findings(exchange));
});
