// The operator's console, every page of it.

import { DESK, PATIENCE } from "./browser.mjs";
import { claim } from "./claims.mjs";

/** Goes through the console, and claims that these accounts are shown as online. */
export async function walk(browser, server, online) {
    // So that each list has something.
    await server.tell("room", "create", "tea@rooms.localhost", "--owner", online[0]);
    await server.ask("invite", "create");
    const { url: link } = await server.ask("console");
    const page = await browser.page(DESK);
    const first = await page.goto(link);
    claim("a link opens the console", first.status() === 200, first.status());
    claim("on this machine alone", ["127.0.0.1", "localhost"].includes(new URL(link).hostname), link);
    // From there the browser goes on by itself, which is not to be disturbed.
    await page.waitForURL("**/console");
    await drawn(page);
    for (const { name, href } of await pages(page)) {
        await visit(browser, page, name, href);
        if (name === "Online") await shows(page, online);
        // One of what the page lists, if that has pages of its own.
        const first = page.locator("main th[scope=row] a[href^='/console/']").first();
        if ((await first.count()) > 0) await visit(browser, page, `${name} one`, await first.evaluate((link) => link.href));
    }
    claim("nothing was asked for elsewhere", page.asked.size === 1, [...page.asked]);
    claim("the browser complains of nothing", page.complaints.length === 0, page.complaints);
    await stranger(browser, link);
}

async function visit(browser, page, name, href) {
    const answer = await page.goto(href);
    claim(`the console has a page ${name}`, answer.status() === 200, answer.status());
    // A form within a paragraph is moved out of it.
    const empty = await page.locator("main .actions:not(:has(.button))").count();
    claim(`its rows of buttons hold them`, empty === 0, empty);
    await browser.look(page, `console-${name.toLowerCase().replaceAll(/\W+/g, "-")}`);
}

/** Waits for the pictures of the first page: the server has to have run for half a minute. */
async function drawn(page) {
    const until = Date.now() + PATIENCE;
    while ((await page.locator("main svg").count()) === 0 && Date.now() < until) {
        await page.reload();
    }
    claim("the console draws how the server is", (await page.locator("main svg").count()) > 0);
}

async function shows(page, online) {
    const text = await page.textContent("main");
    for (const jid of online) claim(`the console shows ${jid} online`, text.includes(jid));
}

/** Somebody who comes without a link, and with one that was used. */
async function stranger(browser, link) {
    const page = await browser.page(DESK);
    for (const [who, url] of [["nobody", new URL("/console", link).href], ["nobody with a used link", link]]) {
        await page.goto(url);
        const heading = await page.textContent("main h1");
        claim(`${who} is let in`, heading.startsWith("Sign in"), heading);
    }
    await browser.look(page, "console-sign-in");
}

/** What its navigation leads to. */
async function pages(page) {
    return await page.locator("header nav a[href^='/']").evaluateAll((links) =>
        links.map((link) => ({ name: link.textContent.trim(), href: link.href })));
}
