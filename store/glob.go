package store

// Match reports whether s matches a glob-style pattern as Redis has them: *
// any bytes, ? any one byte, [abc], [a-z] and [^a] one of a class, \x the byte
// x itself. It costs at most O(len(pattern)·len(s)) and does not recurse.
func Match(pattern, s string) bool { return match(pattern, s, false) }

// MatchFold is Match without regard to the case of ASCII letters.
func MatchFold(pattern, s string) bool { return match(pattern, s, true) }

// match keeps one point to come back to: the last star and what it has
// swallowed. An earlier star never needs to be tried again, because the last
// one can swallow whatever the earlier one would.
func match(p, s string, fold bool) bool {
	star, back := -1, 0
	i, j := 0, 0
	for {
		if i < len(p) && p[i] == '*' {
			star, back = i+1, j
			i++
			continue
		}
		if j == len(s) {
			return i == len(p)
		}
		if i < len(p) {
			if n, ok := matchOne(p[i:], s[j], fold); ok {
				i += n
				j++
				continue
			}
		}
		if star < 0 {
			return false
		}
		back++
		i, j = star, back
	}
}

// matchOne matches one byte against the element p begins with, and returns
// the length of the element.
func matchOne(p string, c byte, fold bool) (n int, ok bool) {
	switch {
	case p[0] == '?':
		return 1, true
	case p[0] == '[':
		return matchClass(p, c, fold)
	case p[0] == '\\' && len(p) > 1:
		return 2, same(p[1], c, fold)
	}
	return 1, same(p[0], c, fold)
}

// matchClass matches one byte against a class. A class without its closing
// bracket ends with the pattern.
func matchClass(p string, c byte, fold bool) (n int, ok bool) {
	i := 1
	not := i < len(p) && p[i] == '^'
	if not {
		i++
	}
	for ; i < len(p) && p[i] != ']'; i++ {
		switch {
		case p[i] == '\\' && i+1 < len(p):
			i++
			ok = ok || same(p[i], c, fold)
		case i+2 < len(p) && p[i+1] == '-':
			lo, hi := lower(p[i], fold), lower(p[i+2], fold)
			if lo > hi {
				lo, hi = hi, lo
			}
			ok = ok || (lo <= lower(c, fold) && lower(c, fold) <= hi)
			i += 2
		default:
			ok = ok || same(p[i], c, fold)
		}
	}
	return min(i+1, len(p)), ok != not
}

func same(a, b byte, fold bool) bool { return lower(a, fold) == lower(b, fold) }

func lower(c byte, fold bool) byte {
	if fold && 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
