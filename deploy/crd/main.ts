/** `npm run crd` regenerates modelpools.yaml. */
import { writeFileSync } from 'node:fs';
import { crdYaml } from './crd.ts';

writeFileSync(new URL('modelpools.yaml', import.meta.url), crdYaml());
