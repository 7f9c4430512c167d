// Chromium, and what it shows on a phone and on a desk, by day and by night.

import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { chromium } from "playwright-core";

import { claim } from "./claims.mjs";

/** How long anything may take before the run fails: far longer than it takes on a busy machine. */
export const PATIENCE = 60_000;

const SMALL = { width: 360, height: 780 };
const LARGE = { width: 1280, height: 900 };

/** Settings of a page on a phone. */
export const PHONE = {
    viewport: SMALL, isMobile: true, hasTouch: true,
    userAgent: "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36",
};

/** The same on a desk. */
export const DESK = { viewport: LARGE };

export class Browser {
    /** The distribution's Chromium. Of all that is not publicly trusted it trusts keys with this pin. */
    static async launch(pin, pictures) {
        await mkdir(pictures, { recursive: true });
        const browser = await chromium.launch({
            executablePath: process.env.CHROMIUM ?? installed(),
            // Without these it would need rights of its own, and would speak to strangers.
            args: [
                "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                `--ignore-certificate-errors-spki-list=${pin}`,
            ],
        });
        return new Browser(browser, pictures);
    }

    constructor(browser, pictures) {
        Object.assign(this, { browser, pictures, count: 0 });
    }

    get version() {
        return this.browser.version();
    }

    /** A page in a profile of its own. Where it asks for things, and what it complains of, is kept. */
    async page(options) {
        const context = await this.browser.newContext({ locale: "en-GB", ...options });
        context.setDefaultTimeout(PATIENCE);
        const page = await context.newPage();
        page.asked = new Set();
        page.complaints = [];
        page.on("request", (request) => page.asked.add(new URL(request.url()).origin));
        page.on("console", (message) => {
            if (message.type() === "error") page.complaints.push(message.text());
        });
        page.on("pageerror", (error) => page.complaints.push(String(error)));
        return page;
    }

    /** Keeps how a page looks on either screen and in either light, and claims that it fits. */
    async look(page, name) {
        this.count += 1;
        const number = String(this.count).padStart(2, "0");
        for (const [screen, viewport] of [["desk", LARGE], ["phone", SMALL]]) {
            await page.setViewportSize(viewport);
            const wide = await page.evaluate(() => document.documentElement.scrollWidth);
            claim(`${name} fits a screen of ${viewport.width}`, wide <= viewport.width, wide);
            for (const colorScheme of ["light", "dark"]) {
                await page.emulateMedia({ colorScheme });
                const path = join(this.pictures, `${number}-${name}-${screen}-${colorScheme}.png`);
                await page.screenshot({ path, fullPage: true, animations: "disabled" });
            }
        }
    }

    /** Ends all pages. */
    async close() {
        await this.browser.close();
    }
}

function installed() {
    const known = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
    const found = known.find((path) => existsSync(path));
    if (!found) throw new Error("there is no Chromium; install the package chromium, or set CHROMIUM");
    return found;
}
