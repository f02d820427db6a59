// The steps of the tests: actions of a customer, calls of the control APIs, and the records of
// PayPal and the database.

import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";

export function variable(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run script/test --host vercel`);
  return value;
}

const base = variable("BASE_URL");
const local = variable("LOCAL_URL");
const TIMEOUT_MS = 60_000;

// Sends a request to the product from a random address, to stay below the rate limits.
// Returns {status, headers, text, json}. `json` is undefined for other media types.
export async function request(method, path, { body, token } = {}) {
  const headers = { "x-forwarded-for": `198.18.${randomInt(256)}.${randomInt(256)}` };
  if (body) headers["content-type"] = "application/json";
  if (token) headers.authorization = `Bearer ${token}`;
  const response = await fetch(base + path, { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(TIMEOUT_MS) });
  const text = await response.text();
  const isJson = /json/.test(response.headers.get("content-type"));
  return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : undefined };
}

// Sends a request, asserts its status and returns the JSON.
export async function expectStatus(status, method, path, options) {
  const response = await request(method, path, options);
  assert.equal(response.status, status, `${method} ${path}: ${response.text}`);
  return response.json;
}

async function postControl(url, body) {
  const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  assert.equal(response.status, 200, `${url} ${JSON.stringify(body)}: ${await response.text()}`);
}

export const fault = (upstream, description) => postControl(`${local}/_local/faults`, { upstream, fault: description });
export const advanceClock = (seconds) => postControl(`${local}/_local/clock`, { advance: `PT${seconds}S` });
export const kill = (path) => postControl(`${base}/_local/instances`, { path, action: "kill" });
export const end = (path) => postControl(`${base}/_local/instances`, { path, action: "end" });

export async function clearFaults() {
  for (const upstream of ["paypal", "database"]) await fault(upstream, { kind: "none" });
}

export async function clockNow() {
  return Date.parse((await (await fetch(`${local}/_local/clock`)).json()).now);
}

// Polls until the condition holds, for at most ten seconds.
export async function eventually(claim, condition) {
  const deadline = performance.now() + 10_000;
  while (!(await condition())) {
    assert.ok(performance.now() < deadline, `not within 10 s: ${claim}`);
    await wait(10);
  }
}

// Rows of a table, read with the secret key.
async function rows(table, filter) {
  const response = await fetch(`${variable("SUPABASE_URL")}/rest/v1/${table}?${filter}`, { headers: { apikey: variable("SUPABASE_SECRET_KEY") } });
  assert.equal(response.status, 200, `${table}?${filter}`);
  return response.json();
}

export const payments = (booking) => rows("payments", `booking_id=eq.${booking}&select=id,status,lease_expires_at`);

// The operations of one kind on a booking's only payment. They are recorded before the request to
// PayPal.
export async function operations(booking, kind) {
  const [payment] = await payments(booking);
  return payment ? rows("payment_operations", `payment_id=eq.${payment.id}&operation=eq.${kind}&select=request_id,status`) : [];
}

// The exchanges with PayPal of one kind for a booking's payments, in order:
// {requestId, status, responseBody}.
export async function exchanges(booking, kind) {
  const ids = (await payments(booking)).map(({ id }) => `${id}:`);
  const all = await (await fetch(`${local}/_local/paypal/exchanges`)).json();
  return all
    .map((exchange) => ({ ...exchange, requestId: exchange.requestHeaders["paypal-request-id"] ?? "" }))
    .filter(({ operation, requestId }) => operation === kind && ids.some((id) => requestId.startsWith(id)));
}

const day = (time) => new Date(time).toISOString().slice(0, 10);
const DAY = 24 * 3600_000;
// The longest turnaround of a car.
const MARGIN = 2;

// Two free days of a car, in `daysAhead` days, with free days around them.
async function freeRental(daysAhead) {
  const start = (await clockNow()) + daysAhead * DAY;
  const { cars } = await expectStatus(200, "GET", "/api/cars?limit=50");
  for (const { slug, minRentalDays, maxRentalDays } of cars) {
    if (minRentalDays > 2 || maxRentalDays < 2) continue;
    const around = `startDate=${day(start - MARGIN * DAY)}&endDate=${day(start + (2 + MARGIN) * DAY)}`;
    const { summary } = await expectStatus(200, "GET", `/api/cars/availability?carId=${slug}&${around}`);
    if (summary.unavailableDays === 0) return { carId: slug, startDate: day(start), endDate: day(start + 2 * DAY) };
  }
  throw new Error(`no car is free in ${daysAhead} days`);
}

// Creates a hold: {id, token, rental}.
export async function createHold(daysAhead) {
  const rental = await freeRental(daysAhead);
  const { bookingId, bookingToken } = await expectStatus(201, "POST", "/api/bookings", { body: rental });
  return { id: bookingId, token: bookingToken, rental };
}

export const createOrder = ({ id, rental }) => request("POST", "/api/bookings/create-paypal-order", { body: { ...rental, bookingId: id } });

// Creates the order of a hold and approves it as the payer. Returns its id.
export async function approvedOrder(hold) {
  const { status, json, text } = await createOrder(hold);
  assert.equal(status, 201, text);
  const approval = await fetch(json.approveUrl, { method: "POST", redirect: "manual" });
  assert.equal(approval.status, 303);
  return json.orderID;
}

export const authorize = (orderID) => request("POST", "/api/bookings/authorize-paypal-order", { body: { orderID } });

export const readBooking = async ({ id, token }) => (await expectStatus(200, "GET", `/api/bookings/${id}`, { token })).booking;

// Runs the capture cron as Vercel does.
export const runCaptureCron = () => request("GET", "/api/admin/process-payment-captures", { token: variable("CRON_SECRET") });
