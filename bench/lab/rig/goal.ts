/** Goal for a measured number. */
export interface Goal {
  readonly kind: 'at least' | 'at most';
  readonly value: number;
}

export function reached({ kind, value }: Goal, measured: number): boolean {
  return kind === 'at least' ? measured >= value : measured <= value;
}
