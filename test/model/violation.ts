/** Something that must never be, with the number of the invariant or what differs from the reference. */
export class Violation extends Error {
  override name = 'Violation';
}
