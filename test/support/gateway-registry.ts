/** What a gateway tells Prometheus when it has something of everything to tell: one sick pod for each kind of evidence. */
import { pino } from 'pino';
import { staticCluster } from '../../cluster/static.ts';
import { parseModelPool } from '../../contract/model-pool.ts';
import { gatewayMetrics } from '../../gateway/metrics.ts';
import { hardEvidence, softEvidence } from '../../gateway/policy/health.ts';
import { Pools } from '../../gateway/pools.ts';

const evidence = [...hardEvidence, ...softEvidence];

/** @returns a scrape, without a gateway that listens or pods that answer */
export async function gatewayScrape(): Promise<string> {
  const { pool } = parseModelPool({
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'ModelPool',
    metadata: { name: 'pool' },
    spec: {
      models: ['model'],
      objective: { latencyMs: 100 },
      health: { ejectAfterFailures: 1, maxEjectedRatio: 1 },
      endpoints: evidence.map((_, index) => `http://127.0.0.${index + 1}:9`),
    },
  });
  const now = () => performance.now();
  const pools = new Pools(staticCluster([pool!], 0), now, pino({ level: 'silent' }));
  try {
    const { roster } = [...pools.all][0]!;
    const pods = [...roster.pods];
    for (const [index, kind] of evidence.entries()) {
      roster.note(pods[index]!, { kind: 'probe-ok' });
      roster.note(pods[index]!, { kind: 'evidence', evidence: kind });
    }
    roster.note(pods.at(-1)!, { kind: 'probe-ok' });
    return await gatewayMetrics(pools, 'test', now).metrics();
  } finally {
    await pools.close();
  }
}
