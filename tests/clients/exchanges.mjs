// The exchanges with the PayPal simulator, and how a suite compares them with a description.

import assert from 'node:assert/strict';
import { variable } from './environment.mjs';

// Responses that a behaviour of the simulator made wrong on purpose.
const SHAPED = ['page', 'change', 'minimal', 'refuse', 'rate_limit', 'decline'];
export const isShaped = ({ behaviour }) => SHAPED.includes(behaviour);

/** The exchanges of all operations but `others`. */
export async function exchangesExcept(others) {
  const response = await fetch(`${variable('LOCAL_URL')}/_local/paypal/exchanges`);
  const exchanges = (await response.json()).filter((exchange) => !others.includes(exchange.operation));
  assert.ok(exchanges.length > 0, 'there are no requests to PayPal: run tests/api first, as script/test does');
  return exchanges;
}

/** Shows the number of exchanges by operation and status. Fails if `findings` has some for one. */
export function assertNoFindings(t, exchanges, findings) {
  const counts = {};
  const differences = new Map();
  for (const exchange of exchanges) {
    const name = `${exchange.operation} ${exchange.status}`;
    counts[name] = (counts[name] ?? 0) + 1;
    for (const finding of findings(exchange)) differences.set(`${name}: ${finding}`, exchange);
  }
  for (const [name, count] of Object.entries(counts).sort()) t.diagnostic(`${count} x ${name}`);
  const report = [...differences].map(([sentence, exchange]) => `${sentence}\n  ${JSON.stringify(exchange)}`);
  assert.deepEqual(report, []);
}

/** Applies each change to a copy of its exchange. Fails if `findings` has none for a copy. */
export function assertAllFound(changes, findings) {
  for (const [name, exchange, change] of changes) {
    const copy = structuredClone(exchange);
    change(copy);
    assert.notDeepEqual(findings(copy), [], name);
  }
}

/** A valid exchange, with which a comparison itself is tested. */
export const ORDER = {
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

const unit = (exchange) => exchange.requestBody.purchase_units[0];
const wallet = (exchange) => exchange.requestBody.payment_source.paypal;

/** Changes that make ORDER invalid in every description: a name, the exchange and the change. */
export const INVALID_ORDERS = [
  ['a wrong address', (exchange) => (exchange.path = '/v2/orders')],
  ['a number as amount', (exchange) => (unit(exchange).amount.value = 237.6)],
  ['an amount without a currency', (exchange) => delete unit(exchange).amount.currency_code],
  ['no purchase unit', (exchange) => delete exchange.requestBody.purchase_units],
  ['an unknown intent', (exchange) => (exchange.requestBody.intent = 'HOLD')],
  ['a misspelled member', (exchange) => (wallet(exchange).experience_contxt = {})],
  ['a member in the wrong place', (exchange) => (unit(exchange).user_action = 'PAY_NOW')],
  ['an unknown status', (exchange) => (exchange.responseBody.status = 'HELD')],
  ['an unknown member in the response', (exchange) => (exchange.responseBody.approve_url = 'x')],
  ['a list instead of an order', (exchange) => (exchange.responseBody = [])],
  ['an order instead of an error', (exchange) => (exchange.status = 422)],
].map(([name, change]) => [name, ORDER, change]);
