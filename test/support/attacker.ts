/**
 * A hostile client in a process of its own, so that its memory and its work are not those of the test: `attacker.ts <attack>
 * <origin> [more origins]`. It tells its parent once the attack has begun, goes on until it is killed, and counts what it sent and read.
 */
import { connect, type Socket } from 'node:net';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';

/** Another address of this machine than that of good clients. */
const ownAddress = '127.0.0.2';
const mebibyte = 1024 * 1024;

export const tally = { sentBytes: 0, readBytes: 0, answers: {} as Record<string, number>, closed: 0 };
export type Tally = typeof tally;

const [, , attack = '', origin = '', ...more] = process.argv;
// Importers of the list of attacks have arguments of their own.
const { port, hostname: host } = new URL(URL.canParse(origin) ? origin : 'http://127.0.0.1:1');

/** A connection that counts what comes; `reads: false` takes nothing of it. */
function open({ reads = true, to = { host, port } } = {}): Socket {
  const socket = connect({ host: to.host, port: Number(to.port), localAddress: ownAddress });
  socket.on('error', () => undefined).on('close', () => (tally.closed += 1));
  if (!reads) return socket.pause();
  return socket.on('data', (chunk) => {
    tally.readBytes += chunk.length;
    for (const [, status] of chunk.toString('latin1').matchAll(/HTTP\/1\.1 (\d{3}) /g)) {
      tally.answers[status!] = (tally.answers[status!] ?? 0) + 1;
    }
  });
}

const sockets = (count: number, options = {}): Socket[] => Array.from({ length: count }, () => open(options));
const post = (fields: string, path = '/v2/models/simple/infer'): string =>
  `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${fields}\r\n\r\n`;

/** Writes as fast as the server takes it, until the socket ends or `bytes` are sent. */
function pour(socket: Socket, piece: Buffer, bytes = Infinity): void {
  let left = bytes;
  const more = (): void => {
    while (!socket.destroyed && left > 0) {
      const part = left < piece.length ? piece.subarray(0, left) : piece;
      left -= part.length;
      tally.sentBytes += part.length;
      if (!socket.write(part)) return void socket.once('drain', more);
    }
  };
  more();
}

/** Repeats a step as long as the process lives, with some turns of the event loop between. */
async function forever(step: () => unknown, pauseMs = 2): Promise<void> {
  for (;;) {
    step();
    await delay(pauseMs);
  }
}

const spaces = Buffer.alloc(65_536, ' ');
const row = JSON.stringify(Array.from({ length: 16 }, () => 1));
const infer = `{"inputs":[${['INPUT0', 'INPUT1'].map((name) => `{"name":"${name}","datatype":"INT32","shape":[1,16],"data":${row}}`).join()}]}`;
const good = `${post(`content-length: ${infer.length}`)}${infer}`;
/** Asks for 4 MiB in a hundred bytes: model `large` of the test has 65,536 numbers in each row of its answer. */
const largeHead = JSON.stringify({
  inputs: [{ name: 'x', datatype: 'FP32', shape: [16, 1], parameters: { binary_data_size: 64 } }],
  parameters: { binary_data_output: true },
});
const large =
  `POST /v2/models/large/infer HTTP/1.1\r\nhost: x\r\ncontent-type: application/octet-stream\r\n` +
  `inference-header-content-length: ${largeHead.length}\r\ncontent-length: ${largeHead.length + 64}\r\n\r\n${largeHead}${'\0'.repeat(64)}`;

