// The local system's clock for executables that know only the machine's: libfaketime adds an offset that it reads from a
// file at each look. https://github.com/wolfcw/libfaketime

import http from "node:http";
import { rename, writeFile } from "node:fs/promises";

const agent = new http.Agent({ keepAlive: true });

function read(url) {
  return new Promise((resolve, reject) => {
    http
      .get(url, { agent }, async (response) => {
        const chunks = await response.toArray();
        resolve(Date.parse(JSON.parse(Buffer.concat(chunks)).now));
      })
      .on("error", reject);
  });
}

export class Clock {
  #url;
  #file;
  #offset;

  // The control address of the local system, and the file for the offset.
  constructor(localUrl, file) {
    this.#url = `${localUrl}/_local/clock`;
    this.#file = file;
  }

  // What an executable needs in its environment to go by this clock.
  environment(library) {
    return {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: "1",
      // Timers go by the monotonic clock, and nobody moves that one.
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      FAKETIME_DISABLE_SHM: "1",
    };
  }

  // Makes the offset what it is now. Tests move the clock by whole seconds.
  async follow() {
    const offset = Math.round(((await read(this.#url)) - Date.now()) / 1000);
    if (offset === this.#offset) return;
    // Nobody may find half of it.
    const next = `${this.#file}.${process.hrtime.bigint()}`;
    await writeFile(next, `${offset < 0 ? "" : "+"}${offset}s\n`);
    await rename(next, this.#file);
    this.#offset = offset;
  }
}
