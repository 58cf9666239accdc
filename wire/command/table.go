package command

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"strings"
)

// A Table holds the commands of a server. It is built once and not changed
// afterwards; any number of goroutines may use it.
type Table struct {
	commands []Command
	index    index
}

// NewTable completes a copy of commands and makes it a table. It fails if a
// name is there twice or a declaration does not hold together.
func NewTable(commands []Command) (*Table, error) {
	t := &Table{commands: append([]Command(nil), commands...)}
	if err := completeAll(t.commands, nil); err != nil {
		return nil, err
	}
	var err error
	t.index, err = newIndex(t.commands)
	return t, err
}

// completeAll completes commands in place, and their sub-commands.
func completeAll(commands []Command, parent *Command) error {
	for i := range commands {
		c := &commands[i]
		c.parent = parent
		c.full = strings.ToLower(c.Name)
		if parent != nil {
			c.full = parent.full + "|" + c.full
		}
		if c.Name == "" || c.Name != strings.ToUpper(c.Name) {
			return fmt.Errorf("command %q: the name must be in capitals", c.Name)
		}
		if err := c.complete(); err != nil {
			return fmt.Errorf("command %s: %w", c.full, err)
		}
		c.Sub = append([]Command(nil), c.Sub...)
		if parent != nil && len(c.Sub) > 0 {
			return fmt.Errorf("command %s: sub-commands of a sub-command", c.full)
		}
		if err := completeAll(c.Sub, c); err != nil {
			return err
		}
		var err error
		if c.subs, err = newIndex(c.Sub); err != nil {
			return err
		}
	}
	return nil
}

// Len returns the number of commands, without sub-commands.
func (t *Table) Len() int { return len(t.commands) }

// All yields the commands in the order in which they were declared, without
// sub-commands.
func (t *Table) All() iter.Seq[*Command] {
	return func(yield func(*Command) bool) {
		for i := range t.commands {
			if !yield(&t.commands[i]) {
				return
			}
		}
	}
}

// Every yields all commands, each container before its sub-commands.
func (t *Table) Every() iter.Seq[*Command] {
	return func(yield func(*Command) bool) {
		for i := range t.commands {
			c := &t.commands[i]
			if !yield(c) {
				return
			}
			for j := range c.Sub {
				if !yield(&c.Sub[j]) {
					return
				}
			}
		}
	}
}

// Lookup returns the command called name, in any case; nil if there is none.
// It does not allocate.
func (t *Table) Lookup(name []byte) *Command { return t.index.lookup(name) }

// Subcommand returns the sub-command of c called name, in any case; nil if
// there is none.
func (c *Command) Subcommand(name []byte) *Command { return c.subs.lookup(name) }

// Named returns the command with the full name, such as get, config or
// config|set, in any case; nil if there is none.
func (t *Table) Named(full string) *Command {
	name, sub, found := strings.Cut(full, "|")
	c := t.Lookup([]byte(name))
	if c == nil || !found {
		return c
	}
	return c.Subcommand([]byte(sub))
}

// Find returns the command that args call: args[0] names it, args[1] its
// sub-command if it has any. The error is an Error, as Redis words it, if there is no such
// command or the number of arguments does not suit it. In the latter case the
// command is returned as well. Find allocates only for an error. args must
// not be empty.
func (t *Table) Find(args [][]byte) (*Command, error) {
	c := t.Resolve(args)
	if c == nil {
		return nil, t.unknown(args)
	}
	if !c.AritySuits(len(args)) {
		return c, c.ArityError()
	}
	return c, nil
}

// Resolve is like Find, but does not look at the number of arguments and
// returns nil for an unknown command. A container alone is itself.
func (t *Table) Resolve(args [][]byte) *Command {
	c := t.index.lookup(args[0])
	if c != nil && len(c.Sub) > 0 && len(args) > 1 {
		return c.subs.lookup(args[1])
	}
	return c
}

// ArityError is the error of a call of c with a number of arguments that does
// not suit it.
func (c *Command) ArityError() Error {
	return Error("ERR wrong number of arguments for '" + c.full + "' command")
}

// unknown is the error of a call that resolves to nothing.
func (t *Table) unknown(args [][]byte) Error {
	name := clip(args[0], 128)
	if c := t.index.lookup(args[0]); c != nil {
		return c.UnknownSubcommand(args[1])
	}
	var b strings.Builder
	fmt.Fprintf(&b, "ERR unknown command '%s', with args beginning with: ", name)
	const most = 128
	for used, i := 0, 1; i < len(args) && used < most; i++ {
		arg := clip(args[i], most-used)
		b.WriteString("'" + arg + "' ")
		used += len(arg) + 3
	}
	return Error(line(b.String()))
}

