import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

const noAmbient = (names) =>
  names.map((name) => ({ name, message: 'A policy takes time, randomness and state as arguments.' }));

/** Shapes of code that this project does without. */
const shapes = [
  ...['ObjectExpression', 'ArrayExpression', ':matches(TSAsExpression, TSSatisfiesExpression) > ArrayExpression'].map(
    (literal) => ({
      selector: `SpreadElement > ${literal}`,
      message: 'A literal that is spread where it stands merges nothing: write its entries.',
    }),
  ),
  {
    selector: "MethodDefinition[kind='constructor'] > FunctionExpression[params.length>3]",
    message: 'A constructor with more than three positional parameters takes an object with names.',
  },
];

export default tseslint.config(
  { ignores: ['node_modules/', 'dist/', '.sluice/'] },
  eslint.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ['*.js', 'cli/*.js'] } } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/consistent-type-imports': 'error',
      'no-console': 'error',
      eqeqeq: 'error',
      'no-restricted-syntax': ['error', ...shapes],
    },
  },
  {
    files: ['**/*.test.ts', 'test/**'],
    rules: { '@typescript-eslint/no-floating-promises': 'off' },
  },
  {
    files: ['**/policy/**'],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        ...noAmbient(['Date', 'performance', 'process', 'setTimeout', 'setInterval', 'setImmediate', 'fetch']),
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'Pass a random source in.' },
      ],
    },
  },
  {
    files: ['cli/**', 'bench/**', 'test/**', '**/*.test.ts'],
    rules: { 'no-console': 'off' },
  },
  { files: ['**/*.js'], ...tseslint.configs.disableTypeChecked },
  // The browser's globals are known to its own tsconfig.json.
  { files: ['scaler/page/assets/*.js'], rules: { 'no-undef': 'off' } },
);
