import assert from 'node:assert/strict';
import process from 'node:process';
import { test } from 'node:test';
import fc from 'fast-check';
import { appendFrame, FrameDecoder, maxHeadBytes, type Frame, type ItemHead } from './envelope.ts';
import { SluiceError } from './errors.ts';

const head: ItemHead = { index: 0, model: 'm', protocol: 'oip', deadlineMs: 1 };
const mebibyte = 1024 * 1024;

const anyHead = fc.record(
  {
    index: fc.nat(),
    model: fc.string({ minLength: 1, unit: 'binary' }),
    protocol: fc.constantFrom('oip' as const, 'v1' as const),
    deadlineMs: fc.double({ noNaN: true, noDefaultInfinity: true }),
    contentType: fc.string(),
    requestId: fc.string({ unit: 'grapheme' }),
  },
  { requiredKeys: ['index', 'model', 'protocol', 'deadlineMs'] },
);
const anyBody = fc.array(
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  { maxLength: 3 },
);
const anyFrames = fc.array(fc.record({ head: anyHead, body: anyBody }), { maxLength: 8 });

function encode(frames: readonly { head: ItemHead; body: readonly Buffer[] }[]): Buffer {
  const parts: Buffer[] = [];
  for (const frame of frames) appendFrame(parts, frame.head, frame.body);
  return Buffer.concat(parts);
}

/** Cuts `bytes` into chunks at shares in [0, 1] of its length; equal shares make empty chunks. */
function cut(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [0, ...cuts.map((share) => Math.round(share * bytes.length)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

const anyCuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30 });

function decode(chunks: readonly Buffer[], decoder = new FrameDecoder({ maxBodyBytes: mebibyte })): Frame[] {
  const frames = chunks.flatMap((chunk) => decoder.push(chunk));
  decoder.end();
  return frames;
}

const invalid = (message: RegExp) => (error: unknown) =>
  error instanceof SluiceError && error.code === 'invalid-envelope' && message.test(error.message);

function prefix(headLength: number, bodyLength: number): Buffer {
  const bytes = Buffer.alloc(20);
  bytes.writeUInt32LE(headLength, 0);
  bytes.writeUInt32LE(bodyLength, 4);
  return bytes;
}

test('any frames, cut anywhere, come back as they were', () => {
  fc.assert(
    fc.property(anyFrames, anyCuts, fc.boolean(), (frames, cuts, announced) => {
      const bytes = encode(frames);
      const limits = announced ? { maxBodyBytes: mebibyte, totalBytes: bytes.length } : { maxBodyBytes: mebibyte };
      const decoded = decode(cut(bytes, cuts), new FrameDecoder(limits));
      assert.deepEqual(
        decoded.map((frame) => ({ head: frame.head.toString(), body: frame.body.toString('hex') })),
        frames.map((frame) => ({ head: JSON.stringify(frame.head), body: Buffer.concat(frame.body).toString('hex') })),
      );
    }),
  );
});

test('byte by byte: a frame appears with its last byte, not before', () => {
  const bytes = encode([
    { head, body: [Buffer.from('ab')] },
    { head, body: [] },
  ]);
  const decoder = new FrameDecoder({ maxBodyBytes: 10 });
  const counts = [...bytes].map((byte) => decoder.push(Buffer.of(byte)).length);
  const first = encode([{ head, body: [Buffer.from('ab')] }]).length;
  assert.equal(counts.indexOf(1), first - 1);
  assert.equal(counts.lastIndexOf(1), bytes.length - 1);
  assert.equal(
    counts.reduce((sum, count) => sum + count, 0),
    2,
  );
});

test('a body of no bytes is a frame like any other', () => {
  const frames = decode([
    encode([
      { head, body: [] },
      { head, body: [Buffer.alloc(0)] },
    ]),
  ]);
  assert.deepEqual(
    frames.map((frame) => frame.body.length),
    [0, 0],
  );
});

test('a frame within one chunk is a view of it, not a copy', () => {
  const bytes = encode([{ head, body: [Buffer.from('abc')] }]);
  const [frame] = new FrameDecoder({ maxBodyBytes: 10 }).push(bytes);
  assert.equal(frame?.body.buffer, bytes.buffer);
});

test('long bodies come back as they were, and chunks of them alone are given back at once', () => {
  const bodies = [300_000, 9_000_000, 100, 262_144].map((length, index) => Buffer.alloc(length, index + 1));
  const bytes = encode(bodies.map((body) => ({ head, body: [body] })));
  for (const chunkBytes of [65_536, 1_000_003]) {
    const chunks: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += chunkBytes) chunks.push(Buffer.from(bytes.subarray(at, at + chunkBytes)));
    const count = chunks.length;
    const decoder = new FrameDecoder({ maxBodyBytes: 10 * mebibyte });
    const frames = decode(chunks, decoder);
    assert.deepEqual(
      frames.map((frame) => frame.body.equals(bodies[frames.indexOf(frame)]!)),
      bodies.map(() => true),
    );
    const freed = chunks.filter(({ length }) => length === 0).length;
    assert.ok(freed > 0.6 * count && freed < count, `${freed} of ${count} chunks were given back`);
    // Each is all of its memory, so that it can be given back too.
    assert.equal(frames[1]!.body.length, frames[1]!.body.buffer.byteLength);
  }
});

