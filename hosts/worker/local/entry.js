// The Worker as script/host-worker serves it: the same build, in a world that a test can change. Never deployed.

import worker from "../build/index.js";

// The clock of the local system, which a test moves.
const SystemDate = Date;
let offset = 0;
globalThis.Date = class extends SystemDate {
  constructor(...given) {
    super(...(given.length ? given : [SystemDate.now() + offset]));
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

// A client that asks for it finds a runtime without randomness from its second use on: that is a panic in a handler.
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
