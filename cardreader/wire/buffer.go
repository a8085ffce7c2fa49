package wire

// Buffer holds the bytes of a line that are not decoded yet; families build their Decoder on it.
type Buffer struct{ b []byte }

// Write adds bytes from the line.
func (b *Buffer) Write(p []byte) { b.b = append(b.b, p...) }

// Held returns the bytes not yet taken, valid until the next call.
func (b *Buffer) Held() []byte { return b.b }

// Reset forgets them.
func (b *Buffer) Reset() { b.b = b.b[:0] }

// Take removes the first n bytes and returns them as the caller's own.
func (b *Buffer) Take(n int) []byte {
	taken := append([]byte(nil), b.b[:n]...)
	b.b = append(b.b[:0], b.b[n:]...)
	return taken
}
