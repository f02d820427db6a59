// Ends functions as the platform does, over BASE_URL of script/host-vercel.
// node --test hosts/vercel/tests/end.mjs

import assert from "node:assert/strict";
import { test } from "node:test";
import { end, expectStatus, variable } from "./customer.mjs";

const HEALTH = "/api/health";

async function countedRequests() {
  const { routes } = await expectStatus(200, "GET", "/api/admin/metrics", { token: variable("ADMIN_TOKEN") });
  return routes[HEALTH]?.requests ?? 0;
}

test("ending function reports its counts", async () => {
  await expectStatus(200, "GET", HEALTH);
  await end(HEALTH);
  const before = await countedRequests();
  // The new instance reports the first request after its response. The next report is due five
  // seconds later, so the other two requests are reported only by the end.
  for (let sent = 0; sent < 3; sent++) await expectStatus(200, "GET", HEALTH);
  await end(HEALTH);
  assert.equal(await countedRequests(), before + 3);
});
