// What is claimed in a run, and what came of it; as ../interop/claims.py has it.

/** Letters of what was there instead. */
const SHOWN = 500;

let passed = 0;
const failed = [];

/** Says whether something that must be so is so. */
export function claim(what, holds, instead) {
    if (holds) {
        passed += 1;
        console.log(`ok      ${what}`);
    } else {
        failed.push(what);
        console.log(`FAILED  ${what}`);
        if (instead !== undefined) console.log(`        instead: ${JSON.stringify(instead).slice(0, SHOWN)}`);
    }
}

/** Something that a reader of the run wants to know, and nobody claims. */
export function remark(what) {
    console.log(`-       ${what}`);
}

/** The last lines of a run: what failed, once more, and how much; the status to exit with. */
export function conclusion(name) {
    for (const what of failed) console.log(`FAILED  ${what}`);
    console.log(`${name}: ${passed} passed, ${failed.length} failed`);
    return failed.length > 0 ? 1 : 0;
}
