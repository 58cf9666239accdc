package types

import (
	"math"
	"strconv"
)

// ParseInt reads a decimal integer in the one spelling that Redis takes for an
// integer: an optional minus, no plus, no spaces, no leading zeros, no "-0",
// and within 64 bits. Such a text is exactly what formatting the number gives
// back. ok is false for anything else. It does not allocate.
func ParseInt(b []byte) (n int64, ok bool) {
	if len(b) == 0 || len(b) > 20 {
		return 0, false
	}
	digits, neg := b, false
	if b[0] == '-' {
		digits, neg = b[1:], true
	}
	if len(digits) == 0 || digits[0] == '0' {
		return 0, len(b) == 1 && b[0] == '0'
	}
	var u uint64
	for _, c := range digits {
		d := uint64(c - '0')
		if d > 9 || u > math.MaxUint64/10 {
			return 0, false
		}
		u = u*10 + d
		if u < d {
			return 0, false
		}
	}
	if neg {
		return -int64(u), u <= 1<<63
	}
	return int64(u), u <= math.MaxInt64
}

// AppendFloat appends f as Redis 7.2 replies scores and other doubles: an
// integer up to ±2^62 in plain digits, else the shortest text that reads back
// as f, with an exponent if there are many zeros ("0.1", "1e+20", "1.5e-7"),
// or inf, -inf, nan.
func AppendFloat(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "nan"...)
	case math.IsInf(f, 1):
		return append(dst, "inf"...)
	case math.IsInf(f, -1):
		return append(dst, "-inf"...)
	case f == 0 && math.Signbit(f):
		return append(dst, "-0"...)
	case f >= -1<<62 && f <= 1<<62 && f == math.Trunc(f):
		return strconv.AppendInt(dst, int64(f), 10)
	}
	if f < 0 {
		dst, f = append(dst, '-'), -f
	}
	var buf [32]byte
	digits, exp := shortest(buf[:0], f)
	return appendDecimal(dst, digits, exp)
}

// shortest returns the fewest digits d and the exponent exp for which
// 0.d × 10^exp reads back as f. The digits lie in buf.
func shortest(buf []byte, f float64) (digits []byte, exp int) {
	buf = strconv.AppendFloat(buf, f, 'e', -1, 64) // d.dddde±xx
	e := len(buf) - 1
	for buf[e] != 'e' {
		e--
	}
	for _, c := range buf[e+2:] {
		exp = exp*10 + int(c-'0')
	}
	if buf[e+1] == '-' {
		exp = -exp
	}
	if e > 1 { // close the gap the point leaves
		buf[1] = buf[0]
		return buf[1:e], exp + 1
	}
	return buf[:1], exp + 1
}

// appendDecimal lays out 0.digits × 10^exp as Redis does: up to seven zeros
// are written out at the end of an integer; a fraction is written out if it
// has at most six digits after the point or a magnitude of 0.001 to 10000;
// all else gets an exponent.
func appendDecimal(dst, digits []byte, exp int) []byte {
	n := len(digits)
	zeros := exp - n // behind the last digit; negative: digits after the point
	magnitude := exp - 1
	if magnitude < 0 {
		magnitude = -magnitude
	}
	switch {
	case zeros >= 0 && magnitude < n+7:
		dst = append(dst, digits...)
		for range zeros {
			dst = append(dst, '0')
		}
		return dst
	case zeros < 0 && (zeros > -7 || magnitude < 4):
		if exp > 0 {
			dst = append(dst, digits[:exp]...)
			dst = append(dst, '.')
			return append(dst, digits[exp:]...)
		}
		dst = append(dst, "0."...)
		for range -exp {
			dst = append(dst, '0')
		}
		return append(dst, digits...)
	}
	dst = append(dst, digits[0])
	if n > 1 {
		dst = append(dst, '.')
		dst = append(dst, digits[1:]...)
	}
	sign := byte('+')
	if exp < 1 {
		sign = '-'
	}
	dst = append(dst, 'e', sign)
	return strconv.AppendInt(dst, int64(magnitude), 10)
}

// ParseFloat reads a double as Redis reads a score: decimal with or without
// fraction and exponent, hexadecimal (0x1.8p3, 0x10), inf or infinity in any
// case, each with an optional sign. It returns ErrNotFloat for anything else:
// spaces, nan, trailing bytes, and numbers too large, or too close to zero,
// for a double. It does not allocate, except for hexadecimal and errors.
func ParseFloat(b []byte) (float64, error) {
	s := text(b)
	lit, ok := scanFloat(s)
	if !ok {
		return 0, ErrNotFloat
	}
	if lit.hex && !lit.hasExp { // where Go insists on an exponent, C does not
		s += "p0"
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f == 0 && !lit.zero {
		return 0, ErrNotFloat
	}
	return f, nil
}

// A floatLit is the text of a number, taken apart.
type floatLit struct {
	neg, inf, hex bool
	hasExp        bool
	zero          bool   // every digit is 0
	digits        string // with at most one point among them
	exp           int    // the explicit exponent, cut off at ±maxExp
}

// maxExp is beyond what any mantissa of maxFloatLen digits could bring back
// into range.
const maxExp = 1 << 20

// scanFloat takes s apart by the grammar of C's strtod, the whole of s; NaN is
// not ok.
func scanFloat(s string) (lit floatLit, ok bool) {
	if s != "" && (s[0] == '-' || s[0] == '+') {
		lit.neg = s[0] == '-'
		s = s[1:]
	}
	if isInf(s) {
		lit.inf = true
		return lit, true
	}
	marker := byte('e')
	if len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x' {
		lit.hex, marker, s = true, 'p', s[2:]
	}
	i, count, points := 0, 0, 0
	lit.zero = true
	for ; i < len(s); i++ {
		if s[i] == '.' {
			points++
			continue
		}
		if !isDigit(s[i], lit.hex) {
			break
		}
		count++
		lit.zero = lit.zero && s[i] == '0'
	}
	if count == 0 || points > 1 {
		return lit, false
	}
	lit.digits = s[:i]
	if i == len(s) {
		return lit, true
	}
	lit.hasExp = true
	lit.exp, ok = scanExponent(s[i+1:])
	return lit, ok && s[i]|0x20 == marker
}

func scanExponent(s string) (exp int, ok bool) {
	neg := false
	if s != "" && (s[0] == '-' || s[0] == '+') {
		neg = s[0] == '-'
		s = s[1:]
	}
	for i := range len(s) {
		if !isDigit(s[i], false) {
			return 0, false
		}
		exp = min(exp*10+int(s[i]-'0'), maxExp)
	}
	if neg {
		exp = -exp
	}
	return exp, s != ""
}

func isDigit(c byte, hex bool) bool {
	return c-'0' <= 9 || hex && c|0x20 >= 'a' && c|0x20 <= 'f'
}

func isInf(s string) bool {
	const name = "infinity"
	if len(s) != 3 && len(s) != len(name) {
		return false
	}
	for i := range len(s) {
		if s[i]|0x20 != name[i] {
			return false
		}
	}
	return true
}
