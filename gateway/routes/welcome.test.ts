import assert from 'node:assert/strict';
import { test } from 'node:test';
import { welcomeText } from './welcome.ts';

test('names the models that answer, up to a screen of them', () => {
  assert.match(
    welcomeText({ version: '1.2.3', models: ['a', 'b'] }),
    /Sluice 1\.2\.3.*\n\nModels that answer now:\n {2}a\n {2}b\n\nGET/,
  );
  const many = welcomeText({ version: '1', models: Array.from({ length: 30 }, (_, index) => `m${index}`) });
  assert.match(many, /\n {2}m19\n {2}and 10 more: GET \/v1\/models\n\n/);
  assert.match(welcomeText({ version: '1', models: [] }), /\nNo model answers now\.\n/);
});
