/**
 * What a process that a supervisor started does when the supervisor is gone, even by kill -9: it ends as it would on
 * SIGTERM. Without it, pods would outlive a crashed `sluice up` and hold memory for nobody.
 *
 * The mains listen for the same, but only once they are loaded; this covers their start.
 */
export function endWithSupervisor(): void {
  // A process that a person started has no channel.
  if (process.send === undefined) return;
  const end = () => process.kill(process.pid, 'SIGTERM');
  if (!process.connected) end();
  process.once('disconnect', end);
  // Listening would keep a process alive that has nothing else to do.
  process.channel?.unref();
}
