package resp

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
)

// A ProtocolError says that what came is not the Redis protocol. There is no
// way to find the next command after it: a server sends Error() with the code
// ERR before it, and closes the connection.
type ProtocolError struct {
	// Reason is the text after "Protocol error: ", as Redis words it.
	Reason string
}

// Error returns the message of Redis, without a code: "Protocol error: …".
func (e *ProtocolError) Error() string { return "Protocol error: " + e.Reason }

var (
	errCount        = &ProtocolError{"invalid multibulk length"}
	errCountUnauth  = &ProtocolError{"unauthenticated multibulk length"}
	errCountTooLong = &ProtocolError{"too big mbulk count string"}
	errBulk         = &ProtocolError{"invalid bulk length"}
	errBulkUnauth   = &ProtocolError{"unauthenticated bulk length"}
	errBulkTooLong  = &ProtocolError{"too big bulk count string"}
	errInline       = &ProtocolError{"too big inline request"}
	errQuotes       = &ProtocolError{"unbalanced quotes in request"}
	errCRLF         = &ProtocolError{"invalid CRLF in request"}
)

// The limits of Redis.
const (
	maxLine        = 64 << 10      // bytes of an inline command or a length
	maxArgs        = math.MaxInt32 // arguments of a command
	maxArgsUnauth  = 10            // the same before AUTH
	maxBulkUnauth  = 16 << 10      // bytes of an argument before AUTH
	defaultMaxBulk = 512 << 20     // proto-max-bulk-len
)

// What a Parser keeps room for after a command.
const (
	keepArgs = 1024    // arguments
	keepText = 4 << 10 // bytes of quoted words
)

// A Parser finds commands in the bytes that a client sent.
//
// It is given a buffer with the bytes not yet consumed, again and again while
// more of them arrive, and slices the arguments out of it. A command that is
// there as a whole, which is nearly every one, goes through a loop that keeps
// nothing but slices. If that loop stops for any reason, be it that bytes are
// missing, a number is unusual or something is wrong, it leaves its progress
// and step takes over, which is slower, knows all rules and can stop and go on
// anywhere. So an error has one place where it is found, and no byte is looked
// at twice however a command is cut into pieces. Progress is kept in lengths,
// not in slices, because the caller may move the bytes to a larger buffer.
//
// The zero value is ready to use. A Parser is not safe for concurrent use.
//
// Invariant: while state is partly, bytes before pos are parsed and those from
// pos to scan hold no line end; lens has the lengths of the arguments read,
// which fill the bytes from head to pos (less the header of the one at pos, if
// bulk says that it is read, and but for the one that is apart, of which only
// the header is there); left says how many are to come.
type Parser struct {
	// MaxBulk is the largest argument in bytes, proto-max-bulk-len; 512 MiB
	// if 0.
	MaxBulk int
	// Unauthenticated limits a command to 10 arguments of 16 KiB. It may be
	// changed between commands.
	Unauthenticated bool

	state uint8
	head  int    // where the first argument's header is; 0: not known yet
	pos   int    // where parsing goes on
	scan  int    // where to look for the end of the line at pos
	left  int    // arguments to come
	bulk  int    // bytes of the argument at pos; -1: its header is at pos
	lens  []int  // of the arguments read
	apart []byte // argument number place, if it is not nil
	place int
	args  [][]byte
	text  []byte // decoded words of an inline command
	err   *ProtocolError
}

// States of a Parser.
const (
	fresh  = iota // between commands
	partly        // within one
	failed        // after an error
)

// Next parses the command at the front of buf.
//
//   - n > 0: a command of n bytes. Its arguments are parts of buf (or of p, for
//     quoted words of an inline command): valid until buf is changed or Next is
//     called, whichever is first. No arguments means an empty command, *0 or a
//     blank line, to which Redis does not answer. The next call gets buf[n:]
//     and whatever has arrived since.
//   - n == 0 and no error: the command is not complete. The next call gets the
//     same bytes, followed by more; they may have been moved.
//   - An error is a *ProtocolError, and so is every further call's.
//
// Next does not allocate for a command of usual size. It does not limit len(buf):
// the caller decides when a command has become too long to wait for.
func (p *Parser) Next(buf []byte) (args [][]byte, n int, err error) {
	if p.state == fresh {
		if n = p.whole(buf); n > 0 {
			return p.args, n, nil
		}
	}
	return p.step(buf)
}

