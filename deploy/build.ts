/**
 * `npm run build` compiles `sluice` to JavaScript in dist/, for the image and the published package: Node does not strip
 * types inside node_modules, and neither has the compiler.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = path.join(root, 'dist');

rmSync(dist, { recursive: true, force: true });
const compiler = path.join(root, 'node_modules/typescript/bin/tsc');
execFileSync(process.execPath, [compiler, '--project', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
cpSync(path.join(root, 'cli/sluice.js'), path.join(dist, 'cli/sluice.js'));
// The package path of transforms leads to the compiled file.
const packageFile = path.join(dist, 'package.json');
writeFileSync(packageFile, readFileSync(packageFile, 'utf8').replace('/transform.ts"', '/transform.js"'));
// Assets of the live page are served unchanged.
cpSync(path.join(root, 'scaler/page/assets'), path.join(dist, 'scaler/page/assets'), { recursive: true });
// Copies models, their configuration and licences: everything that was not compiled.
cpSync(path.join(root, 'models/zoo'), path.join(dist, 'models/zoo'), {
  recursive: true,
  filter: (source) => !source.endsWith('.ts') && !/\/wide\/(1|\.generate-.*)$/.test(source),
});
