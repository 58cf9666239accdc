package resp

// SplitLine splits a line into words by the rules of Redis for inline commands
// and its configuration file: words are separated by white space; "…" may hold
// spaces and the escapes \n \r \t \b \a \xHH \" \\; '…' only the escape \'. A
// quote may begin within a word but has to end it. The words own their memory,
// except that those without quotes are parts of line. The error is a
// *ProtocolError.
func SplitLine(line []byte) ([][]byte, error) {
	words, _, ok := split(nil, nil, line)
	if !ok {
		return nil, errQuotes
	}
	return words, nil
}

// split appends the words of line to words. A word without quotes is a part of
// line, any other is decoded into text, which is made large enough before the
// first so that it never has to move.
func split(words [][]byte, text, line []byte) ([][]byte, []byte, bool) {
	i := 0
	for {
		for i < len(line) && isSpace(line[i]) {
			i++
		}
		if i == len(line) {
			return words, text, true
		}
		start := i
		for i < len(line) && !endsWord(line[i]) && line[i] != '"' && line[i] != '\'' {
			i++
		}
		if i == len(line) || endsWord(line[i]) {
			words = append(words, line[start:i:i])
			continue
		}
		if cap(text)-len(text) < len(line)-start {
			text = make([]byte, 0, len(line)-start)
		}
		from := len(text)
		text = append(text, line[start:i]...)
		var ok bool
		if text, i, ok = unquote(text, line, i); !ok {
			return words, text, false
		}
		words = append(words, text[from:len(text):len(text)])
	}
}

// unquote appends to text what stands in the quotes that begin at line[i]. It
// returns the place after them, and false if they do not end, or not with a
// word.
func unquote(text, line []byte, i int) ([]byte, int, bool) {
	quote := line[i]
	for i++; i < len(line); {
		c := line[i]
		switch {
		case c == quote:
			i++
			return text, i, i == len(line) || isSpace(line[i])
		case c != '\\' || i+1 == len(line):
			text = append(text, c)
			i++
		case quote == '\'' && line[i+1] != '\'':
			text = append(text, c)
			i++
		case quote == '"' && line[i+1] == 'x' && i+3 < len(line) && isHex(line[i+2]) && isHex(line[i+3]):
			text = append(text, hexDigit(line[i+2])<<4|hexDigit(line[i+3]))
			i += 4
		default:
			text = append(text, unescape(line[i+1]))
			i += 2
		}
	}
	return text, i, false
}

func unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'b':
		return '\b'
	case 'a':
		return '\a'
	}
	return c
}

// isSpace reports whether c may stand between words.
func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// endsWord reports whether c ends a word without quotes: Redis does not take
// \v and \f for that, though it skips them between words.
func endsWord(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// hexDigit returns the value of a digit for which isHex holds.
func hexDigit(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&0xf + 9
}
