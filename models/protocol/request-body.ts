/** Splits a request's body into its JSON and its binary part, by its headers. */
import { mediaTypes } from '../../contract/headers.ts';
import { quote, SluiceError } from '../../contract/errors.ts';
import type { RequestBody } from './call.ts';

export interface JsonParts {
  readonly kind: 'json';
  readonly json: Buffer;
  readonly binary: Buffer;
  /** True if a header told where the JSON ends and the binary part begins. */
  readonly hasHeaderLength: boolean;
}

/** A whole body of elements of the model's one input, which a header length of 0 announces. */
interface RawBody {
  readonly kind: 'raw';
  readonly binary: Buffer;
}

/**
 * Splits the body. A binary media type without a header length is JSON: HTTP libraries put `application/octet-stream` on
 * any bytes, and the protocol's own Python client sends its JSON with it.
 */
export function splitBody(request: RequestBody): JsonParts | RawBody {
  const { body } = request;
  if (mediaType(request) === mediaTypes.binary || isJson(request)) {
    const written = request.inferenceHeaderLength;
    if (written === undefined)
      return { kind: 'json', json: body, binary: body.subarray(body.length), hasHeaderLength: false };
    if (!/^\s*\d{1,15}\s*$/.test(written)) {
      throw new SluiceError(
        'invalid-header',
        `Inference-Header-Content-Length: must be a number of bytes, was: ${quote(written)}`,
      );
    }
    const length = Number(written);
    if (length > body.length) {
      throw new SluiceError(
        'invalid-binary',
        `Inference-Header-Content-Length: ${length} is beyond the body's ${body.length} bytes`,
      );
    }
    if (length === 0) return { kind: 'raw', binary: body };
    return { kind: 'json', json: body.subarray(0, length), binary: body.subarray(length), hasHeaderLength: true };
  }
  return refuseMediaType(request, `${mediaTypes.json} or ${mediaTypes.binary}`);
}

/** The body of a protocol that has no binary form. */
export function jsonBody(request: RequestBody): Buffer {
  if (!isJson(request)) refuseMediaType(request, mediaTypes.json);
  return request.body;
}

function refuseMediaType(request: RequestBody, accepted: string): never {
  throw new SluiceError(
    'unsupported-media-type',
    `Content-Type: must be ${accepted}, was: ${quote(request.contentType)}`,
  );
}

function isJson(request: RequestBody): boolean {
  const type = mediaType(request);
  return type === '' || type === mediaTypes.json || type.endsWith('+json');
}

function mediaType(request: RequestBody): string {
  if (request.contentType === undefined || request.contentType === mediaTypes.json) return request.contentType ?? '';
  return request.contentType.split(';', 1)[0]!.trim().toLowerCase();
}
