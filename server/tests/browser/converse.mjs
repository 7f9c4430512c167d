// Converse.js, a client in the browser by other people, from a web server of our own.

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { once } from "node:events";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const DIST = fileURLToPath(new URL("node_modules/converse.js/dist", import.meta.url));

const TYPES = {
    ".css": "text/css", ".js": "text/javascript", ".json": "application/json", ".svg": "image/svg+xml",
    ".wasm": "application/wasm", ".webp": "image/webp", ".woff2": "font/woff2",
};

/** Serves Converse.js on a free port of loopback. */
export async function serveConverse() {
    const server = createServer((request, response) => {
        answer(request, response).catch(() => response.writeHead(404).end());
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return { origin: `http://localhost:${server.address().port}`, close: () => server.close() };
}

async function answer(request, response) {
    const url = new URL(request.url, "http://localhost");
    if (url.pathname === "/") {
        response.writeHead(200, { "Content-Type": "text/html; charset=utf-8" });
        response.end(html(Object.fromEntries(url.searchParams)));
        return;
    }
    const path = join(DIST, normalize(url.pathname));
    if (!path.startsWith(DIST) || !(await stat(path)).isFile()) throw new Error("no such file");
    response.writeHead(200, { "Content-Type": TYPES[extname(path)] ?? "application/octet-stream" });
    createReadStream(path).pipe(response);
}

/** The page: Converse.js and how it connects. */
function html(way) {
    const settings = {
        ...way,
        view_mode: "fullscreen",
        assets_path: "/",
        // What is tested is that this way works, not another that the server tells of.
        discover_connection_methods: false,
        allow_registration: false,
        allow_user_trust_override: "off",
        render_media: true,
        play_sounds: false,
        i18n: "en",
    };
    return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Converse</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><link rel="stylesheet" href="/converse.min.css">
<script type="module" src="/converse.min.js"></script></head>
<body class="converse-fullscreen"><div id="conversejs-bg"></div>
<script type="module">converse.initialize(${JSON.stringify(settings)});</script></body></html>`;
}

/** Somebody who uses it, on a page of the browser. */
export class Converse {
    constructor(page) {
        this.page = page;
    }

    /** Opens the client and logs in. `way` is a setting of Converse.js: how it connects. */
    async login(origin, way, jid, password) {
        await this.page.goto(`${origin}/?${new URLSearchParams(way)}`);
        await this.page.fill("#converse-login-jid", jid);
        await this.page.fill("#converse-login-password", password);
        await this.page.click("#converse-login button[type=submit]");
        await this.page.waitForSelector("converse-user-profile");
    }

    /** Opens the chat with a contact. */
    async open(jid) {
        await this.page.click(`a.open-chat[data-jid="${jid}"]`);
        await this.page.waitForSelector("textarea.chat-textarea");
    }

    async write(body) {
        await this.page.fill("textarea.chat-textarea", body);
        await this.page.press("textarea.chat-textarea", "Enter");
    }

    /** Waits until a message that says this is shown. */
    async reads(body) {
        await this.page.locator(".chat-msg__text", { hasText: body }).first().waitFor();
    }

    /** Chooses a file, as one does with the paper clip. */
    async sendFile(path) {
        const chooser = this.page.waitForEvent("filechooser");
        await this.page.click('converse-chat-toolbar button[title="Choose a file to send"]');
        await (await chooser).setFiles(path);
    }

    /** Waits until the picture that lies there is shown; returns its size in pixels. */
    async sees(url) {
        const image = this.page.locator(`img.chat-image[src="${url}"]`);
        await image.waitFor();
        return await image.evaluate(async (element) => {
            await element.decode();
            return [element.naturalWidth, element.naturalHeight];
        });
    }
}
