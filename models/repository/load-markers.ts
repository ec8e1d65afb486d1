/**
 * Markers of loads under way: a file that is written before a version is loaded and removed after, so that the next process of the pod
 * knows which load ended the one before. Kept in a folder that outlives the process, by the pod's name, which outlives it too.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Type from 'typebox';
import { Check } from 'typebox/value';

const Marker = Type.Object({
  name: Type.String(),
  version: Type.String(),
  hash: Type.String(),
  /** Processes that ended while they loaded the version. */
  processes: Type.Integer(),
  /** Process that wrote the marker: its number, its parent's, and its start in milliseconds since 1970. */
  pid: Type.Integer(),
  parent: Type.Integer(),
  startedMs: Type.Number(),
});
type Marker = Type.Static<typeof Marker>;

export interface MarkedVersion {
  readonly name: string;
  readonly version: string;
  readonly hash: string;
}

export interface LoadMarkersOptions {
  /** Null to keep none. */
  readonly folder: string | null;
  readonly podName: string;
  /** Whether somebody killed the process before, so that it did not end by what it loaded. */
  readonly wasKilled: boolean;
  readonly log: { info(details: object, message: string): void };
}

/** Processes that may end while they load one version, for a cause that is not known, until the load is taken to be it. */
const maxProcesses = 3;

export class LoadMarkers {
  readonly #folder: string | null;
  readonly #log: LoadMarkersOptions['log'];
  readonly #left: readonly Marker[];
  readonly #open = new Set<string>();
  /** Versions whose load ended an earlier process. */
  readonly suspects: readonly MarkedVersion[];

  constructor({ folder, podName, wasKilled, log }: LoadMarkersOptions) {
    this.#folder = folder === null ? null : path.join(folder, 'loads', podName.replaceAll(/[^\w.-]/g, '_'));
    this.#log = log;
    this.#left = this.#read();
    const latestMs = Math.max(...this.#left.map(({ startedMs }) => startedMs));
    const latest = this.#left.filter(({ startedMs }) => startedMs === latestMs);
    // Another supervisor, as after a power cut, can't say how the process ended; of several loads side by side one was the cause.
    const isCause = latest.length === 1 && latest[0]!.parent === process.ppid && !wasKilled;
    const suspects = this.#left.filter((one) => one.processes >= maxProcesses || (isCause && one === latest[0]));
    // Kept, so that a suspect stays one when another load ends a later process.
    for (const one of suspects) this.#write({ ...one, processes: maxProcesses });
    this.suspects = suspects;
  }

  /** Whether a load may end this process too, so that there should be one at a time. */
  get isWary(): boolean {
    return this.#left.length > 0;
  }

  /** Writes the marker of a load. @returns a function that removes it */
  begin({ name, version, hash }: MarkedVersion): () => void {
    const before = this.#left.find((one) => one.hash === hash)?.processes ?? 0;
    const { pid, ppid: parent } = process;
    this.#open.add(hash);
    this.#write({ name, version, hash, processes: before + 1, pid, parent, startedMs: performance.timeOrigin });
    return () => this.#remove(hash);
  }

  /** Removes the markers of loads under way: the process ends in order. */
  close(): void {
    for (const hash of this.#open) this.#remove(hash);
  }

  #write(marker: Marker): void {
    if (this.#folder === null) return;
    const file = this.#fileOf(this.#folder, marker.hash);
    try {
      mkdirSync(this.#folder, { recursive: true });
      writeFileSync(file, JSON.stringify(marker));
    } catch (error) {
      this.#log.info({ file, reason: (error as Error).message }, 'loads of models are not marked');
    }
  }

  #remove(hash: string): void {
    this.#open.delete(hash);
    if (this.#folder === null) return;
    try {
      rmSync(this.#fileOf(this.#folder, hash), { force: true });
    } catch (error) {
      this.#log.info({ hash, reason: (error as Error).message }, 'the marker of a load cannot be removed');
    }
  }

  #fileOf(folder: string, hash: string): string {
    return path.join(folder, `${hash}.json`);
  }

  #read(): Marker[] {
    if (this.#folder === null) return [];
    const found: Marker[] = [];
    for (const name of namesIn(this.#folder)) {
      try {
        const marker: unknown = JSON.parse(readFileSync(path.join(this.#folder, name), 'utf8'));
        if (Check(Marker, marker) && !isOfOther(marker.pid)) found.push(marker);
      } catch {
        // A marker that was not written whole is as good as none.
        continue;
      }
    }
    return found;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // No folder yet: no load was marked.
    return [];
  }
}

/** Whether another process of this number runs: servers that share a name share the folder. */
function isOfOther(pid: number): boolean {
  // Where there is no /proc, nothing is known of other processes, and the marker counts.
  return pid !== process.pid && existsSync(`/proc/${pid}`);
}