// Need returns how many bytes the buffer has to hold before Next can get
// further with the command it is in, as far as p knows; 0 between commands. It
// follows the client's claims: grow the buffer as bytes arrive, not at once.
func (p *Parser) Need() int {
	switch {
	case p.state != partly:
		return 0
	case p.bulk < 0:
		return p.scan + 1
	case p.bulk > math.MaxInt-p.pos-2:
		return math.MaxInt
	}
	return p.pos + p.bulk + 2
}

// Within returns where in the buffer the argument begins whose end has not come,
// and how long it will be; a size below zero if there is no such argument.
func (p *Parser) Within() (at, size int) {
	if p.state != partly {
		return 0, -1
	}
	return p.pos, p.bulk
}

// Apart gives p the argument that Within tells of, whole, with the line end
// behind it: b is not part of the buffer, which goes on, for the next call of
// Next, with what follows the argument. So a large one can be read to where it
// is to stay. It may be done once for a command; the argument that Next returns
// is b.
func (p *Parser) Apart(b []byte) {
	size := p.bulk
	if b[size] != '\r' || b[size+1] != '\n' {
		p.fail(errCRLF)
		return
	}
	p.apart, p.place = b[:size:size], len(p.lens)
	p.lens = append(p.lens, size)
	p.left--
	p.bulk = -1
}

// MayApart reports whether Apart was not called for this command yet.
func (p *Parser) MayApart() bool { return p.apart == nil }

// Reset makes p forget the command it is in, an error and every buffer it has
// seen. MaxBulk and Unauthenticated stay.
func (p *Parser) Reset() {
	p.state, p.err = fresh, nil
	clear(p.args[:cap(p.args)])
	p.text, p.apart = nil, nil
}

// maxBulk returns the largest argument of a client that has authenticated.
func (p *Parser) maxBulk() int {
	if p.MaxBulk <= 0 {
		return defaultMaxBulk
	}
	return p.MaxBulk
}

// whole parses a command that is there as a whole and has nothing unusual. If
// it returns 0 it has found another case, and its progress is in p. Headers of
// one and two digits are recognised by comparing four bytes at once, here and
// not in a function, which the compiler would not inline.
func (p *Parser) whole(buf []byte) int {
	count, pos := shortCount(buf)
	if count == 0 || p.Unauthenticated && count > maxArgsUnauth {
		return 0
	}
	if cap(p.args) > keepArgs {
		p.args = nil
	}
	limit := p.maxBulk()
	if p.Unauthenticated {
		limit = min(limit, maxBulkUnauth)
	}
	first, args := pos, p.args[:0]
	for range count {
		rest := buf[pos:]
		size, from := 0, 0
		if len(rest) >= 6 { // the shortest argument has six bytes
			head := binary.LittleEndian.Uint32(rest)
			tens, ones := head>>8&0xff-'0', head>>16&0xff-'0'
			switch {
			case head&^0xff00 == '$'|crlf<<16 && tens <= 9:
				size, from = int(tens), 4
			case head&0xff == '$' && uint16At(rest, 3) == crlf && tens-1 < 9 && ones <= 9:
				size, from = int(tens*10+ones), 5
			default:
				size, from = longerBulk(rest)
			}
		}
		end := from + size
		if from == 0 || size > limit || len(rest)-2 < end || uint16At(rest, end) != crlf {
			p.args = args
			p.suspend(first, pos, count-len(args))
			return 0
		}
		args = append(args, rest[from:end:end])
		pos += end + 2
	}
	p.args = args
	return pos
}

// suspend keeps the progress of whole: the arguments in p.args and that left
// more begin at pos.
func (p *Parser) suspend(first, pos, left int) {
	p.begin()
	p.head, p.pos, p.scan, p.left = first, pos, pos, left
	for _, arg := range p.args {
		p.lens = append(p.lens, len(arg))
	}
}

func (p *Parser) begin() {
	p.state = partly
	p.head, p.pos, p.scan, p.left, p.bulk = 0, 0, 0, 0, -1
	p.apart = nil
	if cap(p.lens) > keepArgs {
		p.lens = nil
	}
	p.lens = p.lens[:0]
}

