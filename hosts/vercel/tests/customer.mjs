// A customer of the product and what surrounds it: the local system's control, PayPal's and the database's records.

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
const PATIENCE = 60_000;

// Asks the product from an address of its own, so that no limit is reached. Gives status, headers and the JSON, if it is.
export async function ask(method, path, { body, token } = {}) {
  const headers = { "x-forwarded-for": `198.18.${randomInt(256)}.${randomInt(256)}` };
  if (body) headers["content-type"] = "application/json";
  if (token) headers.authorization = `Bearer ${token}`;
  const answer = await fetch(base + path, { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(PATIENCE) });
  const text = await answer.text();
  const isJson = /json/.test(answer.headers.get("content-type"));
  return { status: answer.status, headers: answer.headers, text, json: isJson ? JSON.parse(text) : undefined };
}

// The same, where only one status will do.
export async function must(status, method, path, options) {
  const answer = await ask(method, path, options);
  assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`);
  return answer.json;
}

async function tell(url, body) {
  const answer = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  assert.equal(answer.status, 200, `${url} ${JSON.stringify(body)}: ${await answer.text()}`);
}

export const fault = (upstream, trouble) => tell(`${local}/_local/faults`, { upstream, fault: trouble });
export const pass = (seconds) => tell(`${local}/_local/clock`, { advance: `PT${seconds}S` });
export const kill = (path) => tell(`${base}/_local/instances`, { path, action: "kill" });
export const end = (path) => tell(`${base}/_local/instances`, { path, action: "end" });

export async function noFaults() {
  for (const upstream of ["paypal", "database"]) await fault(upstream, { kind: "none" });
}

export async function now() {
  return Date.parse((await (await fetch(`${local}/_local/clock`)).json()).now);
}

// Looks until it is so, for at most ten seconds.
export async function eventually(what, isSo) {
  const end = performance.now() + 10_000;
  while (!(await isSo())) {
    assert.ok(performance.now() < end, `not within 10 s: ${what}`);
    await wait(10);
  }
}

// Rows of a table, as an operator reads them.
async function rows(table, filter) {
  const answer = await fetch(`${variable("SUPABASE_URL")}/rest/v1/${table}?${filter}`, { headers: { apikey: variable("SUPABASE_SECRET_KEY") } });
  assert.equal(answer.status, 200, `${table}?${filter}`);
  return answer.json();
}

// The payments of a booking.
export const payments = (booking) => rows("payments", `booking_id=eq.${booking}&select=id,status,lease_expires_at`);

// The operations of one kind on a booking's only payment, as they were written down before PayPal was asked.
export async function operations(booking, kind) {
  const [payment] = await payments(booking);
  return payment ? rows("payment_operations", `payment_id=eq.${payment.id}&operation=eq.${kind}&select=request_id,status`) : [];
}

// What PayPal was asked of one kind about a booking's payments, in order: {requestId, status, responseBody}.
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

// Two days of a car that begin in so many days, free together with those around them.
async function freeRental(daysAhead) {
  const start = (await now()) + daysAhead * DAY;
  const { cars } = await must(200, "GET", "/api/cars?limit=50");
  for (const { slug, minRentalDays, maxRentalDays } of cars) {
    if (minRentalDays > 2 || maxRentalDays < 2) continue;
    const around = `startDate=${day(start - MARGIN * DAY)}&endDate=${day(start + (2 + MARGIN) * DAY)}`;
    const { summary } = await must(200, "GET", `/api/cars/availability?carId=${slug}&${around}`);
    if (summary.unavailableDays === 0) return { carId: slug, startDate: day(start), endDate: day(start + 2 * DAY) };
  }
  throw new Error(`no car is free in ${daysAhead} days`);
}

// Holds a car: {id, token, rental}.
export async function hold(daysAhead) {
  const rental = await freeRental(daysAhead);
  const { bookingId, bookingToken } = await must(201, "POST", "/api/bookings", { body: rental });
  return { id: bookingId, token: bookingToken, rental };
}

// Makes the order of a hold.
export const order = ({ id, rental }) => ask("POST", "/api/bookings/create-paypal-order", { body: { ...rental, bookingId: id } });

// Makes the order of a hold and approves it as the payer: its id.
export async function approvedOrder(held) {
  const { status, json, text } = await order(held);
  assert.equal(status, 201, text);
  const approved = await fetch(json.approveUrl, { method: "POST", redirect: "manual" });
  assert.equal(approved.status, 303);
  return json.orderID;
}

export const authorize = (orderID) => ask("POST", "/api/bookings/authorize-paypal-order", { body: { orderID } });

export const readBack = async ({ id, token }) => (await must(200, "GET", `/api/bookings/${id}`, { token })).booking;

// Runs the capture cron as Vercel does.
export const askForCaptures = () => ask("GET", "/api/admin/process-payment-captures", { token: variable("CRON_SECRET") });
