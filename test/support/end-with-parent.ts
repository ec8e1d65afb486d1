/** Preloaded into a system under test: it ends when the test process has gone, however that went. */
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
// Listening alone would keep the process from ending by itself.
process.channel?.unref();
