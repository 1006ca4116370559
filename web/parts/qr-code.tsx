import { encode } from 'uqr';

/** More does not fit into a QR code of bytes at the lowest correction level. */
const MOST_BYTES = 2900;

/** Dark on white whatever the theme: many readers know no other. */
export function QrCode({ text, label }: { text: string; label: string }) {
  if (new TextEncoder().encode(text).length > MOST_BYTES)
    return <p class="note-bad">This is too long for a QR code: save the file instead.</p>;
  const { data, size } = encode(text, { ecc: 'L', border: 3 });
  const path = data
    .flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : '')))
    .join('');
  return (
    <svg
      class="qr"
      viewBox={`0 0 ${size} ${size}`}
      role="img"
      aria-label={label}
      shape-rendering="crispEdges"
    >
      <rect width={size} height={size} fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  );
}
