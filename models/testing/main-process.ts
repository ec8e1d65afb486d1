/** A model server process for tests, which takes its settings from the environment alone. */
import process from 'node:process';
import { readSettings } from '../../contract/settings.ts';
import { main } from '../main.ts';
import { ModelServerSettings } from '../settings.ts';

await main(readSettings(ModelServerSettings, process.env));
