// Behavior that only the Worker has, over BASE_URL of script/host-worker.
// node --test hosts/worker/tests/worker.mjs

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";

const base = process.env.BASE_URL;
const get = (path, options = {}) => fetch(base + path, { signal: AbortSignal.timeout(10_000), ...options });

// A random address, so that other tests do not use up its rate limit. The deployment chooses one of
// the two headers.
const address = `198.18.${Math.floor(Math.random() * 256)}.${Math.floor(Math.random() * 256)}`;
const headers = { "cf-connecting-ip": address, "x-forwarded-for": address };

const bookingThatPanics = (usesOfRandomness) =>
  get("/api/bookings", {
    method: "POST",
    headers: { ...headers, "content-type": "application/json", "x-local-panic": String(usesOfRandomness) },
    body: JSON.stringify({ carId: "test-car-id", startDate: "2001-01-01", endDate: "2001-01-02" }),
  });

test("panic in a handler is a 500 problem", async () => {
  const response = await bookingThatPanics(1);
  assert.equal(response.status, 500);
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  const problem = await response.json();
  assert.equal(problem.code, "internal");
  assert.equal(problem.instance, response.headers.get("x-request-id"));
  const others = Array.from({ length: 5 }, () => get("/api/health", { headers }));
  for (const other of await Promise.all(others)) assert.equal(other.status, 200);
});

test("panic before the handler is a 500 problem", async () => {
  const response = await bookingThatPanics(0);
  assert.equal(response.status, 500);
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  assert.equal((await response.json()).code, "internal");
  assert.equal((await get("/api/health", { headers })).status, 200);
});

const lastRun = async () => (await (await get("/api/admin/process-payment-captures", { headers })).json()).lastRun;

// Start times have whole seconds, so two runs need some seconds between them.
const advanceClock = () =>
  fetch(`${process.env.LOCAL_URL}/_local/clock`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ advance: "PT2S" }),
  });

test("cron trigger runs the captures", async () => {
  const before = await lastRun();
  assert.equal((await advanceClock()).status, 200);
  const schedule = encodeURIComponent("*/15 * * * *");
  assert.equal((await get(`/__scheduled?cron=${schedule}`)).status, 200);
  const after = await lastRun();
  assert.equal(after.name, "process-payment-captures");
  assert.notEqual(after.startedAt, before?.startedAt);
});

test("unknown schedule runs nothing", async () => {
  const before = await lastRun();
  assert.equal((await get(`/__scheduled?cron=${encodeURIComponent("1 1 1 1 1")}`)).status, 200);
  assert.deepEqual(await lastRun(), before);
});

test("public files are served beside the routes", async () => {
  assert.equal((await get("/images/123.svg")).headers.get("content-type"), "image/svg+xml");
  assert.equal((await get("/api/nothing")).headers.get("content-type"), "application/problem+json");
  assert.equal((await get("/_headers")).status, 404);
});

const vercel = JSON.parse(await readFile(new URL("../../../vercel.json", import.meta.url), "utf8"));
const headersFor = (pattern) => vercel.headers.find(({ source }) => source === pattern).headers;

test("responses and public files have the headers of Vercel", async () => {
  for (const [path, status, expected] of [
    ["/api/health", 200, headersFor("/(.*)")],
    ["/api/nothing", 404, headersFor("/(.*)")],
    ["/", 200, headersFor("/(.*)")],
    ["/images/123.svg", 200, [...headersFor("/(.*)"), ...headersFor("/images/(.*)")]],
  ]) {
    const response = await get(path, { headers });
    assert.equal(response.status, status, path);
    for (const { key, value } of expected) assert.equal(response.headers.get(key), value, `${path} ${key}`);
  }
});

// Both ends of a connection to workerd close it after five idle seconds. A request at that moment
// must not be sent on the closing connection.
test("requests after five idle seconds are answered", async () => {
  const post = async () => (await get("/images/123.svg", { method: "POST" })).status;
  assert.deepEqual(new Set(await Promise.all(Array.from({ length: 40 }, post))), new Set([405]));
  const idleSince = performance.now();
  const statuses = [];
  await setTimeout(4_960);
  while (performance.now() < idleSince + 5_040) {
    statuses.push(post());
    await setTimeout(1);
  }
  assert.deepEqual(new Set(await Promise.all(statuses)), new Set([405]));
});
