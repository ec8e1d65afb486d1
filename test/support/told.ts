/** Reads the places where a system speaks of itself, one after the other, for `agreement.ts` to compare. Judges nothing. */
import { poolsTable } from '../../cli/pools.ts';
import type { PoolsReport } from '../../contract/scaler-api.ts';
import type { GatewayTold, Told } from './agreement.ts';
import { Metrics } from './metrics.ts';

export interface GatewayOrigins {
  readonly name: string;
  readonly origin: string;
  readonly adminOrigin: string;
}

/** @param scaler origin of the scaler's admin port */
export async function readPlaces(gateways: readonly GatewayOrigins[], scaler: string): Promise<Told> {
  const report = (await (await fetch(`${scaler}/api/pools`)).json()) as PoolsReport;
  const metrics = await Metrics.scrape(scaler);
  const models = report.pools.flatMap((pool) => pool.models);
  const told = await Promise.all(gateways.map((gateway) => readGateway(gateway, models)));
  return { gateways: told, report, table: poolsTable(report), metrics };
}

async function readGateway(
  { name, origin, adminOrigin }: GatewayOrigins,
  models: readonly string[],
): Promise<GatewayTold> {
  const answers = await Promise.all(
    models.map(async (model) => {
      const answer = await fetch(`${origin}/v2/models/${model}/ready`);
      await answer.body?.cancel();
      return answer.ok ? [model] : [];
    }),
  );
  const { models: listed } = (await (await fetch(`${origin}/v1/models`)).json()) as { models: string[] };
  const health = (await (await fetch(`${origin}/v2/health/ready`)).json()) as { ready: boolean; error?: string };
  const error = health.ready ? null : (health.error ?? 'not ready');
  return { name, error, ready: answers.flat(), listed, metrics: await Metrics.scrape(adminOrigin) };
}
