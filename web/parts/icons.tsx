import type { ComponentChildren } from 'preact';

/** The logo: a browser tab drawn with one piece of wire. */
export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 34 20" aria-hidden="true">
      <path d="M1.5 17h2.200c2.6 0 3.2-1.2 3.6-3.200L8.7 6.200C9.1 4.1 10.1 3 12.1 3h5.800c2 0 3 1.1 3.4 3.200l1.4 7.600c.4 2 1 3.2 3.6 3.200h2.7" />
      <circle cx="30.5" cy="17" r="2.3" />
    </svg>
  );
}

function Icon({ children }: { children: ComponentChildren }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
      {children}
    </svg>
  );
}

export const CopyIcon = () => (
  <Icon>
    <rect x="5.5" y="5.5" width="8" height="8" rx="1.5" />
    <path d="M10.5 5.500V4A1.5 1.5 0 0 0 9 2.500H4A1.5 1.5 0 0 0 2.5 4v5A1.5 1.5 0 0 0 4 10.500h1.5" />
  </Icon>
);

export const CheckIcon = () => (
  <Icon>
    <path d="m3 8.5 3.2 3.200L13 4.8" />
  </Icon>
);

export const SunIcon = () => (
  <Icon>
    <circle cx="8" cy="8" r="2.8" />
    <path d="M8 1.500v1.300M8 13.200v1.300M1.5 8h1.300M13.2 8h1.300M3.4 3.400l.9.9M11.7 11.700l.9.9M3.4 12.600l.9-.9M11.7 4.300l.9-.9" />
  </Icon>
);

export const MoonIcon = () => (
  <Icon>
    <path d="M13.5 9.600A5.8 5.8 0 0 1 6.4 2.500a5.8 5.8 0 1 0 7.1 7.100Z" />
  </Icon>
);

export const ScreenIcon = () => (
  <Icon>
    <rect x="1.5" y="2.5" width="13" height="8.5" rx="1.5" />
    <path d="M5.5 13.500h5" />
  </Icon>
);

export const KeyIcon = () => (
  <Icon>
    <circle cx="5" cy="10.5" r="2.8" />
    <path d="m7.1 8.5 6-6M11 4.600l1.8 1.8" />
  </Icon>
);

export const FileIcon = () => (
  <Icon>
    <path d="M9 1.800H4.500A1.3 1.3 0 0 0 3.2 3v10a1.3 1.3 0 0 0 1.3 1.300h7a1.3 1.3 0 0 0 1.3-1.300V5.500L9 1.800Z" />
    <path d="M9 1.800v3.700h3.7" />
  </Icon>
);

export const CodeIcon = () => (
  <Icon>
    <path d="M2.500 2.500h4v4h-4zM9.500 2.500h4v4h-4zM2.500 9.500h4v4h-4zM9.500 9.500h1.500M13.500 9.500v4h-4v-1.500" />
  </Icon>
);

export const FormIcon = () => (
  <Icon>
    <rect x="1.5" y="2.5" width="13" height="4" rx="1" />
    <rect x="1.5" y="9.5" width="13" height="4" rx="1" />
  </Icon>
);

export const EyeIcon = ({ open }: { open: boolean }) => (
  <Icon>
    <path d="M1.5 8S3.8 3.7 8 3.7 14.5 8 14.5 8 12.2 12.3 8 12.3 1.5 8 1.5 8Z" />
    <circle cx="8" cy="8" r="1.9" />
    {!open && <path d="m2.5 13.5 11-11" />}
  </Icon>
);
