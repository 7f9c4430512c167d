// `cloister demo` in a directory and on ports of its own, and the commands that speak to it.

import { X509Certificate, createHash } from "node:crypto";
import { execFile, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { once } from "node:events";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

import { claim } from "./claims.mjs";

export class Cloister {
    /** A demo that has just been made, and is gone after `stop`. */
    static async start(binary) {
        const directory = await mkdtemp(join(tmpdir(), "cloister-browser-"));
        const demo = new Cloister(binary, directory, await freePorts(3));
        await demo.#ready();
        return demo;
    }

    constructor(binary, directory, [c2s, tls, https]) {
        Object.assign(this, { binary, directory, c2s, tls, https });
        const ports = ["--c2s-port", c2s, "--tls-port", tls, "--https-port", https];
        const stdio = ["ignore", "pipe", "inherit"];
        this.process = spawn(binary, ["demo", "--dir", directory, ...ports.map(String)], { stdio });
    }

    async #ready() {
        for await (const line of createInterface({ input: this.process.stdout })) {
            if (line.startsWith("Ready")) return this.process.stdout.resume();
        }
        throw new Error("the demo did not start");
    }

    /** The certificate of the authority that the server's own is from. */
    get authority() {
        return join(this.directory, "ca.pem");
    }

    /** What a browser may pin the server to: SHA-256 of its key. */
    async pin() {
        const key = new X509Certificate(await readFile(join(this.directory, "server.pem"))).publicKey;
        const der = key.export({ type: "spki", format: "der" });
        return createHash("sha256").update(der).digest("base64");
    }

    /** Addresses and passwords of the demo's accounts. */
    async accounts() {
        const lines = (await readFile(join(this.directory, "accounts.txt"), "utf8")).trim().split("\n");
        return Object.fromEntries(lines.map((line) => line.split(" ")));
    }

    /** What a command prints. */
    async tell(...words) {
        const config = ["--config", join(this.directory, "cloister.toml")];
        return (await promisify(execFile)(this.binary, [...config, ...words])).stdout;
    }

    /** What a command answers with `--json`. */
    async ask(...words) {
        return JSON.parse(await this.tell(...words, "--json"));
    }

    async stop() {
        if (this.process.exitCode === null) this.process.kill("SIGTERM");
        const [code] = this.process.exitCode === null ? await once(this.process, "exit") : [0];
        claim("the server ends when told to", code === 0, code);
        await rm(this.directory, { recursive: true });
    }
}

/** Ports that nobody uses. */
async function freePorts(count) {
    const probes = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
    await Promise.all(probes.map((probe) => once(probe, "listening")));
    const ports = probes.map((probe) => probe.address().port);
    await Promise.all(probes.map((probe) => new Promise((done) => probe.close(done))));
    return ports;
}
