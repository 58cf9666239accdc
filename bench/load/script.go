package load

import "strconv"

// A Script holds encoded requests in batches: a batch is sent at once, on one
// connection, as a client does that pipelines.
type Script struct {
	depth   int
	batches [][]byte
}

// NewScript returns a script of n requests, rounded up to whole batches of
// depth. Each call of request appends the next request to b.
func NewScript(n, depth int, request func(b []byte) []byte) *Script {
	s := &Script{depth: depth}
	for ; n > 0; n -= depth {
		var b []byte
		for range depth {
			b = request(b)
		}
		s.batches = append(s.batches, b)
	}
	return s
}

// AppendRequest appends a request, encoded, to b.
func AppendRequest(b []byte, args ...string) []byte {
	b = append(b, '*')
	b = strconv.AppendInt(b, int64(len(args)), 10)
	b = append(b, "\r\n"...)
	for _, a := range args {
		b = append(b, '$')
		b = strconv.AppendInt(b, int64(len(a)), 10)
		b = append(b, "\r\n"...)
		b = append(b, a...)
		b = append(b, "\r\n"...)
	}
	return b
}
