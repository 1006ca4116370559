declare module 'virtual:qr-engine';
