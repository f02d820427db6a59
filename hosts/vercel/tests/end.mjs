// Functions that the platform ends, black box over BASE_URL, against script/host-vercel.
// node --test hosts/vercel/tests/end.mjs

import assert from "node:assert/strict";
import { test } from "node:test";
import { end, must, variable } from "./customer.mjs";

const HEALTH = "/api/health";

async function counted() {
  const { routes } = await must(200, "GET", "/api/admin/metrics", { token: variable("ADMIN_TOKEN") });
  return routes[HEALTH]?.requests ?? 0;
}

test("a function that ends tells first what it counted", async () => {
  await must(200, "GET", HEALTH);
  await end(HEALTH);
  const before = await counted();
  // The first is told after its answer, the others would be in five seconds.
  for (let asked = 0; asked < 3; asked++) await must(200, "GET", HEALTH);
  await end(HEALTH);
  assert.equal(await counted(), before + 3);
});