export const attacks: Readonly<Record<string, () => unknown>> = {
  'CONNECT and a reset': () =>
    forever(() => {
      const socket = open();
      socket.write('CONNECT x HTTP/1.1\r\n\r\n', () => setTimeout(() => socket.resetAndDestroy(), 3));
    }),
  'announced bodies that never come': () => {
    for (const socket of sockets(16)) socket.write(post(`content-length: ${64 * mebibyte}`));
  },
  'bodies that stop at 63 of 64 MiB': () => {
    for (const socket of sockets(4)) {
      socket.write(post(`content-length: ${64 * mebibyte}`));
      pour(socket, spaces, 63 * mebibyte);
    }
  },
  'chunks of one byte': () => {
    const piece = Buffer.from('1\r\nx\r\n'.repeat(10_000));
    const again = (): void => {
      const socket = open().once('close', again);
      socket.write(post('transfer-encoding: chunked'));
      pour(socket, piece, 17 * 6 * mebibyte);
    };
    for (let count = 0; count < 4; count += 1) again();
  },
  'large answers that nobody reads': () => {
    for (const socket of sockets(100, { reads: false })) socket.write(large.repeat(3), 'latin1');
  },
  'bodies behind a refusal': () => {
    const again = (): void => {
      for (const [path, fields] of [
        ['/v2/models/simple/infer', 'content-length: 1500000000'],
        ['/v2/models/simple/infer', 'expect: 100-continue\r\ncontent-length: 1500000000'],
        ['/nowhere', 'expect: 100-continue\r\ncontent-length: 1500000000'],
        ['/v2/health/live', 'content-length: 1500000000'],
      ] as const) {
        const socket = open();
        socket.write(post(fields, path));
        pour(socket, spaces, 1_500_000_000);
      }
    };
    again();
  },
  'heads that two servers read differently': () =>
    forever(() => {
      open().write(`${post('transfer-encoding: gzip, chunked')}0\r\n\r\n${good}`);
      open().write(`${post(`host: y\r\ncontent-length: ${infer.length}`)}${infer}${good}`);
      open().write(`${post(`content-length: 3\r\ntransfer-encoding: chunked`)}0\r\n\r\n${good}`);
    }, 10),
  // To every pod, ten times a second.
  'drains of pods by a stranger': () =>
    forever(() => {
      for (const pod of [origin, ...more].map((one) => new URL(one))) {
        for (const guess of ['', `authorization: Bearer ${'guess'.repeat(8)}\r\n`]) {
          const head = `POST /drain?holder=stranger HTTP/1.1\r\nhost: x\r\n${guess}content-length: 0\r\nconnection: close\r\n\r\n`;
          open({ to: { host: pod.hostname, port: pod.port } }).write(head);
        }
      }
    }, 100),
  'forms of foreign pages': () =>
    forever(() => {
      for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
        open().end(good.replace('application/json', type));
      }
    }, 10),
  'slow heads': () => {
    const slow = sockets(1_000);
    for (const socket of slow) socket.write('POST /v2/models/simple/infer HTTP/1.1\r\nhost: x\r\n');
    return forever(() => slow.forEach((socket) => !socket.destroyed && socket.write('x: y\r\n')), 500);
  },
  'slow bodies': () => {
    const slow = sockets(500);
    for (const socket of slow) socket.write(post('content-length: 100000'));
    return forever(() => slow.forEach((socket) => !socket.destroyed && socket.write(' ')), 100);
  },
  '5,000 idle connections': async () => {
    for (let count = 0; count < 50; count += 1) {
      await Promise.all(sockets(100).map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
    }
  },
  'a flood of resets': () =>
    forever(() => {
      for (const bytes of [
        good,
        good.slice(0, -40),
        good.slice(0, 60),
        post('transfer-encoding: chunked') + 'ff\r\nx',
      ]) {
        const socket = open();
        socket.write(bytes, () => setTimeout(() => socket.resetAndDestroy(), 2));
      }
    }),
  '20,000 pipelined requests': () => {
    const batch = Buffer.from(good.repeat(200));
    for (const reads of [true, false]) pour(open({ reads }), batch, 20_000 * good.length);
    pour(open({ reads: false }), Buffer.from('GET /v2 HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(2_000)), 20_000 * 28);
  },
  // Read to its end, where a second element is one too many.
  'a row of 60 MiB of text': async () => {
    const body = Buffer.from(
      `{"inputs":[{"name":"x","datatype":"BYTES","shape":[1],"data":["${'some text '.repeat(6 * mebibyte)}","x"]}]}`,
    );
    for (;;) {
      const socket = open();
      socket.write(post(`content-length: ${body.length}\r\nconnection: close`, '/v2/models/text/infer'));
      pour(socket, body, body.length);
      await new Promise((resolve) => socket.once('close', resolve));
    }
  },
  'the first priority for every request': () => {
    const urgent = `${post(`sluice-priority: 1\r\ncontent-length: ${infer.length}`, '/v2/models/slow/infer')}${infer}`;
    // A backlog of 3,200 requests that never gets shorter.
    for (const socket of sockets(200)) {
      socket.write(urgent.repeat(16));
      socket.on('data', (chunk) => {
        socket.write(urgent.repeat(chunk.toString('latin1').split('HTTP/1.1 ').length - 1));
      });
    }
  },
  'more connections than descriptors': async () => {
    for (;;) {
      const some = sockets(400);
      await delay(500);
      for (const socket of some) socket.destroy();
    }
  },
};

const step = attacks[attack];
if (process.send !== undefined && step !== undefined) {
  process.on('message', () => process.send?.(tally));
  process.on('disconnect', () => process.exit());
  await Promise.race([step(), delay(0)]);
  process.send('begun');
}