test('a long body that is given up in its middle is let go', () => {
  const body = Buffer.alloc(1_000_000, 1);
  const bytes = encode([
    { head, body: [body] },
    { head, body: [Buffer.from('next')] },
  ]);
  const decoder = new FrameDecoder({ maxBodyBytes: 2 * mebibyte });
  assert.deepEqual(decoder.push(Buffer.from(bytes.subarray(0, 500_000))), []);
  assert.equal(decoder.heldBytes, 500_000 - 8);
  decoder.dropBody();
  assert.equal(decoder.heldBytes, 0);
  const [dropped, next] = decoder.push(Buffer.from(bytes.subarray(500_000)));
  decoder.end();
  assert.deepEqual([dropped?.dropped, dropped?.body.length, next?.body.toString()], [true, 0, 'next']);
  assert.deepEqual(JSON.parse(dropped!.head.toString()), head);
});

test('a long body waits until it is admitted, whatever comes meanwhile, and short ones need no admission', () => {
  const lengths = [100, 300_000, 200, 400_000, 500_000];
  const bytes = encode(lengths.map((length, index) => ({ head, body: [Buffer.alloc(length, index)] })));
  const asked: number[] = [];
  let admits = false;
  const decoder = new FrameDecoder({
    maxBodyBytes: mebibyte,
    admits: (length) => {
      asked.push(length);
      return admits;
    },
  });
  const frames = decoder.push(Buffer.from(bytes.subarray(0, 200_000)));
  assert.deepEqual([frames.length, asked], [1, [300_000]]);
  frames.push(...decoder.push(Buffer.from(bytes.subarray(200_000, 310_000))));
  assert.deepEqual([frames.length, asked], [1, [300_000, 300_000]]);
  admits = true;
  frames.push(...decoder.push(Buffer.alloc(0)));
  assert.equal(frames.length, 3);
  frames.push(...decoder.push(Buffer.from(bytes.subarray(310_000))));
  decoder.end();
  assert.deepEqual(
    frames.map(({ body }) => [body.length, body[0]]),
    lengths.map((length, index) => [length, index]),
  );
  assert.deepEqual(asked, [300_000, 300_000, 300_000, 400_000, 500_000]);
});

test('memory for a long body is taken as it comes', () => {
  const bytes = encode([{ head, body: [Buffer.alloc(300_000)] }]);
  bytes.writeUInt32LE(900 * mebibyte, 4);
  const before = process.memoryUsage().arrayBuffers;
  const decoder = new FrameDecoder({ maxBodyBytes: 1_000 * mebibyte });
  decoder.push(bytes);
  assert.ok(process.memoryUsage().arrayBuffers - before < 20 * mebibyte);
  assert.throws(() => decoder.end(), invalid(/ended inside a frame/));
});

test('an envelope that is cut off inside a frame is refused at its end', () => {
  fc.assert(
    fc.property(anyFrames, anyCuts, fc.nat(), (frames, cuts, seed) => {
      const bytes = encode([...frames, { head, body: [Buffer.from('last')] }]);
      const boundaries = new Set([0]);
      let end = 0;
      for (const frame of frames) boundaries.add((end += encode([frame]).length));
      const length = seed % bytes.length;
      fc.pre(!boundaries.has(length));
      const decoder = new FrameDecoder({ maxBodyBytes: mebibyte });
      for (const chunk of cut(bytes.subarray(0, length), cuts)) decoder.push(chunk);
      assert.throws(() => decoder.end(), invalid(new RegExp(`ended inside a frame, after ${length} bytes`)));
    }),
  );
});

