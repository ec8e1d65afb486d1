/** Report on one model of a pool, over all gateways, as `GET /api/pools` answers it. Values are null while unknown. */
import Type from 'typebox';

const Amount = Type.Number({ minimum: 0 });
const orNull = <Schema extends Type.TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);

export const ModelReport = Type.Object({
  name: Type.String(),
  /** Version that answers requests which name none, and the hash of its content. */
  version: orNull(Type.String()),
  hash: orNull(Type.String()),
  /** Human-readable remark on its versions: some pods have another, or one could not be loaded. */
  versionRemark: orNull(Type.String()),
  /** Maximum rows per run. */
  maxRows: orNull(Type.Integer({ minimum: 1 })),
  /** Human-readable reason why its requests share no run; null where they do. */
  unbatchedReason: orNull(Type.String()),
  /** Human-readable reason why no pod answers requests for it, though pods serve. */
  unservedReason: orNull(Type.String()),
  /** Over the last 10 s. */
  arrivalsPerS: orNull(Amount),
  rowsPerS: orNull(Amount),
  answers: orNull(
    Type.Object({
      okPerS: Amount,
      clientErrorsPerS: Amount,
      shedPerS: Amount,
      timeoutsPerS: Amount,
      failedPerS: Amount,
    }),
  ),
  p99Ms: orNull(Amount),
  /** Learned cost: a run of b rows occupies a pod for aMs + cMs·b milliseconds. */
  cost: orNull(Type.Object({ aMs: Amount, cMs: Amount })),
});
export type ModelReport = Type.Static<typeof ModelReport>;
