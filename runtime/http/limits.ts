/** Limits of an HTTP server: what a client may take of it, and for how long. Numbers only; others enforce them. */
export interface HttpLimits {
  /** Time for which an idle connection is kept. */
  readonly keepAliveMs: number;
  /** Time in which a request must have arrived whole. */
  readonly requestTimeoutMs: number;
  /** Time in which the head of a request must have arrived. */
  readonly headTimeoutMs: number;
  /** Time between two searches for requests whose head or whole is late. */
  readonly timeoutCheckMs: number;
  /** Time between two looks at slow bodies, unread answers and connections that swallow what nobody wants. */
  readonly watchMs: number;
  /** Time in which a client can read the answer to a refused request before its connection is destroyed. */
  readonly lingerMs: number;
  /** Longest start line and headers together. */
  readonly maxHeadBytes: number;
  /** Longest segment of a path that a route takes as a parameter. */
  readonly maxParamLength: number;
  /** Time over which the rate of a body is measured; it may stand still for almost so long. */
  readonly bodyWindowMs: number;
  /** Least rate of a body while it arrives; 0 accepts any. */
  readonly minBodyBytesPerSecond: number;
  /** Memory that arriving bodies of one client address may take together; a single body may take more. */
  readonly maxArrivingBytesPerAddress: number;
  /** Time for which a client may take nothing of an answer. */
  readonly sendTimeoutMs: number;
  /** Least rate at which a client takes answers that wait for it, over `sendTimeoutMs`; 0 accepts any. */
  readonly minAnswerBytesPerSecond: number;
  /** Bytes of unread answers of all connections; beyond them those that stand still are cut, the largest first. */
  readonly maxUnreadBytes: number;
  /**
   * Bytes of answers that one client address may have under way or unread; once a quarter is unread, others wait for room. At first it may have
   * half, and more by what it takes, up to twice as much under way.
   */
  readonly maxUnreadBytesPerAddress: number;
  /** The same for one connection, whose client asks for more before it has taken what it asked for. */
  readonly maxUnreadBytesPerConnection: number;
  /** Requests of one connection that may wait for their answers; further ones are not read until some are answered. */
  readonly maxPipelined: number;
  /** Time in one turn of the event loop for connections that send many requests or chunks at once and for late ones, all of them together. */
  readonly readTurnMs: number;
  /** Connections that may be open; at most three quarters of the descriptors that the process may open. */
  readonly maxConnections: number;
  /** Connections that one client address may have open; at most three quarters of all. */
  readonly maxConnectionsPerAddress: number;
}

const mebibyte = 1024 * 1024;

export const httpDefaults: HttpLimits = Object.freeze({
  // Above the idle time of common load balancers (60 s), so that they close first.
  keepAliveMs: 75_000,
  requestTimeoutMs: 120_000,
  headTimeoutMs: 60_000,
  timeoutCheckMs: 5_000,
  watchMs: 250,
  lingerMs: 1_000,
  maxHeadBytes: 16 * 1024,
  // A model name has up to 128 characters, each up to 9 bytes in percent-encoding; a longer one is no known model either.
  maxParamLength: 1024,
  bodyWindowMs: 10_000,
  minBodyBytesPerSecond: 1024,
  maxArrivingBytesPerAddress: 64 * mebibyte,
  sendTimeoutMs: 30_000,
  minAnswerBytesPerSecond: 1024,
  maxUnreadBytes: 24 * mebibyte,
  maxUnreadBytesPerAddress: 24 * mebibyte,
  maxUnreadBytesPerConnection: 8 * mebibyte,
  maxPipelined: 32,
  readTurnMs: 1,
  maxConnections: 20_000,
  maxConnectionsPerAddress: 15_000,
});
