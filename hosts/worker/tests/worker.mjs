// What only the Worker has, black box over BASE_URL, against script/host-worker: node --test hosts/worker/tests/worker.mjs

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";

const base = process.env.BASE_URL;
const get = (path, options = {}) => fetch(base + path, { signal: AbortSignal.timeout(10_000), ...options });

// An address of its own, so that no other test's limit is reached. Which header counts is the deployment's choice.
const address = `198.18.${Math.floor(Math.random() * 256)}.${Math.floor(Math.random() * 256)}`;
const headers = { "cf-connecting-ip": address, "x-forwarded-for": address };

const bookingThatPanics = (usesOfRandomness) =>
  get("/api/bookings", {
    method: "POST",
    headers: { ...headers, "content-type": "application/json", "x-local-panic": String(usesOfRandomness) },
    body: JSON.stringify({ carId: "test-car-id", startDate: "2001-01-01", endDate: "2001-01-02" }),
  });

test("a panic in a handler is a 500 problem, and the isolate goes on", async () => {
  const response = await bookingThatPanics(1);
  assert.equal(response.status, 500);
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  const problem = await response.json();
  assert.equal(problem.code, "internal");
  assert.equal(problem.instance, response.headers.get("x-request-id"));
  const others = Array.from({ length: 5 }, () => get("/api/health", { headers }));
  for (const other of await Promise.all(others)) assert.equal(other.status, 200);
});

test("a panic before the product has a request is a 500 problem too", async () => {
  const response = await bookingThatPanics(0);
  assert.equal(response.status, 500);
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  assert.equal((await response.json()).code, "internal");
  assert.equal((await get("/api/health", { headers })).status, 200);
});

const lastRun = async () => (await (await get("/api/admin/process-payment-captures", { headers })).json()).lastRun;

// Times are told in seconds; a run a moment after another must be told apart.
const letTimePass = () =>
  fetch(`${process.env.LOCAL_URL}/_local/clock`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ advance: "PT2S" }),
  });

test("the cron trigger runs the captures", async () => {
  const before = await lastRun();
  assert.equal((await letTimePass()).status, 200);
  const schedule = encodeURIComponent("*/15 * * * *");
  assert.equal((await get(`/__scheduled?cron=${schedule}`)).status, 200);
  const after = await lastRun();
  assert.equal(after.name, "process-payment-captures");
  assert.notEqual(after.startedAt, before?.startedAt);
});

test("a schedule that nobody knows runs nothing", async () => {
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
const ruled = (pattern) => vercel.headers.find(({ source }) => source === pattern).headers;

test("answers and public files have the headers they have on Vercel", async () => {
  for (const [path, status, headersOfPath] of [
    ["/api/health", 200, ruled("/(.*)")],
    ["/api/nothing", 404, ruled("/(.*)")],
    ["/", 200, ruled("/(.*)")],
    ["/images/123.svg", 200, [...ruled("/(.*)"), ...ruled("/images/(.*)")]],
  ]) {
    const answer = await get(path, { headers });
    assert.equal(answer.status, status, path);
    for (const { key, value } of headersOfPath) assert.equal(answer.headers.get(key), value, `${path} ${key}`);
  }
});

// Both ends of an idle connection to workerd give it up after five seconds; what is sent then must not meet one.
test("what is sent after five idle seconds is answered", async () => {
  const post = async () => (await get("/images/123.svg", { method: "POST" })).status;
  assert.deepEqual(new Set(await Promise.all(Array.from({ length: 40 }, post))), new Set([405]));
  const idleSince = performance.now();
  const answers = [];
  await setTimeout(4_960);
  while (performance.now() < idleSince + 5_040) {
    answers.push(post());
    await setTimeout(1);
  }
  assert.deepEqual(new Set(await Promise.all(answers)), new Set([405]));
});