test('lengths that lie are refused by their prefix alone, before anything is allocated for them', (t) => {
  // Envelopes of 20 bytes with false lengths; the fourth has a head of 4 GiB, the fifth adds up to more than any of its parts.
  const lies = [
    {
      bytes: prefix(2, 0xffff_ffff),
      totalBytes: undefined,
      message: /body of 4294967295 bytes is over the limit of 1000/,
    },
    { bytes: prefix(2, 0xffff_ffff), totalBytes: 20, message: /body of 4294967295 bytes is over the limit of 1000/ },
    { bytes: prefix(2, 11), totalBytes: 20, message: /frame of 2 \+ 11 bytes at 8 goes beyond the envelope's 20/ },
    { bytes: prefix(0xffff_ffff, 0), totalBytes: 20, message: /head of 4294967295 bytes is over the limit of 65536/ },
    { bytes: prefix(11, 10), totalBytes: 20, message: /goes beyond the envelope's 20/ },
    { bytes: prefix(maxHeadBytes + 1, 0), totalBytes: undefined, message: /head of 65537 bytes/ },
  ];
  const allocate = t.mock.method(Buffer, 'allocUnsafe');
  for (const { bytes, totalBytes, message } of lies) {
    const limits = { maxBodyBytes: 1000, ...(totalBytes === undefined ? {} : { totalBytes }) };
    for (const chunks of [[bytes], cut(bytes, [0.1, 0.3])]) {
      const decoder = new FrameDecoder(limits);
      assert.throws(() => chunks.forEach((chunk) => decoder.push(chunk)), invalid(message));
    }
  }
  const sizes = allocate.mock.calls.map((call) => call.arguments[0]);
  assert.ok(Math.max(...sizes) <= 8, `allocated ${sizes.join(', ')}`);
});

test('a body that is given up is let go as it comes, and the frames around it stay whole', () => {
  fc.assert(
    fc.property(anyFrames, anyFrames, anyCuts, (before, after, cuts) => {
      const body = Buffer.alloc(1_000, 1);
      const bytes = encode([...before, { head, body: [body] }, ...after]);
      const start = encode(before).length;
      const decoder = new FrameDecoder({ maxBodyBytes: mebibyte });
      const frames = decoder.push(bytes.subarray(0, start + 9));
      decoder.dropBody();
      for (const chunk of cut(bytes.subarray(start + 9), cuts)) {
        frames.push(...decoder.push(chunk));
        const rest = encode(after).length;
        assert.ok(
          decoder.heldBytes <= Math.max(rest, encode([{ head, body: [] }]).length),
          `${decoder.heldBytes} held`,
        );
      }
      decoder.end();
      assert.deepEqual(
        frames.map(({ dropped }) => dropped === true),
        [...before.map(() => false), true, ...after.map(() => false)],
      );
      const kept = frames.filter(({ dropped }) => dropped !== true);
      assert.deepEqual(kept, decode([encode([...before, ...after])]));
      assert.equal(frames[before.length]!.body.length, 0);
      assert.deepEqual(JSON.parse(frames[before.length]!.head.toString()), head);
    }),
  );
});

test('limits are themselves allowed', () => {
  const decoder = new FrameDecoder({ maxBodyBytes: 10, totalBytes: 8 + 2 + 10 });
  assert.equal(decoder.push(prefix(2, 10)).length, 1);
  decoder.end();
});

test('more bytes than announced are refused, even as whole frames', () => {
  const bytes = encode([{ head, body: [] }]);
  const decoder = new FrameDecoder({ maxBodyBytes: 10, totalBytes: bytes.length });
  assert.equal(decoder.push(bytes).length, 1);
  assert.throws(() => decoder.push(bytes), invalid(/longer than its announced/));
});

test('whatever the bytes, the decoder throws nothing but its own error', () => {
  const mutation = fc.record({ at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), byte: fc.nat(255) });
  const mutated = fc.tuple(anyFrames, fc.array(mutation, { maxLength: 5 })).map(([frames, mutations]) => {
    const bytes = encode(frames);
    for (const { at, byte } of mutations) if (bytes.length > 0) bytes[Math.floor(at * bytes.length)] = byte;
    return bytes;
  });
  const noise = fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.oneof(mutated, noise), anyCuts, fc.boolean(), (bytes, cuts, announced) => {
      const limits = announced ? { maxBodyBytes: 1000, totalBytes: bytes.length } : { maxBodyBytes: 1000 };
      try {
        const frames = decode(cut(bytes, cuts), new FrameDecoder(limits));
        const total = frames.reduce((sum, frame) => sum + 8 + frame.head.length + frame.body.length, 0);
        assert.equal(total, bytes.length);
      } catch (error) {
        if (!(error instanceof SluiceError)) throw error;
        assert.equal(error.code, 'invalid-envelope');
      }
    }),
  );
});
