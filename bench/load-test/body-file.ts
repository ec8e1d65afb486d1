/** Request bodies from a file: a JSON body, an array or lines of them, or bytes that are sent unchanged. */
import { quote } from '../../contract/errors.ts';
import { mediaTypes } from '../../contract/headers.ts';

export interface FileBodies {
  readonly contentType: string;
  readonly bodies: readonly Buffer[];
}

/**
 * Reads bodies by the file's extension. `.json`: one body, or an array of bodies; `.jsonl`, `.ndjson`: one a line; any
 * other: one body of bytes.
 * @throws Error naming the file, and the line of what is not JSON
 */
export function readBodies(file: string, content: Buffer): FileBodies {
  if (content.length === 0) throw new Error(`${file}: is empty`);
  if (/\.(jsonl|ndjson)$/i.test(file)) {
    const lines = content.toString().split('\n');
    const bodies = lines.flatMap((line, index) => {
      if (line.trim() === '') return [];
      parse(line, `${file}, line ${index + 1}`);
      return [Buffer.from(line.trim())];
    });
    if (bodies.length === 0) throw new Error(`${file}: has no body`);
    return { contentType: mediaTypes.json, bodies };
  }
  if (!/\.json$/i.test(file)) return { contentType: mediaTypes.binary, bodies: [content] };
  const value = parse(content.toString(), file);
  if (!Array.isArray(value)) return { contentType: mediaTypes.json, bodies: [content] };
  if (value.length === 0) throw new Error(`${file}: is an empty array of bodies`);
  return { contentType: mediaTypes.json, bodies: value.map((body) => Buffer.from(JSON.stringify(body))) };
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${where}: is not JSON: ${quote(text)}`);
  }
}
