// Kills functions during a payment and repeats the request, over BASE_URL of script/host-vercel.
// Nothing may be lost or done twice. node --test hosts/vercel/tests/crash.mjs

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import {
  advanceClock, approvedOrder, authorize, clearFaults, clockNow, createHold, createOrder, eventually, exchanges, fault, kill, operations, payments,
  readBooking, runCaptureCron,
} from "./customer.mjs";

const ORDER = "/api/bookings/create-paypal-order";
const AUTHORIZE = "/api/bookings/authorize-paypal-order";
const CAPTURES = "/api/admin/process-payment-captures";
// Longer than any function waits.
const LONG_DELAY = { kind: "delay", delayMs: 300_000 };

afterEach(clearFaults);

// Sends a request, kills the function when `isUnderWay` holds, and clears the faults.
async function killDuring(path, send, isUnderWay) {
  const pending = send();
  await eventually(`${path} is under way`, isUnderWay);
  await kill(path);
  const response = await pending;
  assert.deepEqual([response.status, response.headers.get("x-vercel-error")], [500, "FUNCTION_INVOCATION_FAILED"], response.text);
  await clearFaults();
}

const isRecorded = (booking, kind) => async () => (await operations(booking, kind)).some(({ status }) => status === "open");
const isDone = (booking, kind) => async () => (await exchanges(booking, kind)).some(({ status }) => status === 201);

// Asserts that PayPal acted once and saw only one request id. Returns PayPal's first response.
async function onlyEffect(booking, kind) {
  const requests = await exchanges(booking, kind);
  assert.equal(requests.filter(({ status }) => status === 201).length, 1);
  assert.equal(new Set(requests.map(({ requestId }) => requestId)).size, 1);
  assert.equal((await payments(booking)).length, 1);
  return requests[0].responseBody;
}

async function orderAgain(hold) {
  const [first, second] = [await createOrder(hold), await createOrder(hold)];
  assert.deepEqual([first.status, second.status], [201, 201], first.text);
  assert.deepEqual(second.json, first.json);
  assert.equal((await onlyEffect(hold.id, "orders.create")).id, first.json.orderID);
  assert.equal((await readBooking(hold)).status, "pending_payment");
}

test("function killed before PayPal's order: next request creates it", async () => {
  const hold = await createHold(40);
  await fault("paypal", { ...LONG_DELAY, path: "/v2/checkout/orders" });
  await killDuring(ORDER, () => createOrder(hold), isRecorded(hold.id, "order"));
  assert.deepEqual(await exchanges(hold.id, "orders.create"), []);
  await orderAgain(hold);
});

test("function killed before recording the order: next request finds it", async () => {
  const hold = await createHold(50);
  await fault("database", { ...LONG_DELAY, path: "rpc/record_paypal_order" });
  await killDuring(ORDER, () => createOrder(hold), isDone(hold.id, "orders.create"));
  await orderAgain(hold);
});

// The killed function's claim blocks other requests for a minute.
async function authorizeAgain(hold, orderId) {
  const early = await authorize(orderId);
  assert.deepEqual([early.status, early.json.code, early.json.retryable], [409, "payment_in_progress", true], early.text);
  assert.match(early.headers.get("retry-after"), /^\d+$/);
  assert.equal((await readBooking(hold)).status, "pending_payment");
  await advanceClock(61);
  const [first, second] = [await authorize(orderId), await authorize(orderId)];
  assert.deepEqual([first.status, second.status], [200, 200], first.text);
  assert.deepEqual(second.json, first.json);
  const authorized = await onlyEffect(hold.id, "orders.authorize");
  assert.equal(authorized.purchase_units[0].payments.authorizations[0].id, first.json.authorizationId);
  const { status, payment } = await readBooking(hold);
  assert.deepEqual([status, payment.status, payment.authorizationId], ["upcoming", "authorized", first.json.authorizationId]);
}

test("function killed before PayPal's authorization: made after the claim", async () => {
  const hold = await createHold(60);
  const orderId = await approvedOrder(hold);
  await fault("paypal", { ...LONG_DELAY, path: `${orderId}/authorize` });
  await killDuring(AUTHORIZE, () => authorize(orderId), isRecorded(hold.id, "authorize"));
  assert.deepEqual(await exchanges(hold.id, "orders.authorize"), []);
  await authorizeAgain(hold, orderId);
});

test("function killed before recording the authorization: found after the claim", async () => {
  const hold = await createHold(70);
  const orderId = await approvedOrder(hold);
  // PayPal's response is lost, and the function's next request to PayPal is delayed.
  await fault("paypal", { kind: "drop_answer", path: `${orderId}/authorize`, times: 1 });
  await fault("paypal", { ...LONG_DELAY, path: `/v2/checkout/orders/${orderId}`, every: 2, times: 1 });
  await killDuring(AUTHORIZE, () => authorize(orderId), isDone(hold.id, "orders.authorize"));
  await authorizeAgain(hold, orderId);
  assert.equal((await exchanges(hold.id, "orders.authorize")).length, 1);
});

// An authorized booking, at the time when its capture is due.
async function dueBooking(daysAhead) {
  const hold = await createHold(daysAhead);
  const { status, json, text } = await authorize(await approvedOrder(hold));
  assert.equal(status, 200, text);
  const left = Math.ceil((Date.parse(json.captureScheduledAt) - (await clockNow())) / 1000);
  await advanceClock(Math.max(left, 0) + 1);
  return { hold, authorization: json.authorizationId };
}

// Runs the cron and returns its results for one booking.
async function captureResults(booking) {
  const { status, json, text } = await runCaptureCron();
  assert.equal(status, 200, text);
  return json.results.filter(({ booking_id }) => booking_id === booking);
}

// The killed run's claim blocks other runs for two minutes.
async function captureAgain(hold) {
  assert.deepEqual(await captureResults(hold.id), []);
  assert.equal((await readBooking(hold)).payment.status, "capturing");
  await advanceClock(121);
  const results = await captureResults(hold.id);
  assert.deepEqual(results, [{ booking_id: hold.id, success: true, capture_id: results[0]?.capture_id }]);
  assert.deepEqual(await captureResults(hold.id), []);
  assert.equal((await onlyEffect(hold.id, "authorizations.capture")).id, results[0].capture_id);
  const { payment } = await readBooking(hold);
  assert.deepEqual([payment.status, payment.captureId], ["captured", results[0].capture_id]);
}

test("function killed before PayPal's capture: a later run makes it", async () => {
  const { hold, authorization } = await dueBooking(3);
  await fault("paypal", { ...LONG_DELAY, path: `${authorization}/capture` });
  await killDuring(CAPTURES, runCaptureCron, isRecorded(hold.id, "capture"));
  assert.deepEqual(await exchanges(hold.id, "authorizations.capture"), []);
  await captureAgain(hold);
});

test("function killed before recording the capture: a later run finds it", async () => {
  const { hold } = await dueBooking(3);
  await fault("database", { ...LONG_DELAY, path: "rpc/record_capture" });
  await killDuring(CAPTURES, runCaptureCron, isDone(hold.id, "authorizations.capture"));
  await captureAgain(hold);
});
