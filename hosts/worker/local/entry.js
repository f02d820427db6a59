// The Worker for script/host-worker: the same build, with a clock and randomness that tests
// control. Never deployed.

import worker from "../build/index.js";

// The local system's clock, which tests move.
const SystemDate = Date;
let offset = 0;
globalThis.Date = class extends SystemDate {
  constructor(...parts) {
    super(...(parts.length ? parts : [SystemDate.now() + offset]));
  }
  static now() {
    return SystemDate.now() + offset;
  }
};

async function readClock(env) {
  if (!env.LOCAL_URL) return;
  const response = await fetch(`${env.LOCAL_URL}/_local/clock`);
  const { now } = await response.json();
  offset = Date.parse(now) - SystemDate.now();
}

// X-Local-Panic: N allows N uses of randomness. The next use fails, and the product panics.
const getRandomValues = crypto.getRandomValues.bind(crypto);
let usesLeft = Infinity;
crypto.getRandomValues = (array) => {
  if (usesLeft <= 0) throw new Error("no randomness");
  usesLeft -= 1;
  return getRandomValues(array);
};

export default {
  async fetch(request, env, context) {
    await readClock(env);
    usesLeft = request.headers.has("x-local-panic") ? Number(request.headers.get("x-local-panic")) : Infinity;
    return new worker(context, env).fetch(request);
  },
  async scheduled(event, env, context) {
    await readClock(env);
    usesLeft = Infinity;
    return new worker(context, env).scheduled(event);
  },
};
