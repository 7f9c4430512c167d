// A browser on `cloister demo`: from an invitation's link to a chat with pictures, and the console.
//
//     node chat.mjs PATH-TO-CLOISTER [PYTHON-WITH-SLIXMPP [DIRECTORY-FOR-SCREENSHOTS]]
//
// Needs what package-lock.json names (npm ci), and Chromium. Each claim is one line of output; the last
// line counts them. Exits with 1 if one failed.

import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { Browser, DESK } from "./browser.mjs";
import { claim, conclusion, remark } from "./claims.mjs";
import { Cloister } from "./cloister.mjs";
import { walk } from "./console.mjs";
import { Converse, serveConverse } from "./converse.mjs";
import { redeem } from "./invitation.mjs";
import { Peer } from "./peer.mjs";
import { picture } from "./picture.mjs";

const ALICE = "alice@localhost";

const [binary, python = "python3", screenshots = "target/browser"] = process.argv.slice(2);
const ends = [];
try {
    await run();
} catch (error) {
    claim(`nothing unexpected happens: ${error.stack ?? error}`, false);
}
for (const end of ends.reverse()) await end();
process.exit(conclusion("browser"));

async function run() {
    const server = await Cloister.start(binary);
    ends.push(() => server.stop());
    const browser = await Browser.launch(await server.pin(), screenshots);
    ends.push(() => browser.close());
    remark(`with Chromium ${browser.version}; screenshots in ${screenshots}`);
    const converse = await serveConverse();
    ends.push(() => converse.close());

    const nina = await redeem(browser, server, ALICE);
    const alice = await Peer.online(python, server, ALICE, (await server.accounts())[ALICE]);
    ends.push(() => alice.offline());

    const page = await browser.page(DESK);
    const sockets = [];
    page.on("websocket", (socket) => sockets.push(socket.url()));
    const client = new Converse(page);
    const websocket_url = `wss://localhost:${server.https}/xmpp-websocket`;
    await client.login(converse.origin, { websocket_url }, nina.jid, nina.password);
    claim("Converse.js logs in over WebSocket", sockets.includes(websocket_url), sockets);
    await browser.look(page, "converse");
    await chat(client, alice, nina.jid);
    await pictures(client, alice, nina.jid, server);
    await browser.look(page, "converse-pictures");

    await bosh(browser, converse.origin, server, nina);
    await walk(browser, server, [ALICE, nina.jid]);
}

async function chat(client, alice, jid) {
    await client.open(ALICE);
    claim("who invited is a contact", true);
    await client.write("Hello from the browser: Grüße & <b>👋</b>");
    const heard = await alice.hears(jid);
    claim("alice reads what is written in the browser", heard.body === "Hello from the browser: Grüße & <b>👋</b>", heard);
    await alice.send(jid, "And hello to the browser & to you");
    await client.reads("And hello to the browser & to you");
    claim("the browser shows what alice writes", true);
}

async function pictures(client, alice, jid, server) {
    const [here, there] = [picture(320, 240), picture(200, 150)];
    const path = join(server.directory, "from the browser.png");
    await writeFile(path, here);
    await client.sendFile(path);
    const { body, oob } = await alice.hears(jid);
    claim("a picture from the browser comes as a link", body === oob && body.startsWith("https://localhost:"), body);
    const fetched = await alice.fetches(body);
    claim("alice fetches the same picture", fetched.sha256 === createHash("sha256").update(here).digest("hex"), fetched);
    claim("it is a picture", fetched.status === 200 && fetched.type === "image/png", fetched);
    claim("the browser shows what it sent", String(await client.sees(body)) === "320,240");

    const answer = join(server.directory, "from slixmpp.png");
    await writeFile(answer, there);
    const url = await alice.sendFile(jid, answer);
    claim("the browser shows the picture that alice sends", String(await client.sees(url)) === "200,150");
}

/** The way for networks that let no WebSocket through. */
async function bosh(browser, origin, server, { jid, password }) {
    const page = await browser.page(DESK);
    const sockets = [];
    page.on("websocket", (socket) => sockets.push(socket.url()));
    const client = new Converse(page);
    const bosh_service_url = `https://localhost:${server.https}/http-bind`;
    await client.login(origin, { bosh_service_url }, jid, password);
    await client.open(ALICE);
    claim("Converse.js logs in over BOSH, too", sockets.length === 0, sockets);
    await client.reads("And hello to the browser & to you");
    claim("and has what was said from the archive", true);
}
