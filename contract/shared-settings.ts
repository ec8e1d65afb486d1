/** Settings that several processes have in common; each is a property of their settings schemas. */
import Type from 'typebox';

export const hostSetting = Type.String({ default: '127.0.0.1', description: 'address to listen on' });

export const logLevelSetting = Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace'], {
  default: 'info',
  description: 'minimum log level',
});

const namespacePattern = '[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?';

export const namespaceSetting = Type.Optional(
  Type.String({
    pattern: `^${namespacePattern}(,${namespacePattern})*$`,
    allowed: 'names of namespaces, with commas between them',
    description:
      'Kubernetes namespace of the pools and pods, or several with commas between them; defaults to the namespace of the credentials',
  }),
);

export const ownNamespaceSetting = Type.Optional(
  Type.String({
    pattern: `^${namespacePattern}$`,
    allowed: 'the name of one namespace',
    description:
      'Kubernetes namespace of gateways, scalers and the Lease; defaults to --namespace if that is one, else to the namespace of the credentials',
  }),
);

/**
 * The shared secret by which gateways, scalers and pods know one another. A flag would show it to everybody who lists processes, so
 * it is `writeOnly`: read from the environment alone, and never printed.
 */
export const secretSettings = {
  secretFile: Type.Optional(
    Type.String({
      minLength: 1,
      description:
        'file with the secret that gateways, scalers and pods share; of several lines the first is sent and all are accepted; ' +
        'read again when it changes',
    }),
  ),
  secret: Type.Optional(
    Type.String({ writeOnly: true, description: 'the same secret, at least 16 characters, in place of a file' }),
  ),
  acceptPeersWithoutSecret: Type.Boolean({
    default: false,
    description: 'true accepts gateways and scalers without the secret, with a warning, while processes are upgraded',
  }),
};
export type SecretSettings = Type.Static<Type.TObject<typeof secretSettings>>;

/** TCP port to listen on. */
export function portSetting(value: number, purpose: string) {
  return Type.Integer({
    minimum: 0,
    maximum: 65535,
    default: value,
    description: `${purpose}; 0 picks a free port`,
  });
}
