/** Settings of an HTTP server that faces clients, for the settings schema of its process. Defaults are those of limits.ts. */
import Type from 'typebox';
import { flagName, SettingsError, variableName } from '../../contract/settings.ts';
import { quote } from '../../contract/errors.ts';
import { isNetwork } from './clients.ts';
import { httpDefaults, type HttpLimits } from './limits.ts';

function limit(name: keyof HttpLimits, minimum: number, description: string) {
  return Type.Integer({ minimum, default: httpDefaults[name], description });
}

const list = { pattern: '^[^,\\s]+(,[^,\\s]+)*$', allowed: 'a list with commas and no spaces' };

export const allowedHostsSetting = Type.Optional(
  Type.String({
    ...list,
    description:
      'comma-separated names by which browsers reach the admin port, *.example.com for all below; addresses, localhost, names ' +
      'without a dot and names of the cluster are always allowed',
  }),
);

export const httpSettings = {
  maxConnections: limit('maxConnections', 1, 'maximum open connections; at most 3/4 of the open files of the process'),
  maxConnectionsPerAddress: limit(
    'maxConnectionsPerAddress',
    1,
    'maximum open connections of one client address; at most 3/4 of all',
  ),
  maxArrivingBytesPerAddress: limit(
    'maxArrivingBytesPerAddress',
    1,
    'maximum memory of the bodies of one client address while they arrive, in bytes; a single body may take more',
  ),
  maxUnreadBytes: limit(
    'maxUnreadBytes',
    1,
    'maximum bytes of answers that clients have not taken; beyond it the connections with most of them are cut',
  ),
  maxUnreadBytesPerAddress: limit(
    'maxUnreadBytesPerAddress',
    1,
    'maximum bytes of answers that one client address has under way or unread; its further requests for large answers wait',
  ),
  maxUnreadBytesPerConnection: limit(
    'maxUnreadBytesPerConnection',
    1,
    'maximum bytes of answers that one connection has under way or unread; its further requests wait',
  ),
  minBodyBytesPerSecond: limit('minBodyBytesPerSecond', 0, 'least rate at which a body must arrive; 0 accepts any'),
  bodyWindowMs: limit('bodyWindowMs', 100, 'milliseconds over which the rate of a body is measured'),
  headTimeoutMs: limit('headTimeoutMs', 1, 'milliseconds in which the head of a request must arrive'),
  requestTimeoutMs: limit('requestTimeoutMs', 1, 'milliseconds in which a request must arrive whole'),
  sendTimeoutMs: limit('sendTimeoutMs', 100, 'milliseconds for which a client may leave an answer unread'),
  minAnswerBytesPerSecond: limit(
    'minAnswerBytesPerSecond',
    0,
    'least rate at which a client takes an answer that waits for it, over the send timeout; 0 accepts any',
  ),
  keepAliveMs: limit('keepAliveMs', 1, 'milliseconds for which an idle connection is kept'),
  trustedProxies: Type.Optional(
    Type.String({
      ...list,
      description: 'comma-separated addresses and networks of proxies whose X-Forwarded-For names the client',
    }),
  ),
  corsOrigins: Type.Optional(
    Type.String({
      ...list,
      description:
        'comma-separated origins, https://app.example.com, whose pages browsers let send requests and read answers; * is all',
    }),
  ),
};

export type HttpSettings = Type.Static<Type.TObject<typeof httpSettings>>;

export function listOf(setting: string | undefined): readonly string[] {
  return setting === undefined ? [] : setting.split(',');
}

/** Limits of the port for clients. */
export function limitsOf(settings: HttpSettings): Partial<HttpLimits> {
  const isLimit = ([name]: [string, unknown]): boolean => name in httpDefaults;
  return Object.fromEntries(Object.entries(settings).filter(isLimit));
}

/** @throws SettingsError with each value that is no address and no network */
export function trustedProxiesOf({ trustedProxies }: HttpSettings): readonly string[] {
  const proxies = listOf(trustedProxies);
  const name = `${flagName('trustedProxies')} (${variableName('trustedProxies')})`;
  const wrong = proxies.filter((proxy) => !isNetwork(proxy));
  if (wrong.length === 0) return proxies;
  throw new SettingsError(wrong.map((proxy) => `${name}: must be an address or a network, was: ${quote(proxy)}`));
}
