package wire

import (
	"fmt"
	"strings"
)

// ParseArgs sets the directives in the arguments of a program: --name value, as
// for redis-server, or --name=value. A directive of several words takes all up
// to the next that begins with two dashes. --config names a redis.conf, which
// is read before everything else is set. The arguments that belong to no
// directive are returned.
func (c *Config) ParseArgs(args []string) (rest []string, err error) {
	type setting struct {
		flag, name string
		words      []string
	}
	var settings []setting
	for i := 0; i < len(args); {
		flag := args[i]
		i++
		if !strings.HasPrefix(flag, "-") || flag == "-" {
			rest = append(rest, flag)
			continue
		}
		name, value, joined := strings.Cut(strings.TrimLeft(flag, "-"), "=")
		d := findDirective(name)
		if d == nil && name != "config" {
			return rest, fmt.Errorf("unknown flag %s", flag)
		}
		s := setting{flag: flag, name: name, words: []string{value}}
		if !joined {
			n := countWords(d, args[i:])
			if n == 0 {
				return rest, fmt.Errorf("flag %s needs a value", flag)
			}
			s.words = args[i : i+n]
			i += n
		}
		if name == "config" {
			if err := c.ReadFile(s.words[0]); err != nil {
				return rest, err
			}
			continue
		}
		settings = append(settings, s)
	}
	for _, s := range settings {
		c.forget(s.name)
	}
	for _, s := range settings {
		if err := c.Set(s.name, s.words...); err != nil {
			return rest, fmt.Errorf("flag %s: %w", s.flag, err)
		}
	}
	return rest, nil
}

// countWords returns how many of args are the value of d.
func countWords(d *directive, args []string) int {
	if d == nil || !d.kind.many {
		return min(1, len(args))
	}
	n := 0
	for n < len(args) && !strings.HasPrefix(args[n], "--") {
		n++
	}
	return n
}

// forget makes a directive as if it had not been set.
func (c *Config) forget(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.values, findDirective(name))
}
