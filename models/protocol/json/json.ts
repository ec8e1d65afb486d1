/**
 * Entry of the JSON library, which reads and writes tensors without JSON.parse (README.md says why and how). Other
 * folders import this file alone, and the library imports nothing but its own files and contract/: test/layout.test.ts
 * checks both.
 */
export { code } from './codes.ts';
export { JsonCursor } from './cursor.ts';
export { ElementReader } from './elements.ts';
export { Nest, readShapedData } from './nest.ts';
export { JsonWriter, maxElementBytes } from './writer.ts';
