import tseslint from 'typescript-eslint';

const purity = [
  {
    selector: "MemberExpression[object.name='Date'][property.name='now']",
    message: 'The core has no clock: take `now: Instant` as an argument.',
  },
  {
    selector: "NewExpression[callee.name='Date']",
    message: 'The core has no clock: take `now: Instant` as an argument, or environment.wallClock().',
  },
  {
    selector: "MemberExpression[object.name='Math'][property.name='random']",
    message: 'The core has no randomness: use environment.fillRandom().',
  },
  {
    selector:
      "NewExpression[callee.name='Promise'], FunctionDeclaration[async=true], ArrowFunctionExpression[async=true], MethodDefinition[value.async=true]",
    message: 'Nothing in the core waits: answers arrive as inputs.',
  },
];

export default tseslint.config(
  {
    ignores: [
      'dist/**',
      'assembly/**',
      'node_modules/**',
      'test/types/**',
      'test/vectors/**',
      'test/contract/snippets/**',
      'test-results/**',
      'playwright-report/**',
    ],
  },
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [tseslint.configs.base],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': [
        'error',
        { checksVoidReturn: { attributes: false, arguments: false } },
      ],
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true } }],
    },
  },
  { files: ['src/core/**/*.ts'], rules: { 'no-restricted-syntax': ['error', ...purity] } },
  { files: ['**/*.config.ts', '*.config.js'], rules: { 'no-restricted-exports': 'off' } },
);
