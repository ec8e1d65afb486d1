/** Settings that several processes have in common; each is a property of their settings schemas. */
import Type from 'typebox';

export const hostSetting = Type.String({ default: '127.0.0.1', description: 'address to listen on' });

export const logLevelSetting = Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace'], {
  default: 'info',
  description: 'minimum log level',
});

export const namespaceSetting = Type.Optional(
  Type.String({
    minLength: 1,
    description: 'Kubernetes namespace of the pools and pods; defaults to the namespace of the credentials',
  }),
);

/** TCP port to listen on. */
export function portSetting(value: number, purpose: string) {
  return Type.Integer({
    minimum: 0,
    maximum: 65535,
    default: value,
    description: `${purpose}; 0 picks a free port`,
  });
}
