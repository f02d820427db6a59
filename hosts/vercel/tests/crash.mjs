// Functions that are killed in the middle of a payment, black box over BASE_URL, against script/host-vercel, after which
// the same is asked again: nothing is lost, and nothing is done twice. node --test hosts/vercel/tests/crash.mjs

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import {
  approvedOrder, askForCaptures, authorize, eventually, exchanges, fault, hold, kill, noFaults, now, operations, order, pass, payments, readBack,
} from "./customer.mjs";

const ORDER = "/api/bookings/create-paypal-order";
const AUTHORIZE = "/api/bookings/authorize-paypal-order";
const CAPTURES = "/api/admin/process-payment-captures";
// Longer than any function waits.
const FOR_LONG = { kind: "delay", delayMs: 300_000 };

afterEach(noFaults);

// Begins something, kills the function that does it once `isUnderWay`, and ends the trouble that held it up.
async function killed(path, begin, isUnderWay) {
  const begun = begin();
  await eventually(`${path} is in the middle of it`, isUnderWay);
  await kill(path);
  const answer = await begun;
  assert.deepEqual([answer.status, answer.headers.get("x-vercel-error")], [500, "FUNCTION_INVOCATION_FAILED"], answer.text);
  await noFaults();
}

const isWrittenDown = (booking, kind) => async () => (await operations(booking, kind)).some(({ status }) => status === "open");
const isDone = (booking, kind) => async () => (await exchanges(booking, kind)).some(({ status }) => status === 201);

// PayPal did it once, whatever else it was asked, and always under one id: what PayPal answered.
async function onlyEffect(booking, kind) {
  const asked = await exchanges(booking, kind);
  assert.equal(asked.filter(({ status }) => status === 201).length, 1);
  assert.equal(new Set(asked.map(({ requestId }) => requestId)).size, 1);
  assert.equal((await payments(booking)).length, 1);
  return asked[0].responseBody;
}

async function orderAgain(held) {
  const [first, second] = [await order(held), await order(held)];
  assert.deepEqual([first.status, second.status], [201, 201], first.text);
  assert.deepEqual(second.json, first.json);
  assert.equal((await onlyEffect(held.id, "orders.create")).id, first.json.orderID);
  assert.equal((await readBack(held)).status, "pending_payment");
}

test("an order whose function is killed before PayPal has made it is made by the next request", async () => {
  const held = await hold(40);
  await fault("paypal", { ...FOR_LONG, path: "/v2/checkout/orders" });
  await killed(ORDER, () => order(held), isWrittenDown(held.id, "order"));
  assert.deepEqual(await exchanges(held.id, "orders.create"), []);
  await orderAgain(held);
});

test("an order whose function is killed before it is noted is found by the next request", async () => {
  const held = await hold(50);
  await fault("database", { ...FOR_LONG, path: "rpc/record_paypal_order" });
  await killed(ORDER, () => order(held), isDone(held.id, "orders.create"));
  await orderAgain(held);
});

// The killed function's lease of a minute stands in everybody's way, then in nobody's.
async function authorizeAgain(held, orderId) {
  const early = await authorize(orderId);
  assert.deepEqual([early.status, early.json.code, early.json.retryable], [409, "payment_in_progress", true], early.text);
  assert.match(early.headers.get("retry-after"), /^\d+$/);
  assert.equal((await readBack(held)).status, "pending_payment");
  await pass(61);
  const [first, second] = [await authorize(orderId), await authorize(orderId)];
  assert.deepEqual([first.status, second.status], [200, 200], first.text);
  assert.deepEqual(second.json, first.json);
  const made = await onlyEffect(held.id, "orders.authorize");
  assert.equal(made.purchase_units[0].payments.authorizations[0].id, first.json.authorizationId);
  const { status, payment } = await readBack(held);
  assert.deepEqual([status, payment.status, payment.authorizationId], ["upcoming", "authorized", first.json.authorizationId]);
}

test("an authorization whose function is killed before PayPal has made it is made after its lease", async () => {
  const held = await hold(60);
  const orderId = await approvedOrder(held);
  await fault("paypal", { ...FOR_LONG, path: `${orderId}/authorize` });
  await killed(AUTHORIZE, () => authorize(orderId), isWrittenDown(held.id, "authorize"));
  assert.deepEqual(await exchanges(held.id, "orders.authorize"), []);
  await authorizeAgain(held, orderId);
});

test("an authorization whose function is killed before it hears of it is found after its lease", async () => {
  const held = await hold(70);
  const orderId = await approvedOrder(held);
  // PayPal's answer is lost, and the function is kept waiting for what it asks then.
  await fault("paypal", { kind: "drop_answer", path: `${orderId}/authorize`, times: 1 });
  await fault("paypal", { ...FOR_LONG, path: `/v2/checkout/orders/${orderId}`, every: 2, times: 1 });
  await killed(AUTHORIZE, () => authorize(orderId), isDone(held.id, "orders.authorize"));
  await authorizeAgain(held, orderId);
  assert.equal((await exchanges(held.id, "orders.authorize")).length, 1);
});

// A booking that is paid for, at the moment when its money is due.
async function due(daysAhead) {
  const held = await hold(daysAhead);
  const { status, json, text } = await authorize(await approvedOrder(held));
  assert.equal(status, 200, text);
  const left = Math.ceil((Date.parse(json.captureScheduledAt) - (await now())) / 1000);
  await pass(Math.max(left, 0) + 1);
  return { held, authorization: json.authorizationId };
}

// What a run of the cron says about one booking.
async function runCaptures(booking) {
  const { status, json, text } = await askForCaptures();
  assert.equal(status, 200, text);
  return json.results.filter(({ booking_id }) => booking_id === booking);
}

// The killed run's lease of two minutes keeps the payment from other runs, then from none.
async function captureAgain(held) {
  assert.deepEqual(await runCaptures(held.id), []);
  assert.equal((await readBack(held)).payment.status, "capturing");
  await pass(121);
  const made = await runCaptures(held.id);
  assert.deepEqual(made, [{ booking_id: held.id, success: true, capture_id: made[0]?.capture_id }]);
  assert.deepEqual(await runCaptures(held.id), []);
  assert.equal((await onlyEffect(held.id, "authorizations.capture")).id, made[0].capture_id);
  const { payment } = await readBack(held);
  assert.deepEqual([payment.status, payment.captureId], ["captured", made[0].capture_id]);
}

test("a capture whose function is killed before PayPal has made it is made by a later run", async () => {
  const { held, authorization } = await due(3);
  await fault("paypal", { ...FOR_LONG, path: `${authorization}/capture` });
  await killed(CAPTURES, askForCaptures, isWrittenDown(held.id, "capture"));
  assert.deepEqual(await exchanges(held.id, "authorizations.capture"), []);
  await captureAgain(held);
});

test("a capture whose function is killed before it is noted is found by a later run", async () => {
  const { held } = await due(3);
  await fault("database", { ...FOR_LONG, path: "rpc/record_capture" });
  await killed(CAPTURES, askForCaptures, isDone(held.id, "authorizations.capture"));
  await captureAgain(held);
});