// shortCount returns the number of arguments that buf begins with, if it has
// one or two digits, and where the first one is; otherwise 0.
func shortCount(buf []byte) (count, pos int) {
	if len(buf) < 5 || buf[0] != '*' {
		return 0, 0
	}
	tens := int(buf[1]) - '0'
	if tens < 1 || tens > 9 {
		return 0, 0
	}
	if buf[2] == '\r' && buf[3] == '\n' {
		return tens, 4
	}
	ones := int(buf[2]) - '0'
	if ones < 0 || ones > 9 || buf[3] != '\r' || buf[4] != '\n' {
		return 0, 0
	}
	return tens*10 + ones, 5
}

// longerBulk returns the size of the argument whose header begins b, if it has
// three to nine digits, and where its bytes begin; otherwise 0 for both.
func longerBulk(b []byte) (size, from int) {
	if b[0] != '$' || b[1] == '0' {
		return 0, 0
	}
	for i := 1; i < min(len(b)-1, 11); i++ {
		if i > 1 && b[i] == '\r' && b[i+1] == '\n' {
			return size, i + 2
		}
		digit := int(b[i]) - '0'
		if digit < 0 || digit > 9 {
			return 0, 0
		}
		size = size*10 + digit
	}
	return 0, 0
}

// crlf is a line end as uint16At reads it.
const crlf = '\n'<<8 | '\r'

func uint16At(b []byte, i int) uint16 { return binary.LittleEndian.Uint16(b[i:]) }

// step goes on with a command wherever it was left.
func (p *Parser) step(buf []byte) ([][]byte, int, error) {
	if p.state == failed {
		return nil, 0, p.err
	}
	if len(buf) == 0 || p.state == partly && len(buf) < max(p.pos, p.scan) {
		return nil, 0, nil
	}
	if p.state == fresh {
		p.begin()
	}
	if buf[0] != '*' {
		return p.inline(buf)
	}
	if p.head == 0 && !p.readCount(buf) {
		return p.stop()
	}
	for ; p.left > 0; p.left-- {
		if p.bulk < 0 && !p.readSize(buf) {
			return p.stop()
		}
		if len(buf)-p.pos-2 < p.bulk {
			return p.stop()
		}
		end := p.pos + p.bulk
		if buf[end] != '\r' || buf[end+1] != '\n' {
			p.fail(errCRLF)
			return p.stop()
		}
		p.lens = append(p.lens, p.bulk)
		p.pos, p.scan, p.bulk = end+2, end+2, -1
	}
	p.state = fresh
	return p.slices(buf), p.pos, nil
}

// stop returns what Next returns when it cannot go on.
func (p *Parser) stop() ([][]byte, int, error) {
	if p.state == failed {
		return nil, 0, p.err
	}
	return nil, 0, nil
}

func (p *Parser) fail(err *ProtocolError) { p.state, p.err = failed, err }

// readCount reads the line that says how many arguments follow. It reports
// whether it was there and right.
func (p *Parser) readCount(buf []byte) bool {
	end := p.lineEnd(buf, '\r', errCountTooLong)
	if end < 0 {
		return false
	}
	count, ok := parseInt(buf[1:end])
	switch {
	case !ok || count > maxArgs:
		p.fail(errCount)
	case count > maxArgsUnauth && p.Unauthenticated:
		p.fail(errCountUnauth)
	case buf[end+1] != '\n':
		p.fail(errCRLF)
	default:
		p.head, p.pos, p.scan = end+2, end+2, end+2
		p.left = max(int(count), 0)
		return true
	}
	return false
}

// readSize reads the line that says how long the next argument is. It reports
// whether it was there and right.
func (p *Parser) readSize(buf []byte) bool {
	end := p.lineEnd(buf, '\r', errBulkTooLong)
	if end < 0 {
		return false
	}
	if first := buf[p.pos]; first != '$' {
		p.fail(unexpected(first))
		return false
	}
	size, ok := parseInt(buf[p.pos+1 : end])
	switch {
	case !ok || size < 0 || size > int64(p.maxBulk()):
		p.fail(errBulk)
	case size > maxBulkUnauth && p.Unauthenticated:
		p.fail(errBulkUnauth)
	case buf[end+1] != '\n':
		p.fail(errCRLF)
	default:
		p.pos, p.scan, p.bulk = end+2, end+2, int(size)
		return true
	}
	return false
}

