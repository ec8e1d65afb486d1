/**
 * `npm run build` compiles `sluice` to JavaScript in dist/, for the image and the published package: Node does not strip
 * types inside node_modules, and neither has the compiler. `--image` leaves out what the image does without, `--package` adds
 * what the published package has beside the code, with ONNX Runtime for `--platform` alone or for all that are carried, and
 * `--out DIRECTORY` writes elsewhere.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { leftOut } from './image-content.ts';
import { platforms, type Platform } from './package/carried.ts';
import { writePackage } from './package/write.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values: flags } = parseArgs({
  options: {
    image: { type: 'boolean', default: false },
    package: { type: 'boolean', default: false },
    platform: { type: 'string', multiple: true, default: [...platforms] },
    out: { type: 'string', default: path.join(root, 'dist') },
  },
});
const chosen = flags.platform.filter((name): name is Platform => platforms.some((platform) => platform === name));
if (chosen.length < flags.platform.length) {
  throw new Error(`--platform must be one of ${platforms.join(', ')}, was: ${flags.platform.join(', ')}`);
}
const dist = path.resolve(flags.out);

rmSync(dist, { recursive: true, force: true });
const compiler = path.join(root, 'node_modules/typescript/bin/tsc');
execFileSync(process.execPath, [compiler, '--project', 'tsconfig.build.json', '--outDir', dist], {
  cwd: root,
  stdio: 'inherit',
});
cpSync(path.join(root, 'cli/sluice.js'), path.join(dist, 'cli/sluice.js'));
// The package path of transforms leads to the compiled file.
const packageFile = path.join(dist, 'package.json');
writeFileSync(packageFile, readFileSync(packageFile, 'utf8').replace('/transform.ts"', '/transform.js"'));
// Assets of the live page are served unchanged.
cpSync(path.join(root, 'scaler/page/assets'), path.join(dist, 'scaler/page/assets'), { recursive: true });
// Runbooks that the page links to.
cpSync(path.join(root, 'docs/runbooks'), path.join(dist, 'docs/runbooks'), { recursive: true });
// Copies models, their configuration and licences: everything that was not compiled.
cpSync(path.join(root, 'models/zoo'), path.join(dist, 'models/zoo'), {
  recursive: true,
  filter: (source) => !source.endsWith('.ts') && !/\/wide\/(1|\.generate-.*)$/.test(source),
});
if (flags.image) for (const folder of Object.keys(leftOut)) rmSync(path.join(dist, folder), { recursive: true });
if (flags.package) writePackage({ root, folder: dist, platforms: chosen });
