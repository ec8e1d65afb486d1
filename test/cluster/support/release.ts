/**
 * Releases that a test installs: the one of this checkout, and the one that upgrades are tried from. The manifests of the latter come
 * from the history of the checkout, its image from whoever runs the tests.
 */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { image, root } from './image.ts';

export interface Release {
  /** Container image, as the nodes know it. */
  readonly image: string;
  /** Folder that has `deploy/` in it. */
  readonly folder: string;
  /** Whether its processes share a secret; an earlier one knows no such setting. */
  readonly hasSecret: boolean;
}

export const present: Release = { image, folder: root, hasSecret: true };

/** Commit of the earlier release, before versions, drain leases and the shared secret. */
const earlierCommit = 'b77e3a08c252d0d0ad11fdb5fe3f3cbb32259765';
const earlierImage = process.env.SLUICE_TEST_OLD_IMAGE;

const isInHistory = spawnSync('git', ['-C', root, 'cat-file', '-e', `${earlierCommit}^{commit}`]).status === 0;

/** Why there is no earlier release to test with; false if there is one, and in CI, where the absence of its image is a failure. */
export const noEarlier = whyNone();

function whyNone(): string | false {
  const name = earlierCommit.slice(0, 7);
  if (!isInHistory) return `NOT TESTED: the history of this checkout lacks ${name}, as that of a shallow clone does`;
  if (earlierImage !== undefined || process.env.CI !== undefined) return false;
  return `it needs the image of ${name} on the nodes: SLUICE_TEST_OLD_IMAGE names it`;
}

/** Takes the earlier manifests out of the history into a folder, which the caller removes with `close`. */
export async function earlierRelease(): Promise<Release & { close: () => Promise<void> }> {
  if (earlierImage === undefined) throw new Error(`SLUICE_TEST_OLD_IMAGE must name the image of ${earlierCommit}`);
  const folder = await mkdtemp(path.join(tmpdir(), 'sluice-earlier-'));
  const script = `git -C "$1" archive ${earlierCommit} deploy | tar -x -C "$2"`;
  await promisify(execFile)('bash', ['-o', 'pipefail', '-c', script, 'bash', root, folder]);
  return { image: earlierImage, folder, hasSecret: false, close: () => rm(folder, { recursive: true }) };
}
