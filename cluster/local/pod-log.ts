/** Ring of the last lines of one pod: bounded in lines and in characters, whatever its processes write. */
import type { PodLog, PodLogQuery } from '../../contract/pod-log.ts';

const mostLines = 1_000;
const mostCharacters = 256 * 1024;
const mostLineCharacters = 8 * 1024;

type Line = PodLog['lines'][number];

export class LogRing {
  #lines: Line[] = [];
  #characters = 0;
  #next = 0;
  /** Numbers of the first lines of the last process and of the one before it; null before there was one. */
  #startedAt: number | null = null;
  #previousAt: number | null = null;

  /** Marks the start of a process. */
  begin(): void {
    this.#previousAt = this.#startedAt;
    this.#startedAt = this.#next;
  }

  add(line: string, atMs: number): void {
    const text = line.length <= mostLineCharacters ? line : `${line.slice(0, mostLineCharacters)}…`;
    this.#lines.push({ number: this.#next, atMs, text });
    this.#next += 1;
    this.#characters += text.length;
    let dropped = 0;
    while (this.#lines.length - dropped > mostLines || this.#characters > mostCharacters) {
      this.#characters -= this.#lines[dropped]!.text.length;
      dropped += 1;
    }
    if (dropped > 0) this.#lines = this.#lines.slice(dropped);
  }

  /** @returns null for the previous process of a pod that has had only one */
  read({ from, previous }: PodLogQuery): Omit<PodLog, 'pod'> | null {
    const startedAt = this.#startedAt ?? 0;
    if (previous && this.#previousAt === null) return null;
    const [first, end] = previous ? [this.#previousAt!, startedAt] : [from ?? startedAt, this.#next];
    return { lines: this.#lines.filter(({ number }) => number >= first && number < end), next: this.#next };
  }
}
