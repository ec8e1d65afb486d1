import { SettingsError } from '../../contract/settings.ts';

const expectedNames = ['TargetError', 'MetadataError', 'TraceError'];

/** Turns errors that the user can correct (a wrong URL, an unreadable file) into a SettingsError, which has no stack. */
export async function asUsageError<Result>(work: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const isExpected = expectedNames.includes(error.name) || 'syscall' in error || error.constructor === Error;
    throw isExpected ? new SettingsError([error.message]) : error;
  }
}
