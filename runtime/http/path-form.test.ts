import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { exchange } from '../../test/support/raw-http.ts';
import { protocolErrors } from './errors.ts';
import { pathInOneForm } from './path-form.ts';
import { route } from './routes.ts';
import { newServer } from './server.ts';

const composed = '/v2/models/Gr%C3%B6%C3%9Fe/infer';

test('decomposed, and in small hexadecimal digits, a path is the same', () => {
  for (const path of [
    composed,
    composed.replaceAll(/%../g, (byte) => byte.toLowerCase()),
    '/v2/models/Gro%CC%88%C3%9Fe/infer',
  ]) {
    assert.equal(pathInOneForm(path), composed);
  }
  assert.equal(pathInOneForm('/m/J%6A%CC%8C=%CC%B8%3c%CC%B8'), `/m/J${encodeURIComponent('ǰ≠≮')}`);
  assert.equal(pathInOneForm('/m/a%2f%CC%88'), '/m/a%2F%CC%88', 'a slash in a name is none of the path');
  const hangul = '/v1/models/한글:predict';
  assert.equal(pathInOneForm(encodeURI(hangul.normalize('NFD'))), encodeURI(hangul));
});

test('what is ASCII, encoded or not, and what is no UTF-8 stays as it is', () => {
  for (const path of [
    '/v2/models/my%20model%2F..%2f%25C3?a=b',
    '/v2/models/%C3/infer',
    '/v2/models/%FF%fe/infer',
    '*',
  ]) {
    assert.equal(pathInOneForm(path), path);
  }
});

test('any name arrives as its composed form, and a second time changes nothing', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.boolean(), (name, decomposed) => {
      const sent = name.normalize(decomposed ? 'NFD' : 'NFC');
      const path = pathInOneForm(`/m/${encodeURIComponent(sent)}`);
      assert.equal(decodeURIComponent(path.slice(3)), name.normalize('NFC'));
      assert.equal(pathInOneForm(path), path);
    }),
    { examples: [['≮', true]] },
  );
});

test('a request finds its route by either form, and one that is not percent-encoded is told so', async (t) => {
  const app = newServer({ log: { error: () => undefined }, errorForm: protocolErrors, closes: 'all' });
  route(app, '/models/:name', { right: 'observe', GET: (request, reply) => reply.send(request.params) });
  const origin = await app.listen({ host: '127.0.0.1', port: 0 });
  t.after(() => app.close());
  const ask = async (path: string) => {
    const { answers } = await exchange(origin, [Buffer.from(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`)]);
    return [answers[0]?.status, Buffer.from(answers[0]?.body ?? '', 'latin1').toString()];
  };
  for (const name of ['Größe', 'Größe'.normalize('NFD')]) {
    assert.deepEqual(await ask(`/models/${encodeURIComponent(name)}`), [200, '{"name":"Größe"}']);
    const [status, body] = await ask(`/models/${name}`);
    assert.equal(status, 400);
    assert.match(String(body), /path.*must be percent-encoded/);
  }
});
