/** `1.2.3` against `1.10`: numbers part by part, what is missing is 0; what is no version is never too old. Pure. */
export function isOlder(version: string, minimum: string): boolean {
  const [ours, theirs] = [partsOf(version), partsOf(minimum)];
  if (!ours || !theirs) return false;
  for (let index = 0; index < 3; index++) {
    const difference = (ours[index] ?? 0) - (theirs[index] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

function partsOf(version: string): number[] | undefined {
  return /^\d{1,6}(\.\d{1,6}){0,2}$/.test(version) ? version.split('.').map(Number) : undefined;
}
