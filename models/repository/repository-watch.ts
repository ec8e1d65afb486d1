/**
 * Watches the folder of a repository: looks at it every few seconds, since mounts of Kubernetes and network file systems raise no events,
 * and soon after an event where there are some. Reads no file; what has settled is handed on.
 */
import { watch, type FSWatcher } from 'node:fs';
import path from 'node:path';
import { lookAt, type Look } from './look.ts';
import { modelDirectory } from './repository.ts';
import { settleMs, Settling, type Settled, type SettledVersion } from './settling.ts';

export interface RepositoryWatchOptions {
  readonly repository: string;
  /** Names of the models to look at; null for all. */
  readonly only: readonly string[] | null;
  /** Pause between two looks while nothing changes. */
  readonly pollMs: number;
  /** Look before the files were read that the process has started with. */
  readonly since: Look;
  readonly known: () => readonly Pick<SettledVersion, 'name' | 'version'>[];
  /** Called after each look; the next one waits for it. */
  readonly onSettled: (settled: Settled) => Promise<void>;
  readonly log: { warn(details: object, message: string): void; info(details: object, message: string): void };
}

/** Pause after an event, in which more of them come. */
const afterEventMs = 100;
/** Least pause after a look, as a multiple of the time it took: a repository of thousands of versions is looked at less often. */
const pausePerLook = 30;
/** Most folders that are watched for events; those of a larger repository are looked at by time alone. */
const mostWatched = 200;

export class RepositoryWatch {
  readonly #options: RepositoryWatchOptions;
  readonly #settling = new Settling();
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #caughtUp = Promise.withResolvers<undefined>();
  #timer: NodeJS.Timeout | null = null;
  #looking = false;
  #closed = false;
  #unreadable = false;
  /** Events that came since the last look began. */
  #events = 0;

  constructor(options: RepositoryWatchOptions) {
    this.#options = options;
    // Files that the process has started with need no time to settle.
    this.#settling.see(options.since, [], performance.now() - settleMs);
    this.#follow([options.repository]);
    void this.#look();
  }

  /** Resolves once what had changed when the watch began was handed on, or the repository can't be read, or the watch has ended. */
  get caughtUp(): Promise<undefined> {
    return this.#caughtUp.promise;
  }

  close(): void {
    this.#closed = true;
    this.#caughtUp.resolve(undefined);
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
  }

  #plan(inMs: number): void {
    if (this.#closed) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), inMs).unref();
  }

  async #look(): Promise<void> {
    const { repository, only, pollMs, known, onSettled, log } = this.#options;
    this.#looking = true;
    const startedMs = performance.now();
    let tookMs = 0;
    this.#events = 0;
    let isChanging = false;
    try {
      const look = await lookAt(repository, only);
      tookMs = performance.now() - startedMs;
      if (this.#unreadable) log.info({ repository }, 'the repository can be read again');
      this.#unreadable = false;
      this.#follow([repository, ...foldersOf(repository, look)]);
      const settled = this.#settling.see(look, known(), performance.now());
      ({ isChanging } = settled);
      await onSettled(settled);
    } catch (error) {
      if (!this.#unreadable)
        log.warn({ err: error, repository }, 'the repository cannot be read: what is loaded serves on');
      this.#unreadable = true;
    }
    this.#looking = false;
    if (!isChanging) this.#caughtUp.resolve(undefined);
    const soonMs = this.#events > 0 ? afterEventMs : isChanging ? settleMs : pollMs;
    this.#plan(Math.max(Math.min(pollMs, soonMs), pausePerLook * tookMs));
  }

  /** Watches these folders for events, and no others. */
  #follow(folders: readonly string[]): void {
    const wanted = new Set(folders.slice(0, mostWatched));
    for (const [folder, watcher] of this.#watchers) {
      if (wanted.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    for (const folder of wanted) {
      if (this.#watchers.has(folder)) continue;
      try {
        const watcher = watch(folder, { persistent: false }, () => this.#onEvent());
        // A folder that goes, or a file system without events: looks by time are enough.
        watcher.on('error', () => this.#drop(folder));
        this.#watchers.set(folder, watcher);
      } catch {
        // A folder that is gone already, or no more watches: looks by time are enough.
        continue;
      }
    }
  }

  #drop(folder: string): void {
    this.#watchers.get(folder)?.close();
    this.#watchers.delete(folder);
  }

  #onEvent(): void {
    this.#events += 1;
    if (this.#events === 1 && !this.#looking) this.#plan(afterEventMs);
  }
}

/** Folders of models, in which versions come and go, and of their versions. */
function foldersOf(repository: string, look: Look): string[] {
  const models = [...look.keys()].map((name) => modelDirectory(repository, name));
  const versions = [...look].flatMap(([name, model]) =>
    [...model.versions.keys()].map((version) => path.join(modelDirectory(repository, name), version)),
  );
  return [...models, ...versions];
}
