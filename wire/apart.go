package wire

// How a large value gets into the store without being copied.
//
// An argument of a command that has not come as a whole and is large does not
// lie among the others in session.in: what has come of it is moved into memory
// of its own, of the right size, and the rest is read straight to there. When it
// is complete the parser gets it (Parser.Apart), the command runs, and the
// transaction is offered the memory (Tx.Offer): it may keep that as the value of
// a string, and gives the memory of the value there was in exchange. So a value
// that is written over and over makes no garbage, and is copied once less: a SET
// of a megabyte spends a third of its time in the kernel's copy and had spent
// another one in ours.
//
// In a command of several large arguments this is done for the first alone. Of a
// client that has just sent one, the loop takes no more than a sip at first: the
// next may be like it, and what was read with the name of its key is copied.
type apart struct {
	at   int    // where in session.in it would begin
	size int    // of it and the line end
	buf  []byte // what has come of it; nil: there is no such argument
}

const (
	minApart   = 64 << 10 // the smallest argument that has memory of its own
	apartFirst = 64 << 10 // how much is believed of what a client claims, beside what it sent before, and
	apartTrust = 32       // how many times of what has come
)

// coming reports whether there is such an argument, and some of it is missing.
func (a *apart) coming() bool { return len(a.buf) < a.size }

// space returns where to read more of the argument.
func (a *apart) space() []byte {
	a.makeRoom()
	return a.buf[len(a.buf):min(cap(a.buf), a.size)]
}

// makeRoom makes room for more of the argument: not for more than some times of
// what has come, whatever the client claims.
func (a *apart) makeRoom() {
	if len(a.buf) == cap(a.buf) {
		grown := arguments.get(min(a.size, max(apartFirst, apartTrust*len(a.buf))))[:len(a.buf)]
		copy(grown, a.buf)
		arguments.put(a.buf)
		a.buf = grown
	}
}

// part sets an argument apart if it is large and some of it is missing. in is all
// the input there is; what part returns of it is to be kept.
func (s *session) part(in []byte) []byte {
	at, size := s.parser.Within()
	if size < minApart || at > len(in) || s.apart.buf != nil || s.parked != nil || !s.parser.MayApart() {
		return in
	}
	rest := in[at:]
	s.apart = apart{at, size + 2, arguments.get(min(size+2, max(apartFirst, apartTrust*len(rest), s.usual)))[:0]}
	s.fill(rest)
	return in[:at]
}

// fill adds b to the argument and returns what comes after it.
func (s *session) fill(b []byte) (left []byte) {
	for len(b) > 0 && s.apart.coming() {
		n := copy(s.apart.space(), b)
		b = b[n:]
		s.advance(n)
	}
	return b
}

// advance notes that n bytes were read into the argument's space.
func (s *session) advance(n int) {
	s.apart.buf = s.apart.buf[:len(s.apart.buf)+n]
	if !s.apart.coming() {
		s.parser.Apart(s.apart.buf)
	}
}

// executeApart is execute for a command with an argument apart, which is over
// then.
func (s *session) executeApart(args [][]byte) {
	s.tx.Offer(s.apart.buf[:s.apart.size-2])
	s.execute(args)
	arguments.put(s.tx.Withdraw())
	s.usual = s.apart.size
	s.sip.Store(true)
	s.apart = apart{}
}

// join puts the argument among the others: its command will be parsed once more.
func (s *session) join() {
	if s.apart.buf == nil {
		return
	}
	a := s.apart
	joined := buffers.get(len(s.in) + len(a.buf))[:0]
	joined = append(append(append(joined, s.in[:a.at]...), a.buf...), s.in[a.at:]...)
	buffers.put(s.in)
	arguments.put(a.buf)
	s.in, s.apart = joined, apart{}
}
