import process from 'node:process';
import { fileURLToPath } from 'node:url';

/** Folder of the repository. */
export const root = fileURLToPath(new URL('../../..', import.meta.url));
/** Container image under test. */
export const image = process.env.SLUICE_TEST_IMAGE ?? 'localhost/sluice:0.1.0';
