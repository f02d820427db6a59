// Starts and ends the instance of a function: an executable that serves HTTP on its own port.

import { spawn } from "node:child_process";
import http from "node:http";
import net from "node:net";
import readline from "node:readline";

function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

export class FunctionInstance {
  #executable;
  #environment;
  #running;
  #child;

  constructor(executable, environment) {
    this.#executable = executable;
    this.#environment = environment;
  }

  // Returns the port of the instance and the agent for its connections. Starts a missing instance.
  running() {
    this.#running ??= this.#start();
    return this.#running;
  }

  async #start() {
    try {
      const port = await freePort();
      const agent = new http.Agent({ keepAlive: true });
      const child = spawn(this.#executable, [], {
        env: { ...this.#environment, VERCEL_DEV_PORT: String(port) },
        stdio: ["ignore", "pipe", "inherit"],
      });
      this.#child = child;
      child.once("exit", () => {
        agent.destroy();
        this.#child = undefined;
        this.#running = undefined;
      });
      await new Promise((resolve, reject) => {
        child.once("error", reject);
        child.once("exit", (code, signal) => reject(new Error(`${this.#executable} ended with ${signal ?? code}`)));
        readline.createInterface({ input: child.stdout }).on("line", (line) => {
          if (line.startsWith("Dev server listening")) resolve();
          else console.log(line);
        });
      });
      return { port, agent };
    } catch (error) {
      this.#running = undefined;
      throw error;
    }
  }

  // Sends SIGTERM, so that work after a response can finish, then SIGKILL after `seconds`.
  // False if no instance was running.
  async stop(seconds) {
    const child = this.#child;
    if (!child) return false;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), seconds * 1000);
    await ended;
    clearTimeout(timer);
    return true;
  }

  // Sends SIGKILL and waits for the end. False if no instance was running.
  async kill() {
    const child = this.#child;
    if (!child) return false;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
    return true;
  }
}
