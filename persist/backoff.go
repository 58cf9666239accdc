package persist

// A backoff spaces out the tries of something that goes on failing: 1, 2, 4 …
// maxPause ticks lie between them. The zero value has not failed.
type backoff struct {
	pause int // ticks between two tries
	left  int // of them
}

const maxPause = 32

// failed notes that one more try has.
func (b *backoff) failed() {
	b.pause = min(max(1, 2*b.pause), maxPause)
	b.left = b.pause
}

// tick notes that a second has passed.
func (b *backoff) tick() { b.left-- }

// due reports whether it is time for another try.
func (b *backoff) due() bool { return b.left <= 0 }
