/** Memory settings of gateways, pods and scalers, which allocate unlike typical programs: V8's collector, and the C allocator. */
import { setFlagsFromString } from 'node:v8';

/**
 * Node flags for starting a gateway. V8 and Node read them before any code of ours runs.
 *
 * The young generation has two halves (semi-spaces). By default each grows to 64 MB over hundreds of thousands of requests if
 * memory is plentiful, and to less in a container with a memory limit. Request bodies lie outside the heap, but are freed only
 * when the young generation is collected. At the default a gateway used 204 MiB after 10⁵ requests and 347 MiB after 10⁶; at
 * 16 MB it used 157 and 178 MiB. The price is three times as many collections: measured in alternating runs at 256
 * connections, CPU time per request rose from 1.33 to 1.36 times that of an echo server, while a pod's fell from 58 to 48 µs.
 *
 * V8's pool has the threads that collect and compile beside the main thread: Node makes four, however few cores there are, and
 * a collection waits for each that has begun a part of it. Four in each of seven processes on two cores made collections
 * of 3 ms last 10 to 25. With one, `bench:strangers` measured fewer late turns of the event loop (pods beside large bodies: 321 → 214 ms
 * in ten seconds), and `bench -- --only gateway,rows` the same CPU time per request or less.
 */
export const gatewayFlags = ['--max-semi-space-size=16', '--v8-pool-size=1'] as const;

/**
 * Node flags for starting a pod as a local process. Its requests are short-lived, so half the gateway's size costs no time: in
 * alternating runs a binary row took 51 instead of 54 µs at 256 connections, and 40.0 instead of 39.3 µs at 64. 16 MB would use
 * 15 MiB more. The container image serves as both, and has the gateway's flags.
 */
export const podFlags = ['--max-semi-space-size=8', '--v8-pool-size=1'] as const;

/**
 * Variables for starting any of the processes, read by glibc as the process starts; other C libraries ignore them. By default each
 * thread gets an arena of its own, up to eight for each core, and an arena never gives back what lies below its last block in use.
 * So memory stays where it once was highest, thread by thread: over 150,000 fuzzed inputs a pod grew by 5 to 9%, 8 MiB at a time,
 * in the arena of one thread. With a single arena threads wait for each other; two cost nothing (docs/performance.md).
 *
 * Blocks from 128 KiB on are mapped by themselves and given back when they are freed. By default that holds until the first
 * one is freed: then glibc takes blocks of its size, and of up to 32 MiB, from an arena too. A pod that has read six bodies of
 * 2 MB has 187 MiB with a fixed size, and had 210. Free memory at the end of an arena is given back from
 * 2 MiB on, not from 128 KiB, so that a few blocks more or less are no system call.
 */
export const allocatorEnv = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: '131072',
  MALLOC_TRIM_THRESHOLD_: '2097152',
} as const;

/**
 * The same for a gateway, in which blocks are mapped by themselves from 1 MiB on. It writes each envelope into a buffer of its own: fifty
 * JSON rows of 784 numbers are 780 KB, whose fresh pages took 4% of its CPU time for a request (docs/performance.md).
 */
export const gatewayAllocatorEnv = { ...allocatorEnv, MALLOC_MMAP_THRESHOLD_: '1048576' } as const;

/** Sets collector flags; must run first in the process. */
export function tuneCollector(): void {
  // V8 allocates objects in the old generation if samples suggest that they live long. Requests that wait for a batch look like
  // that. Dead there, they keep what they point to (message, response, body) alive until the next full collection: a third of
  // what a gateway under load allocated was then copied by each young collection.
  setFlagsFromString('--no-allocation-site-pretenuring');
  // Bodies lie outside the heap. By default 32 MB of them trigger a full collection, whatever the heap size: one per 25 requests
  // of 64 rows. With this flag they count towards the total size, whose growth triggers collections. The V8 of Node 22 would
  // print that it doesn't know it.
  if (Number(process.versions.v8.split('.', 1)[0]) >= 13)
    setFlagsFromString('--external-memory-accounted-in-global-limit');
}

/**
 * Sets collector flags of a pod; must run first in the process. Buffers of answers that live through two young collections stay until
 * the next full one, and their blocks among others' in the arenas, which keep the most that they ever had. By default V8 let 20 MB of them
 * gather in some twelve seconds of fuzzed inputs, on 37 MiB of live heap and buffers. It collects at 1.5 times the live ones instead.
 */
export function tunePodCollector(): void {
  tuneCollector();
  setFlagsFromString('--heap-growing-percent=50');
}

/**
 * Sets collector flags of a scaler; must run first in the process. By default V8 lets the heap grow to some four times its live
 * objects before a full collection. A scaler keeps little, drops much each second (reports, views, statuses), and is in no hurry:
 * with 50 pools of 10 pods, 60 MiB of live objects lay in a heap of 340 MiB. It collects at 1.5 times the live objects instead.
 */
export function tuneScalerCollector(): void {
  setFlagsFromString('--heap-growing-percent=50');
}
