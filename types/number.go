package types

import (
	"math"
	"math/big"
	"math/bits"
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

// AddFloat returns the text of old + by as INCRBYFLOAT and HINCRBYFLOAT
// compute it: both read as 80-bit long doubles, added, and printed with 17
// digits after the point less the trailing zeros, never with an exponent.
// Where there is no old value, old is "0". The result is the caller's own.
//
// The error is ErrNotFloat if old or by is not a number, or ErrNaN if either
// or the sum is infinite; CheckFloat tells beforehand what is wrong with by.
func AddFloat[T string | []byte](old []byte, by T) ([]byte, error) {
	x, ok := parseExtended(text(old))
	y, ok2 := parseExtended(string(by))
	if !ok || !ok2 {
		return nil, ErrNotFloat
	}
	if x.inf || y.inf {
		return nil, ErrNaN
	}
	sum := addExtended(x, y)
	if sum.inf {
		return nil, ErrNaN
	}
	var buf [64]byte
	return append([]byte(nil), appendExtended(buf[:0], sum)...), nil
}

// CheckFloat returns nil if AddFloat can add b, ErrNotFloat if b is not a
// number, ErrNaN if it is infinite.
func CheckFloat(b []byte) error {
	x, ok := parseExtended(text(b))
	switch {
	case !ok:
		return ErrNotFloat
	case x.inf:
		return ErrNaN
	}
	return nil
}

// An extended is the long double of x86: mant × 2^exp with a mantissa of 64
// bits whose top bit is set, or zero. Every result is rounded to nearest, ties
// to even, as the hardware does. Numbers so small that the hardware keeps
// fewer bits of them keep all of theirs here: they are printed as 0 anyway.
type extended struct {
	neg, inf bool
	mant     uint64
	exp      int
}

const (
	maxFloatLen = 5*1024 - 1  // the longest text Redis reads as a long double
	extMaxExp   = 16384 - 64  // of the largest finite long double
	extMinExp   = -16445 - 64 // of the numbers around half of the smallest one
)

// parseExtended reads s as strtold does in the hands of Redis: see ParseFloat.
func parseExtended(s string) (extended, bool) {
	if len(s) > maxFloatLen {
		return extended{}, false
	}
	lit, ok := scanFloat(s)
	if !ok || lit.inf || lit.zero {
		return extended{neg: lit.neg, inf: lit.inf}, ok
	}
	x, ok := roundShort(lit)
	if !ok {
		if x, ok = roundLong(lit); !ok {
			return x, false
		}
	}
	x.neg = lit.neg
	vanishes := x.exp < extMinExp || x.exp == extMinExp && x.mant == 1<<63
	return x, !x.inf && !vanishes
}

// pow10 holds the powers of ten that fit 64 bits.
var pow10 = func() (p [20]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

// roundShort is roundLong for up to 19 digits and small exponents, that is
// for nearly every number people write. It does not allocate.
func roundShort(lit floatLit) (extended, bool) {
	if lit.hex || len(lit.digits) > 20 {
		return extended{}, false
	}
	var u uint64
	count, scale, point := 0, lit.exp, false
	for i := range len(lit.digits) {
		c := lit.digits[i]
		if c == '.' {
			point = true
			continue
		}
		u = u*10 + uint64(c-'0')
		count++
		if point {
			scale--
		}
	}
	if count > 19 || scale < -19 || scale > 19 {
		return extended{}, false
	}
	if scale >= 0 {
		hi, lo := bits.Mul64(u, pow10[scale])
		return round128(hi, lo, 0, false), true
	}
	// Divide u × 2^128, normalized, by the power: 65 bits and the remainder
	// decide the rounding.
	lz := bits.LeadingZeros64(u)
	div := pow10[-scale]
	hi, r := bits.Div64(0, u<<lz, div)
	mid, r := bits.Div64(r, 0, div)
	low, r := bits.Div64(r, 0, div)
	exp := -lz - 64
	if hi == 0 {
		return round128(mid, low, exp-64, r != 0), true
	}
	return round128(hi, mid, exp, low|r != 0), true
}

// round128 rounds (hi × 2^64 + lo) × 2^exp to an extended; sticky says that a
// little more than that is meant.
func round128(hi, lo uint64, exp int, sticky bool) extended {
	if hi == 0 && lo == 0 {
		return extended{}
	}
	if hi == 0 {
		hi, lo, exp = lo, 0, exp-64
	}
	lz := bits.LeadingZeros64(hi)
	hi, lo = hi<<lz|lo>>(64-lz), lo<<lz
	x := extended{mant: hi, exp: exp + 64 - lz}
	const half = 1 << 63
	if lo > half || lo == half && (sticky || hi&1 == 1) {
		if x.mant++; x.mant == 0 {
			x.mant, x.exp = half, x.exp+1
		}
	}
	x.inf = x.exp > extMaxExp
	return x
}

// roundLong rounds a literal of any length but zero. ok is false if it is far
// too close to zero.
func roundLong(lit floatLit) (x extended, ok bool) {
	digits := make([]byte, 0, len(lit.digits))
	scale := 0
	for i := range len(lit.digits) {
		c := lit.digits[i]
		if c == '.' {
			scale = i + 1 - len(lit.digits)
		} else if c != '0' || len(digits) > 0 {
			digits = append(digits, c)
		}
	}
	base, size, limit := 10, len(digits), 4960
	if lit.hex {
		base, size, scale, limit = 16, 4*size, 4*scale, 16500
	}
	scale += lit.exp
	switch size += scale; { // the value is about base^size; 2^size if hex
	case size > limit:
		return extended{inf: true}, true
	case size < -limit:
		return extended{}, false
	}
	m, _ := new(big.Int).SetString(string(digits), base)
	f := new(big.Float).SetPrec(64)
	switch {
	case lit.hex:
		f.SetMantExp(f.SetInt(m), scale)
	case scale >= 0:
		f.SetInt(m.Mul(m, tenTo(scale)))
	default: // the operands are exact, Quo rounds once
		f.Quo(new(big.Float).SetInt(m), new(big.Float).SetInt(tenTo(-scale)))
	}
	x.exp = f.MantExp(f) - 64
	x.mant, _ = f.SetMantExp(f, 64).Uint64()
	x.inf = x.exp > extMaxExp
	return x, true
}

func tenTo(n int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

// addExtended adds two finite numbers.
func addExtended(x, y extended) extended {
	if x.mant == 0 || y.mant != 0 && x.exp < y.exp {
		x, y = y, x
	}
	if y.mant == 0 {
		return x
	}
	// x in the upper half of 128 bits, one bit left free for the carry; y
	// moved to the same exponent, what falls off remembered in sticky.
	hi, lo := x.mant>>1, x.mant<<63
	yhi, ylo, sticky := uint64(0), uint64(0), false
	switch d := x.exp - y.exp + 1; {
	case d < 64:
		yhi, ylo = y.mant>>d, y.mant<<(64-d)
	case d < 128:
		ylo = y.mant >> (d - 64)
		sticky = y.mant<<(128-d) != 0
	default:
		sticky = true
	}
	var carry uint64
	if x.neg == y.neg {
		lo, carry = bits.Add64(lo, ylo, 0)
		hi, _ = bits.Add64(hi, yhi, carry)
	} else {
		if sticky { // a little more than y goes off: take one more, add the rest back
			carry = 1
		}
		lo, carry = bits.Sub64(lo, ylo, carry)
		hi, carry = bits.Sub64(hi, yhi, carry)
		if carry != 0 { // equal exponents and y the larger
			x.neg = y.neg
			lo, carry = bits.Sub64(0, lo, 0)
			hi, _ = bits.Sub64(0, hi, carry)
		}
	}
	sum := round128(hi, lo, x.exp-63, sticky)
	sum.neg = x.neg
	return sum
}

// appendExtended appends x as %.17Lf prints it, less the zeros at the end.
func appendExtended(dst []byte, x extended) []byte {
	whole, frac := x.split()
	if x.neg && (x.exp > 0 || whole|frac != 0) {
		dst = append(dst, '-')
	}
	if x.exp > 0 {
		m := new(big.Int).SetUint64(x.mant)
		return m.Lsh(m, uint(x.exp)).Append(dst, 10)
	}
	dst = strconv.AppendUint(dst, whole, 10)
	if frac == 0 {
		return dst
	}
	at := len(dst)
	dst = strconv.AppendUint(dst, pow10[17]+frac, 10) // 1ddddd…: keeps the leading zeros
	dst[at] = '.'
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// split returns the whole part of x, which is below 2^64, and the fraction in
// units of 10^-17, rounded to nearest, ties to even.
func (x extended) split() (whole, frac uint64) {
	if x.exp <= -128 || x.mant == 0 {
		return 0, 0
	}
	shift := uint(-x.exp)
	whole = x.mant >> shift // 0 from 64 on
	hi, lo := bits.Mul64(x.mant-whole<<shift, pow10[17])
	var rest, half uint64 // what is cut off, scaled so that half is 2^63
	switch {
	case shift == 0:
		return whole, 0
	case shift < 64:
		frac = hi<<(64-shift) | lo>>shift
		rest = lo << (64 - shift)
	case shift == 64:
		frac, rest = hi, lo
	default:
		frac = hi >> (shift - 64)
		rest = hi<<(128-shift) | lo>>(shift-64)
		if lo<<(128-shift) != 0 {
			rest |= 1
		}
	}
	half = 1 << 63
	if rest > half || rest == half && frac&1 == 1 {
		if frac++; frac == pow10[17] {
			whole, frac = whole+1, 0
		}
	}
	return whole, frac
}
