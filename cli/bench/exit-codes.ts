/** Exit codes of `sluice bench` by its objective, beside 0 where it was kept, 1 for failures and 2 for invalid usage. */

export const exitMissed = 3;
/** Exit code where only the load generator's own lateness decides. */
export const exitUnsure = 4;
