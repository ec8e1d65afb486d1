/**
 * Ends this process as on SIGTERM when its supervisor disappears, even by SIGKILL. Otherwise pods would outlive a crashed
 * `sluice up`, holding memory for no one.
 *
 * The main modules listen for the same event, but only once they are loaded; this covers their start.
 */
export function endWithSupervisor(): void {
  // Processes started by hand have no IPC channel.
  if (process.send === undefined) return;
  const end = () => process.kill(process.pid, 'SIGTERM');
  if (!process.connected) end();
  process.once('disconnect', end);
  // A referenced channel would keep an otherwise finished process alive.
  process.channel?.unref();
}
