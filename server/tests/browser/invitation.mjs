// From an invitation's link to an account, by the page behind it alone.

import { DESK, PHONE } from "./browser.mjs";
import { claim } from "./claims.mjs";

const NAME = "nina";

/** Makes an account on a phone without JavaScript. Returns its address and password. */
export async function redeem(browser, server, contact) {
    const invitation = await server.ask("invite", "create", "--contact", contact);
    const { origin } = new URL(invitation.link);
    claim("an invitation is a link to the server", origin === `https://localhost:${server.https}`, origin);
    const page = await browser.page({ ...PHONE, javaScriptEnabled: false });

    const answer = await page.goto(invitation.link);
    claim("the page is there", answer.status() === 200, answer.status());
    const policy = (await answer.allHeaders())["content-security-policy"] ?? "none";
    claim("its policy allows no script", !policy.includes("script-src"), policy);
    claim("it is in the reader's language", (await page.getAttribute("html", "lang")).startsWith("en"));
    claim("it names who invites", (await page.textContent("main")).includes(contact.split("@")[0]));
    const uri = await page.getAttribute("a.button[href^='xmpp:']", "href");
    claim("a client on the phone opens it with one tap", uri.includes("preauth="), uri);
    claim("it names apps for this phone", (await page.textContent("main")).includes("Conversations"));
    await browser.look(page, "invitation");
    await german(browser, invitation.link);

    const password = "correct horse battery staple";
    await fill(page, NAME, password, "something else");
    claim("two passwords that differ are an error beside them", await page.locator("#again-error").isVisible());
    claim("the name stays", (await page.inputValue("#name")) === NAME);
    await browser.look(page, "invitation-mistake");

    await page.setViewportSize(PHONE.viewport);
    await fill(page, NAME, password, password);
    const jid = `${NAME}@localhost`;
    claim("name and password make the account", (await page.textContent("main")).includes(jid));
    await browser.look(page, "account-made");
    const known = (await server.ask("user", "list")).map((row) => row.jid);
    claim("the server knows it", known.includes(jid), known);

    const again = await page.goto(invitation.link);
    claim("the link is used up", again.status() === 410, again.status());
    await browser.look(page, "invitation-used");
    claim("nothing was asked for elsewhere", [...page.asked].join() === origin, [...page.asked]);
    claim("the browser complains of nothing", complaints(page).length === 0, complaints(page));
    await page.context().close();
    return { jid, password };
}

async function fill(page, name, password, again) {
    await page.fill("#name", name);
    await page.fill("#password", password);
    await page.fill("#again", again);
    await page.click("form button[type=submit]");
}

async function german(browser, link) {
    const page = await browser.page({ ...DESK, locale: "de-DE", javaScriptEnabled: false });
    await page.goto(link);
    claim("it is in German for who reads German", (await page.getAttribute("html", "lang")) === "de");
    claim("a desk has a code for a phone's camera", await page.locator("main svg").first().isVisible());
    await browser.look(page, "invitation-german");
    await page.context().close();
}

/** A status that is an answer is none: the browser reports each. */
function complaints(page) {
    return page.complaints.filter((text) => !text.startsWith("Failed to load resource"));
}
