// Finds and reads a QR code in a picture; a worker of its own, as that takes a moment. qr-scanner's engine, out of the
// string in which its package has it: a worker from a blob would need a looser Content-Security-Policy.
import 'virtual:qr-engine';
