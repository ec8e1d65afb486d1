/**
 * Accounts of client addresses: what each holds of a server, so that none can hold all. An address of IPv6 counts by its first
 * 64 bits, since a single host has all of the rest. Behind a trusted proxy the client is the last hop that isn't trusted.
 */
import { BlockList, isIP, isIPv6 } from 'node:net';

export interface ClientAccount {
  readonly key: string;
  connections: number;
  /** Memory that its arriving bodies take. */
  arrivingBytes: number;
  /** Bytes of answers that are under way to it. */
  expectedBytes: number;
  /** Bytes of answers that it has not taken. */
  unreadBytes: number;
  /** Bytes of answers that it has taken so far. */
  takenBytes: number;
  /** Connections and bodies that point here; an account without any is forgotten once nothing has happened between two looks. */
  uses: number;
  /** Predict requests so far, and at the last look. */
  asked: number;
  askedBefore: number;
  /** Connections that ended before their request was answered since the last look, and in the one before. */
  cutShort: number;
  cutShortBefore: number;
  /** Milliseconds that its work in masses took since the last look: see turns.ts. */
  massMs: number;
}

/** Milliseconds of work in masses between two looks, beyond which a client is no ordinary one. */
const ordinaryMassMs = 25;
/** Connections cut short in two looks, beyond which a client is taken to do it again. */
const ordinaryCutShort = 32;

export class Clients {
  readonly #accounts = new Map<string, ClientAccount>();
  readonly #trusted: BlockList | null;
  /** Accounts that have asked for something since the look before the last one, and sent no masses. */
  readonly #ordinary = new Set<ClientAccount>();

  /** @param trustedProxies addresses and networks, such as `10.0.0.0/8` */
  constructor(trustedProxies: readonly string[] = []) {
    this.#trusted = trustedProxies.length === 0 ? null : blockListOf(trustedProxies);
  }

  get size(): number {
    return this.#accounts.size;
  }

  isTrusted(address: string): boolean {
    return this.#trusted !== null && isIP(address) !== 0 && this.#trusted.check(address, familyOf(address));
  }

  /** Takes a use of the account of an address; `leave` gives it back. */
  enter(address: string): ClientAccount {
    const key = keyOf(address);
    let account = this.#accounts.get(key);
    if (account === undefined) {
      account = newAccount(key);
      this.#accounts.set(key, account);
    }
    account.uses += 1;
    return account;
  }

  leave(account: ClientAccount): void {
    account.uses -= 1;
    if (account.uses === 0) this.#ordinary.delete(account);
  }

  /** A client asks for something. It is an ordinary one from now on, since the next look may be far away. */
  ask(account: ClientAccount): void {
    account.asked += 1;
    this.#ordinary.add(account);
  }

  /** Looks who asks for something: called a few times a second. */
  look(): void {
    this.#ordinary.clear();
    for (const account of this.#accounts.values()) {
      const hasAsked = account.asked !== account.askedBefore;
      // Connections of a client may end faster than the next one comes: what it did is kept for a look.
      if (account.uses === 0 && !hasAsked && account.cutShort === 0) {
        this.#accounts.delete(account.key);
        continue;
      }
      if (account.uses > 0 && hasAsked && account.massMs <= ordinaryMassMs) this.#ordinary.add(account);
      account.askedBefore = account.asked;
      account.cutShortBefore = account.cutShort;
      account.cutShort = 0;
      account.massMs = 0;
    }
  }

  /** Whether there are ordinary clients beside these. */
  serveOthersThan(some: ReadonlySet<ClientAccount>): boolean {
    for (const account of this.#ordinary) if (!some.has(account) && account.massMs <= ordinaryMassMs) return true;
    return false;
  }

  /** Whether the client ends so many connections before their answer that what it asks for is likely to be in vain. */
  cutsShort({ cutShort, cutShortBefore }: ClientAccount): boolean {
    return cutShort + cutShortBefore > ordinaryCutShort;
  }

  /** Address of the client behind trusted proxies: the last of X-Forwarded-For that is none of them. */
  behind(peer: string, forwardedFor: string | undefined): string {
    if (forwardedFor === undefined) return peer;
    let client = peer;
    for (const hop of forwardedFor.split(',').reverse()) {
      const address = addressOf(hop.trim());
      // Whoever wrote a hop that is no address could have written any: the proxy itself is held to account.
      if (address === null) return client;
      client = address;
      if (!this.isTrusted(address)) return client;
    }
    return client;
  }
}

function newAccount(key: string): ClientAccount {
  const bytes = { arrivingBytes: 0, expectedBytes: 0, unreadBytes: 0, takenBytes: 0 };
  return {
    key,
    connections: 0,
    ...bytes,
    uses: 0,
    asked: 0,
    askedBefore: 0,
    cutShort: 0,
    cutShortBefore: 0,
    massMs: 0,
  };
}

/** Whether a text is an address, or a network such as `10.0.0.0/8`. */
export function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  if (isIP(address) === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (isIPv6(address) ? 128 : 32));
}

function blockListOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    if (bits === undefined) list.addAddress(address, familyOf(address));
    else list.addSubnet(address, Number(bits), familyOf(address));
  }
  return list;
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4';
}

/** The address of a hop, which may have a port: `10.0.0.1:80`, `[2001:db8::1]:80`. */
function addressOf(hop: string): string | null {
  const bare = /^\[(.+)\](?::\d+)?$/.exec(hop)?.[1] ?? /^([\d.]+):\d+$/.exec(hop)?.[1] ?? hop;
  return isIP(bare) === 0 ? null : plain(bare);
}

/** An IPv4 address in the form of IPv6, as sockets that listen on `::` show it, in its own form. */
function plain(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

function keyOf(given: string): string {
  const address = plain(given);
  if (!isIPv6(address)) return address;
  const [head = '', tail = ''] = address.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === '' ? [] : tail.split(':');
  const zeros = address.includes('::') ? Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0') : [];
  return [...before, ...zeros, ...after].slice(0, 4).join(':');
}
