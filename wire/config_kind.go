package wire

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"redstart/types"
)

// A kind is what the values of a directive can be. The errors are Redis's.
type kind struct {
	many bool // several words
	read func(words []string) (normal string, err error)
}

func oneWord(read func(string) (string, error)) *kind {
	return &kind{read: func(words []string) (string, error) { return read(words[0]) }}
}

var (
	text  = oneWord(func(s string) (string, error) { return s, nil })
	words = &kind{many: true, read: func(words []string) (string, error) { return strings.Join(words, " "), nil }}
	yesNo = oneWord(func(s string) (string, error) {
		if s = strings.ToLower(s); s != "yes" && s != "no" {
			return "", errors.New("argument must be 'yes' or 'no'")
		}
		return s, nil
	})
	octal = oneWord(func(s string) (string, error) {
		n, err := strconv.ParseUint(s, 8, 32)
		if err != nil || n > 0o1777 {
			return "", errors.New("argument couldn't be parsed as an octal number")
		}
		return strconv.FormatUint(n, 8), nil
	})
)

func oneOf(values ...string) *kind {
	return oneWord(func(s string) (string, error) {
		for _, v := range values {
			if strings.EqualFold(v, s) {
				return v, nil
			}
		}
		return "", errors.New("argument(s) must be one of the following: " + strings.Join(values, ", "))
	})
}

func integer(lo, hi int64) *kind {
	return oneWord(func(s string) (string, error) {
		n, ok := types.ParseInt([]byte(s))
		if !ok {
			return "", errors.New("argument couldn't be parsed into an integer")
		}
		return between(n, lo, hi)
	})
}

// memory is the kind of sizes in bytes, such as 64mb.
func memory(lo, hi int64) *kind {
	return oneWord(func(s string) (string, error) {
		n, ok := parseMemory(s)
		if !ok {
			return "", errors.New("argument must be a memory value")
		}
		return between(n, lo, hi)
	})
}

func between(n, lo, hi int64) (string, error) {
	if n < lo || n > hi {
		return "", fmt.Errorf("argument must be between %d and %d inclusive", lo, hi)
	}
	return strconv.FormatInt(n, 10), nil
}

// units are those of sizes: k is 1000, kb is 1024.
var units = map[string]int64{
	"": 1, "b": 1, "k": 1e3, "kb": 1 << 10, "m": 1e6, "mb": 1 << 20, "g": 1e9, "gb": 1 << 30,
}

// parseMemory reads a size such as 64mb.
func parseMemory(s string) (int64, bool) {
	digits := strings.TrimRight(s, "bBkKmMgG")
	unit, ok := units[strings.ToLower(s[len(digits):])]
	n, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || n < 0 || n > (1<<63-1)/unit {
		return 0, false
	}
	return n * unit, true
}

// savePoints is the kind of save: pairs of seconds and changes, or nothing.
var savePoints = &kind{many: true, read: func(words []string) (string, error) {
	if len(words) == 1 && words[0] == "" {
		words = nil
	}
	if len(words)%2 != 0 {
		return "", errors.New("Invalid save parameters")
	}
	for i, w := range words {
		n, ok := types.ParseInt([]byte(w))
		if !ok || n < 0 || i%2 == 0 && n < 1 {
			return "", errors.New("Invalid save parameters")
		}
	}
	return strings.Join(words, " "), nil
}}

// outputLimits is the kind of client-output-buffer-limit: for some classes of
// client, a hard and a soft limit in bytes, and for how many seconds the soft one
// may be exceeded.
var outputLimits = &kind{many: true, read: func(words []string) (string, error) {
	if len(words) == 0 || len(words)%4 != 0 {
		return "", errors.New("Wrong number of arguments in buffer limit configuration.")
	}
	normal := make([]string, len(words))
	for i := 0; i < len(words); i += 4 {
		class := strings.ToLower(words[i])
		if class == "replica" {
			class = "slave"
		}
		if class != "normal" && class != "slave" && class != "pubsub" {
			return "", errors.New("Invalid client class specified in buffer limit configuration.")
		}
		hard, ok1 := parseMemory(words[i+1])
		soft, ok2 := parseMemory(words[i+2])
		seconds, ok3 := types.ParseInt([]byte(words[i+3]))
		if !ok1 || !ok2 || !ok3 || seconds < 0 {
			return "", errors.New("Error in hard, soft or soft_seconds setting in buffer limit configuration.")
		}
		copy(normal[i:], []string{class, itoa(int(hard)), itoa(int(soft)), itoa(int(seconds))})
	}
	return strings.Join(normal, " "), nil
}}

// mergeOutputLimits puts the classes of value into those of old.
func mergeOutputLimits(old, value string) string {
	all, some := strings.Fields(old), strings.Fields(value)
	for i := 0; i < len(some); i += 4 {
		for j := 0; j < len(all); j += 4 {
			if all[j] == some[i] {
				copy(all[j:j+4], some[i:i+4])
			}
		}
	}
	return strings.Join(all, " ")
}

// An outputLimit is how much a client may have waiting for it.
type outputLimit struct {
	hard, soft int   // bytes; 0: any number
	seconds    int64 // for how long soft may be exceeded
}

// limitOfClass returns the limit of a class in a value of outputLimits.
func limitOfClass(value, class string) (l outputLimit) {
	f := strings.Fields(value)
	for i := 0; i+3 < len(f); i += 4 {
		if f[i] == class {
			l.hard, _ = strconv.Atoi(f[i+1])
			l.soft, _ = strconv.Atoi(f[i+2])
			l.seconds, _ = strconv.ParseInt(f[i+3], 10, 64)
		}
	}
	return l
}

func itoa(n int) string { return strconv.Itoa(n) }
