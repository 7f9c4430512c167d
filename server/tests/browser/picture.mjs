// Pictures that nobody else has.

import { randomBytes } from "node:crypto";
import zlib from "node:zlib";

/** A PNG: colours by chance that go over into each other, with some noise. */
export function picture(width, height) {
    const head = Buffer.alloc(13);
    head.writeUInt32BE(width, 0);
    head.writeUInt32BE(height, 4);
    // 8 bits, RGB.
    head.set([8, 2, 0, 0, 0], 8);
    const [noise, corners] = [randomBytes(width * height * 3), randomBytes(6)];
    const rows = Array.from({ length: height }, (_, y) => {
        const row = Buffer.alloc(1 + width * 3);
        for (let at = 0; at < width * 3; at += 1) {
            const [x, colour] = [Math.floor(at / 3) / width, at % 3];
            const slope = corners[colour] * (1 - x) + corners[colour + 3] * (y / height);
            row[at + 1] = Math.min(255, slope * 0.75 + noise[y * width * 3 + at] / 8);
        }
        return row;
    });
    const image = zlib.deflateSync(Buffer.concat(rows));
    const parts = [["IHDR", head], ["IDAT", image], ["IEND", Buffer.alloc(0)]];
    const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
    return Buffer.concat([signature, ...parts.map(([name, bytes]) => chunk(name, bytes))]);
}

function chunk(name, bytes) {
    const named = Buffer.concat([Buffer.from(name, "latin1"), bytes]);
    const framed = Buffer.alloc(named.length + 8);
    framed.writeUInt32BE(bytes.length, 0);
    named.copy(framed, 4);
    framed.writeUInt32BE(checksum(named), named.length + 4);
    return framed;
}

/** As PNG has it; zlib's own came with Node 20.15. */
function checksum(bytes) {
    if (zlib.crc32) return zlib.crc32(bytes);
    let crc = ~0;
    for (const byte of bytes) {
        crc ^= byte;
        for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc >>> 0;
}
