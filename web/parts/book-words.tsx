import type { ConsoleModel } from '../model.ts';
import type { Place } from '../tunnels/tunnel-book.ts';

/** What came of the latest change of the kept tunnels, where it was asked for. */
export function BookWords({ model, place }: { model: ConsoleModel; place: Place }) {
  const { note, problem } = model.book;
  if (model.book.place.value !== place) return <p class="outcome dim" role="status" />;
  return (
    <>
      {problem.value && (
        <p class="note-bad" role="alert">
          {problem.value}
        </p>
      )}
      <p class="outcome dim" role="status">
        {note.value}
      </p>
    </>
  );
}
