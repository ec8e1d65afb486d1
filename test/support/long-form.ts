/** Whether `npm test -- --long` asked for the long forms of tests: more inputs and rounds, the same expectations. */
export const longForm = process.env['SLUICE_TEST_LONG'] === '1';
