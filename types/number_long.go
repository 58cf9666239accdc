package types

import (
	"math/big"
	"math/bits"
	"strconv"
)

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
