package resp

import "strconv"

// String returns v as redis-cli prints it on a terminal, without the line end
// after it:
//
//  1. "a"
//  2. (integer) 1
//
// Attributes are not printed. Big numbers and bulk errors, on which the
// redis-cli of Redis 7 gives up, are printed like its other numbers and errors.
func (v Value) String() string { return string(v.appendText(nil, 0)) }

// appendText appends v as text; its lines but the first begin with indent
// spaces.
func (v Value) appendText(b []byte, indent int) []byte {
	if v.Null || v.Type == Null || v.Type == 0 {
		return append(b, "(nil)"...)
	}
	switch v.Type {
	case Error, BulkError:
		return append(append(b, "(error) "...), v.Str...)
	case Int:
		return strconv.AppendInt(append(b, "(integer) "...), v.Int, 10)
	case Double:
		return append(append(b, "(double) "...), v.Str...)
	case BigNumber:
		return append(append(b, "(big number) "...), v.Str...)
	case Bool:
		if v.Int != 0 {
			return append(b, "(true)"...)
		}
		return append(b, "(false)"...)
	case Bulk:
		return appendQuoted(b, v.Str)
	case Array:
		return v.appendElems(b, indent, ')', "(empty array)")
	case Push:
		return v.appendElems(b, indent, ')', "(empty push)")
	case Set:
		return v.appendElems(b, indent, '~', "(empty set)")
	case Map:
		return v.appendElems(b, indent, '#', "(empty hash)")
	default: // Simple, Verbatim
		return append(b, v.Str...)
	}
}

// appendElems appends the elements of v, each after its number and sep, or
// empty if there are none. The numbers are aligned to the right.
func (v Value) appendElems(b []byte, indent int, sep byte, empty string) []byte {
	step := v.step()
	if len(v.Elems) < step {
		return append(b, empty...)
	}
	width := digits(len(v.Elems) / step)
	inner := indent + width + 2
	for i := 0; i+step <= len(v.Elems); i += step {
		number := i/step + 1
		if i > 0 {
			b = appendSpaces(append(b, '\n'), indent)
		}
		b = appendSpaces(b, width-digits(number))
		b = strconv.AppendInt(b, int64(number), 10)
		b = append(b, sep, ' ')
		b = v.Elems[i].appendText(b, inner)
		if v.Type == Map {
			b = append(b, " => "...)
			value := v.Elems[i+1]
			if value.hasLines() { // for its numbers to stand in one column
				b = appendSpaces(append(b, '\n'), inner)
			}
			b = value.appendText(b, inner)
		}
	}
	return b
}

// hasLines reports whether v is an aggregate that takes several lines.
func (v Value) hasLines() bool {
	last := v.step() - 1 // of the first element
	return len(v.Elems) > last+1 || len(v.Elems) == last+1 && v.Elems[last].hasLines()
}

// step returns how many Elems make one element of v.
func (v Value) step() int {
	if v.Type == Map {
		return 2
	}
	return 1
}

func appendSpaces(b []byte, n int) []byte {
	for range n {
		b = append(b, ' ')
	}
	return b
}

// appendQuoted appends s in quotes, with escapes for whatever is not printable
// ASCII. SplitLine reads it back.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c == '\a':
			b = append(b, `\a`...)
		case c == '\b':
			b = append(b, `\b`...)
		case c < ' ' || c > '~':
			const hex = "0123456789abcdef"
			b = append(b, '\\', 'x', hex[c>>4], hex[c&0xf])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
