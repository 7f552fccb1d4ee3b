#!/usr/bin/env python3
"""Draws missing_bicycle.png, the sample that the example sends. Standard library only.

The same bytes come out wherever zlib is the same: the grain has a fixed seed.
"""

import math
import pathlib
import random
import struct
import zlib

WIDTH, HEIGHT = 720, 540
INK, PAPER, RED, AMBER = (28, 32, 44), (244, 236, 220), (196, 44, 38), (236, 178, 74)

grain = random.Random(1)
pixels = [[PAPER] * WIDTH for _ in range(HEIGHT)]


def mix(under, over, share):
    return tuple(u + (o - u) * share for u, o in zip(under, over))


def paint(colour, box, distance):
    """Fills where `distance` to the shape's edge is negative, with a soft rim of one pixel."""
    left, top, right, bottom = box
    for y in range(max(0, int(top) - 1), min(HEIGHT, int(bottom) + 2)):
        row = pixels[y]
        for x in range(max(0, int(left) - 1), min(WIDTH, int(right) + 2)):
            share = min(1.0, max(0.0, 0.5 - distance(x + 0.5, y + 0.5)))
            if share:
                row[x] = mix(row[x], colour, share)


def line(x0, y0, x1, y1, width, colour):
    dx, dy, half = x1 - x0, y1 - y0, width / 2
    length = dx * dx + dy * dy

    def distance(x, y):
        t = min(1.0, max(0.0, ((x - x0) * dx + (y - y0) * dy) / length))
        return math.hypot(x - x0 - t * dx, y - y0 - t * dy) - half

    box = (min(x0, x1) - half, min(y0, y1) - half, max(x0, x1) + half, max(y0, y1) + half)
    paint(colour, box, distance)


def disc(cx, cy, radius, colour):
    box = (cx - radius, cy - radius, cx + radius, cy + radius)
    paint(colour, box, lambda x, y: math.hypot(x - cx, y - cy) - radius)


def ring(cx, cy, radius, width, colour):
    out = radius + width / 2
    box = (cx - out, cy - out, cx + out, cy + out)
    paint(colour, box, lambda x, y: abs(math.hypot(x - cx, y - cy) - radius) - width / 2)


def rectangle(left, top, right, bottom, colour):
    paint(colour, (left, top, right, bottom), lambda x, y: max(left - x, x - right, top - y, y - bottom))


def hill(colour, height, swing, period, shift):
    top = lambda x: height + swing * math.sin((x + shift) / period)
    paint(colour, (0, height - abs(swing), WIDTH, HEIGHT), lambda x, y: top(x) - y)


LETTERS = {  # 5 by 7
    "M": "10001 11011 10101 10101 10001 10001 10001",
    "I": "01110 00100 00100 00100 00100 00100 01110",
    "S": "01111 10000 10000 01110 00001 00001 11110",
    "N": "10001 11001 10101 10011 10001 10001 10001",
    "G": "01111 10000 10000 10011 10001 10001 01111",
}


def word(text, left, top, dot, colour):
    for i, letter in enumerate(text):
        for y, bits in enumerate(LETTERS[letter].split()):
            for x, bit in enumerate(bits):
                if bit == "1":
                    a, b = left + (6 * i + x) * dot, top + y * dot
                    rectangle(a, b, a + dot, b + dot, colour)


def wheel(cx, cy):
    ring(cx, cy, 92, 11, INK)
    ring(cx, cy, 83, 3, (150, 150, 150))
    for spoke in range(20):
        a = math.tau * spoke / 20
        line(cx, cy, cx + 82 * math.cos(a), cy + 82 * math.sin(a), 1.6, (206, 206, 206))
    disc(cx, cy, 8, INK)


def bicycle():
    rear, front, crank, seat, head = (236, 396), (512, 396), (352, 398), (316, 268), (474, 262)
    wheel(*rear)
    wheel(*front)
    for a, b in [(rear, crank), (rear, (322, 286)), (crank, seat), (crank, (480, 284)), ((322, 286), head)]:
        line(*a, *b, 11, RED)
    line(*head, *front, 9, RED)  # fork
    line(474, 262, 466, 236, 8, INK)  # stem
    line(466, 236, 500, 230, 8, INK)  # handlebar
    line(500, 230, 512, 246, 8, INK)
    line(*seat, 312, 250, 8, INK)  # saddle
    line(282, 246, 340, 246, 13, INK)
    ring(*crank, 20, 5, INK)
    line(332, 428, 372, 368, 6, INK)  # pedals
    line(318, 429, 346, 429, 7, INK)
    line(358, 367, 386, 367, 7, INK)


def scene():
    for y in range(HEIGHT):  # dusk
        pixels[y] = [mix((86, 112, 148), (246, 206, 160), y / 380 if y < 380 else 1)] * WIDTH
    disc(596, 190, 54, AMBER)
    hill((142, 148, 138), 300, 34, 96, 40)
    hill((98, 122, 104), 356, 22, 70, 210)
    hill((72, 78, 88), 470, 0, 1, 0)  # road
    for dash in range(0, WIDTH, 96):
        line(dash + 12, 512, dash + 60, 512, 6, PAPER)
    rectangle(0, -1, WIDTH, 112, PAPER)
    line(0, 112, WIDTH, 112, 6, RED)
    word("MISSING", 112, 21, 12, RED)
    bicycle()


def png():
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = bytearray()
    for row in pixels:
        rows.append(1)  # filter "Sub": each sample minus the one to its left
        left = (0, 0, 0)
        for pixel in row:
            noise = grain.gauss(0, 2.6)  # film grain; it also makes the file a photo's size
            now = tuple(min(255, max(0, round(sample + noise))) for sample in pixel)
            rows.extend((n - l) & 255 for n, l in zip(now, left))
            left = now
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(rows), 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


if __name__ == "__main__":
    scene()
    path = pathlib.Path(__file__).with_suffix(".png")
    path.write_bytes(png())
    print(f"{path.name}: {path.stat().st_size} bytes")