// UnknownSubcommand is the error of a call of c with a sub-command it does not
// have.
func (c *Command) UnknownSubcommand(name []byte) Error {
	return Error(line(fmt.Sprintf("ERR unknown subcommand '%s'. Try %s HELP.", clip(name, 128), c.Name)))
}

// clip returns b up to n bytes or a NUL byte, where C ends a string.
func clip(b []byte, n int) string {
	s := string(b[:min(len(b), n)])
	s, _, _ = strings.Cut(s, "\x00")
	return s
}

// line returns s with the ends of lines made spaces: an error is one line.
func line(s string) string {
	return strings.NewReplacer("\r", " ", "\n", " ").Replace(s)
}

// An index finds commands by name in any case. It is a hash table without
// collisions: the words of the name, with the bit set that tells small letters
// from capitals, are multiplied and mixed; newIndex looks for the multiplier
// that sends no two names to one slot. The price of a lookup is two loads of
// eight bytes, two multiplications and a comparison.
//
// Setting that bit also makes equal some bytes that are not letters, so the
// comparison sets it only where the name has a letter.
type index struct {
	slots []slot
	mul   uint64
	shift uint8
}

type slot struct {
	lo, hi         uint64 // the first and last eight bytes of the name, in small letters
	loMask, hiMask uint64 // 0x20 where they are letters
	length         int
	command        *Command
}

const small = 0x2020202020202020

// ends returns the first and last eight bytes of name, or a shorter name in
// pieces; with the length they tell names up to 16 bytes apart.
func ends(name []byte) (lo, hi uint64) {
	switch n := len(name); {
	case n >= 8:
		return binary.LittleEndian.Uint64(name), binary.LittleEndian.Uint64(name[n-8:])
	case n >= 4:
		return uint64(binary.LittleEndian.Uint32(name)), uint64(binary.LittleEndian.Uint32(name[n-4:]))
	case n > 0:
		return uint64(name[0]) | uint64(name[n/2])<<8, uint64(name[n-1])
	}
	return 0, 0
}

// hash mixes the ends of name, and what lies between them if that is not all.
func hash(name []byte, lo, hi, mul uint64) uint64 {
	h := (lo|small)*mul ^ (hi | small) + uint64(len(name))
	for i := 8; i < len(name)-8; i += 8 {
		h = h*mul ^ (binary.LittleEndian.Uint64(name[i:]) | small)
	}
	return h * mul
}

func newIndex(commands []Command) (index, error) {
	if len(commands) == 0 {
		return index{}, nil
	}
	seen := make(map[string]bool, len(commands))
	for i := range commands {
		if seen[commands[i].full] {
			return index{}, fmt.Errorf("command %s: declared twice", commands[i].full)
		}
		seen[commands[i].full] = true
	}
	bits := 1
	for 1<<bits < 4*len(commands) {
		bits++
	}
	for ; bits < 24; bits++ {
		x := index{slots: make([]slot, 1<<bits), shift: uint8(64 - bits), mul: 0x9E3779B97F4A7C15}
		for range 200 {
			if x.fill(commands) {
				return x, nil
			}
			clear(x.slots)
			x.mul = x.mul*6364136223846793005 + 1442695040888963407 | 1
		}
	}
	return index{}, errors.New("two names differ too little")
}

// fill puts commands into their slots. It reports false if two meet.
func (x *index) fill(commands []Command) bool {
	for i := range commands {
		c := &commands[i]
		name := []byte(c.Name)
		s := slot{length: len(name), command: c}
		s.lo, s.hi = ends(name)
		at := &x.slots[hash(name, s.lo, s.hi, x.mul)>>x.shift]
		if at.command != nil {
			return false
		}
		letters := make([]byte, len(name))
		for j, b := range name {
			if b >= 'A' && b <= 'Z' {
				letters[j] = 0x20
			}
		}
		s.loMask, s.hiMask = ends(letters)
		s.lo |= s.loMask
		s.hi |= s.hiMask
		*at = s
	}
	return true
}

func (x *index) lookup(name []byte) *Command {
	if len(x.slots) == 0 {
		return nil
	}
	lo, hi := ends(name)
	s := &x.slots[hash(name, lo, hi, x.mul)>>x.shift]
	if s.length != len(name) || lo|s.loMask != s.lo || hi|s.hiMask != s.hi || s.command == nil {
		return nil
	}
	if len(name) > 16 && !EqualFold(name, s.command.Name) {
		return nil
	}
	return s.command
}
