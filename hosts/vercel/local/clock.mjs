// Makes executables use the local system's clock instead of the machine's. libfaketime reads an
// offset from a file at every call and adds it. https://github.com/wolfcw/libfaketime

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

  // `localUrl` serves the local system's control API. `file` receives the offset.
  constructor(localUrl, file) {
    this.#url = `${localUrl}/_local/clock`;
    this.#file = file;
  }

  // The environment variables that make an executable use this clock.
  environment(library) {
    return {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: "1",
      // Timers use the monotonic clock, which must not move.
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      FAKETIME_DISABLE_SHM: "1",
    };
  }

  // Updates the offset. Tests move the clock by whole seconds.
  async update() {
    const offset = Math.round(((await read(this.#url)) - Date.now()) / 1000);
    if (offset === this.#offset) return;
    // A rename is atomic, so no executable reads half an offset.
    const next = `${this.#file}.${process.hrtime.bigint()}`;
    await writeFile(next, `${offset < 0 ? "" : "+"}${offset}s\n`);
    await rename(next, this.#file);
    this.#offset = offset;
  }
}