// unexpected is the error for an argument that begins with c. The text goes
// into one line, so Redis shows line ends as spaces.
func unexpected(c byte) *ProtocolError {
	if c == '\r' || c == '\n' {
		c = ' '
	}
	return &ProtocolError{"expected '$', got '" + string([]byte{c}) + "'"}
}

// inline reads a command given as a line of words, as a person would type it.
func (p *Parser) inline(buf []byte) ([][]byte, int, error) {
	end := p.lineEnd(buf, '\n', errInline)
	if end < 0 {
		return p.stop()
	}
	line := buf[:end]
	if end > 0 && line[end-1] == '\r' {
		line = line[:end-1]
	}
	if cap(p.text) > keepText {
		p.text = nil
	}
	var ok bool
	p.args, p.text, ok = split(p.args[:0], p.text[:0], line)
	if !ok {
		p.fail(errQuotes)
		return p.stop()
	}
	p.state = fresh
	return p.args, end + 1, nil
}

// lineEnd returns where the line at pos ends with delim, after which there is
// another byte if delim is a carriage return. It returns -1 if that has not
// come, or fails with tooLong if it did not come in time.
func (p *Parser) lineEnd(buf []byte, delim byte, tooLong *ProtocolError) int {
	window := buf[:min(len(buf), p.pos+maxLine+1)]
	i := bytes.IndexByte(window[p.scan:], delim)
	if i < 0 {
		p.scan = len(window)
		if len(window) == p.pos+maxLine+1 {
			p.fail(tooLong)
		}
		return -1
	}
	p.scan += i
	if delim == '\r' && p.scan+1 == len(buf) {
		return -1
	}
	return p.scan
}

// slices returns the arguments whose lengths are known, all of which are in
// buf. Their headers have no spare zeros, so their places follow.
func (p *Parser) slices(buf []byte) [][]byte {
	args, pos := p.args[:0], p.head
	if cap(args) < len(p.lens) {
		args = make([][]byte, 0, len(p.lens))
	}
	for i, size := range p.lens {
		pos += 1 + digits(size) + 2
		if p.apart != nil && i == p.place {
			args = append(args, p.apart)
			continue
		}
		args = append(args, buf[pos:pos+size:pos+size])
		pos += size + 2
	}
	p.args, p.apart = args, nil
	return args
}

// digits returns how many digits n >= 0 has.
func digits(n int) int {
	d := 1
	for ; n > 9; n /= 10 {
		d++
	}
	return d
}

// parseInt reads a decimal number in the one form that Redis takes: no plus
// sign, no spare zeros, no spaces, within 64 bits.
func parseInt(b []byte) (int64, bool) {
	digits := b
	if len(b) > 0 && b[0] == '-' {
		digits = b[1:]
	}
	if len(digits) == 0 || len(digits) > 19 || digits[0] == '0' && len(b) > 1 {
		return 0, false
	}
	var n uint64 // 19 digits fit
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	if len(digits) < len(b) {
		return -int64(n), n <= 1<<63
	}
	return int64(n), n <= math.MaxInt64
}

// check returns an error that names the first broken invariant of p, if any.
func (p *Parser) check() error {
	if p.state != partly {
		return nil
	}
	if p.scan < p.pos || p.bulk >= 0 && p.scan != p.pos {
		return fmt.Errorf("looks for a line end at %d, parses at %d", p.scan, p.pos)
	}
	if p.head == 0 {
		if p.pos != 0 || p.left != 0 || len(p.lens) != 0 || p.bulk != -1 {
			return fmt.Errorf("arguments before their number is known: %d read, %d to come", len(p.lens), p.left)
		}
		return nil
	}
	end, least := p.head, 1
	for _, size := range p.lens {
		end += digits(size) + size + 5
	}
	if p.bulk >= 0 {
		end += digits(p.bulk) + 3
	}
	if p.apart != nil {
		end -= len(p.apart) + 2
		least = 0 // if it is the last
	}
	if end != p.pos || p.left < least {
		return fmt.Errorf("arguments end at %d, parsing goes on at %d for %d more", end, p.pos, p.left)
	}
	return nil
}
