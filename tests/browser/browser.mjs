// A browser, driven over its debugging pipe: no port, no package.
//
// It reaches nothing: every host name fails to resolve. What pages say on their consoles is kept.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

// No command takes long; one that never answers fails instead of hanging.
const PATIENCE_MS = 60_000;

export class Browser {
  #child;
  #profile;
  #waiting = new Map();
  #next = 1;
  #session;
  said = [];

  constructor() {
    this.#profile = mkdtempSync(join(tmpdir(), "muster-browser-"));
    const options = [
      "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions", "--disable-dev-shm-usage",
      "--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=direct://",
      "--remote-debugging-pipe", `--user-data-dir=${this.#profile}`, "about:blank",
    ];
    this.#child = spawn("chromium", options, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    this.#child.on("error", (error) => this.#broke(error));
    this.#child.on("exit", () => this.#broke(new Error("the browser ended")));
    let rest = "";
    this.#child.stdio[4].setEncoding("utf8").on("data", (data) => {
      const messages = (rest + data).split("\0");
      rest = messages.pop();
      messages.forEach((message) => this.#heard(JSON.parse(message)));
    });
  }

  #broke(error) {
    this.#waiting.forEach(({ reject }) => reject(error));
    this.#waiting.clear();
  }

  #heard(message) {
    const waiting = this.#waiting.get(message.id);
    if (waiting) {
      this.#waiting.delete(message.id);
      if (message.error) waiting.reject(new Error(message.error.message));
      else waiting.resolve(message.result);
    } else if (message.method === "Runtime.consoleAPICalled") {
      this.said.push(message.params.args.map((it) => it.value ?? it.description).join(" "));
    } else if (message.method === "Runtime.exceptionThrown") {
      this.said.push(message.params.exceptionDetails.exception?.description ?? message.params.exceptionDetails.text);
    } else if (message.method === "Log.entryAdded") {
      this.said.push(message.params.entry.text);
    }
  }

  // One command of the protocol: https://chromedevtools.github.io/devtools-protocol/
  call(method, params = {}) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${method} took too long`)), PATIENCE_MS);
      const done = (then) => (value) => (clearTimeout(timer), then(value));
      this.#waiting.set(id, { resolve: done(resolve), reject: done(reject) });
      this.#child.stdio[3].write(JSON.stringify({ id, method, params, sessionId: this.#session }) + "\0");
    });
  }

  // A fresh page of this many pixels, in `light` or `dark`, as it is once it has loaded.
  async open(path, { scheme = "light", width = 1280, height = 900, scale = 1, script = true } = {}) {
    this.#session = undefined;
    const { targetId } = await this.call("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await this.call("Target.attachToTarget", { targetId, flatten: true });
    this.#session = sessionId;
    for (const domain of ["Page", "Runtime", "Log"]) await this.call(`${domain}.enable`);
    await this.call("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: scale, mobile: width < 500 });
    await this.call("Emulation.setScriptExecutionDisabled", { value: !script });
    await this.media("screen", scheme);
    await this.call("Page.navigate", { url: `file://${path}` });
    while ((await this.evaluate("location.href + document.readyState")) !== `file://${path}complete`) {
      await new Promise((go) => setTimeout(go, 5));
    }
  }

  media(media, scheme) {
    return this.call("Emulation.setEmulatedMedia", { media, features: [{ name: "prefers-color-scheme", value: scheme }] });
  }

  // What an expression comes to; a promise is waited for.
  async evaluate(expression) {
    const wanted = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await this.call("Runtime.evaluate", wanted);
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  // A key, pressed and let go, as from a keyboard.
  async press(key) {
    const codes = { Tab: 9, Enter: 13, Escape: 27, " ": 32, "+": 187, "-": 189, 0: 48, ArrowLeft: 37, ArrowRight: 39 };
    const text = key === "Enter" ? "\r" : key.length === 1 ? key : undefined;
    const all = { key, code: key, windowsVirtualKeyCode: codes[key], text };
    await this.call("Input.dispatchKeyEvent", { type: text ? "keyDown" : "rawKeyDown", ...all });
    await this.call("Input.dispatchKeyEvent", { type: "keyUp", ...all });
  }

  async close() {
    const ended = new Promise((resolve) => this.#child.on("exit", resolve));
    this.#session = undefined;
    await this.call("Browser.close").catch(() => this.#child.kill());
    await ended;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}
