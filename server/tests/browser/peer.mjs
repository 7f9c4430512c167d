// Somebody with another client: ../interop/browser_peer.py, on slixmpp.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { createInterface } from "node:readline";

import { PATIENCE } from "./browser.mjs";

const SCRIPT = fileURLToPath(new URL("../interop/browser_peer.py", import.meta.url));

export class Peer {
    /** Logs in and is available. */
    static async online(python, server, jid, password) {
        const words = [SCRIPT, "127.0.0.1", String(server.c2s), server.authority, jid];
        const env = { ...process.env, SSL_CERT_FILE: server.authority };
        const peer = new Peer(spawn(python, words, { env, stdio: ["pipe", "pipe", "inherit"] }));
        await peer.#told({ password });
        return peer;
    }

    constructor(child) {
        this.process = child;
        this.lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    }

    async send(to, body) {
        await this.#told({ do: "send", to, body });
    }

    /** Uploads a file and sends where it lies. */
    async sendFile(to, path) {
        return (await this.#told({ do: "send_file", to, path })).url;
    }

    /** The next message with a body from that account. */
    async hears(from) {
        return await this.#told({ do: "hear", from });
    }

    /** Fetches what lies there: status, type and SHA-256. */
    async fetches(url) {
        return await this.#told({ do: "fetch", url });
    }

    async offline() {
        this.process.stdin.end();
        if (this.process.exitCode === null) await once(this.process, "exit");
    }

    /** One line there, one line back. */
    async #told(what) {
        this.process.stdin.write(JSON.stringify(what) + "\n");
        let timer;
        const late = new Promise((_, reject) => {
            timer = setTimeout(() => reject(new Error(`slixmpp: no answer to ${what.do ?? "the login"}`)), PATIENCE);
        });
        const { value, done } = await Promise.race([this.lines.next(), late]);
        clearTimeout(timer);
        if (done) throw new Error("slixmpp ended");
        const answer = JSON.parse(value);
        if (answer.error) throw new Error(`slixmpp: ${answer.error}`);
        return answer;
    }
}
