package load

import (
	"errors"
	"fmt"
)

var errReply = errors.New("load: not a reply of RESP2")

// A scanner finds the ends of replies in a stream that comes in pieces. It
// looks at no more than it must: the contents of strings are skipped.
//
// Between pieces the state is: skip bytes of a string are still to come, then
// a line, of which the beginning is in line if it was cut.
type scanner struct {
	skip    int    // bytes of a bulk string, with its line end, to pass over
	open    int    // values that are still to come until the reply is whole
	line    []byte // the beginning of a line that was cut
	errors  int    // error replies so far
	message string // the first of them
}

// feed passes over p and returns how many replies ended in it.
func (s *scanner) feed(p []byte) (replies int, err error) {
	for len(p) > 0 {
		if s.skip > 0 {
			n := min(s.skip, len(p))
			s.skip -= n
			if p = p[n:]; s.skip == 0 {
				replies += s.valueEnded()
			}
			continue
		}
		end := indexLF(p)
		if end < 0 {
			s.line = append(s.line, p...)
			return replies, nil
		}
		line := p[:end+1]
		if len(s.line) > 0 {
			s.line = append(s.line, line...)
			line = s.line
		}
		p = p[end+1:]
		n, err := s.header(line)
		s.line = s.line[:0]
		if err != nil {
			return replies, err
		}
		replies += n
	}
	return replies, nil
}

// indexLF is faster than bytes.IndexByte for the few bytes that a line has.
func indexLF(p []byte) int {
	for i, b := range p {
		if b == '\n' {
			return i
		}
	}
	return -1
}

// header takes in a line, and returns how many replies it ended: 0 or 1.
func (s *scanner) header(line []byte) (int, error) {
	if len(line) < 3 {
		return 0, fmt.Errorf("%w: line %q", errReply, line)
	}
	switch line[0] {
	case '+', ':':
		return s.valueEnded(), nil
	case '-':
		if s.errors++; s.message == "" {
			s.message = string(line[1 : len(line)-2])
		}
		return s.valueEnded(), nil
	case '$':
		n, err := length(line)
		if n < 0 || err != nil { // nil
			return s.valueEnded(), err
		}
		s.skip = n + len("\r\n")
		return 0, nil
	case '*':
		n, err := length(line)
		if n > 0 {
			if s.open == 0 {
				s.open = 1
			}
			s.open += n
		}
		return s.valueEnded(), err
	}
	return 0, fmt.Errorf("%w: line %q", errReply, line)
}

// valueEnded counts the end of a value, or the beginning of an array, whose
// elements are open from then on. It returns 1 if the reply is whole.
func (s *scanner) valueEnded() int {
	if s.open > 0 {
		s.open--
	}
	if s.open == 0 {
		return 1
	}
	return 0
}

// length reads the number in the header of a string or array; -1 means nil.
func length(line []byte) (int, error) {
	digits := line[1 : len(line)-2]
	if string(digits) == "-1" {
		return -1, nil
	}
	n := 0
	for _, b := range digits {
		if b < '0' || b > '9' || n > 1<<40 {
			return 0, fmt.Errorf("%w: line %q", errReply, line)
		}
		n = n*10 + int(b-'0')
	}
	if len(digits) == 0 {
		return 0, fmt.Errorf("%w: line %q", errReply, line)
	}
	return n, nil
}
