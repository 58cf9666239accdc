package command

import (
	"fmt"
	"slices"
	"strings"
)

// Access says what a command does to a key: how it treats the key's value as a
// whole, and what it does with the data in it. ACL rules, lock sets and the key
// specifications of COMMAND follow from it.
type Access uint16

// How the key is treated: at most one of them.
const (
	AccessRO Access = 1 << iota // not changed
	AccessRW                    // changed, and what it holds may matter
	AccessOW                    // replaced, whatever it held
	AccessRM                    // removed, whatever it held

	// What is done with the data of the user. A command that only looks at
	// type, length or time to live of a key does none of these.
	AccessRead   // returned, copied, or deducible from the reply
	AccessUpdate // changed or replaced
	AccessInsert // added; nothing that is there is changed or removed
	AccessDelete // removed; nothing is added or changed

	// More.
	AccessNotKey     // a name of something else that lives in a slot: a shard channel
	AccessIncomplete // the specification may miss keys
	AccessVariable   // the access depends on the arguments
	AccessUnknown    // a pattern from which names of keys are made while the command runs
)

const accessClass = AccessRO | AccessRW | AccessOW | AccessRM

// accessWords are the words of COMMAND for the bits of Access.
var accessWords = [...]string{
	"RO", "RW", "OW", "RM", "access", "update", "insert", "delete",
	"not_key", "incomplete", "variable_flags",
}

// syntaxWords are the words of usage lines.
var syntaxWords = [...]struct {
	word   string
	access Access
}{
	{"read", AccessRead}, // and AccessRO, unless another word says otherwise
	{"test", AccessRO},
	{"update", AccessRW | AccessUpdate},
	{"insert", AccessRW | AccessInsert},
	{"delete", AccessRW | AccessDelete},
	{"overwrite", AccessOW | AccessUpdate},
	{"create", AccessOW | AccessInsert},
	{"remove", AccessRM | AccessDelete},
	{"rewrite", AccessRW},
	{"channel", AccessNotKey},
	{"incomplete", AccessIncomplete},
	{"variable", AccessVariable},
	{"unknown", AccessUnknown},
}

// ParseAccess parses the access of a key as usage lines give it: words joined
// by +.
//
//	read       the data is returned or copied
//	test       only type, length, existence or time to live is looked at
//	update     data is changed
//	insert     data is added to what is there
//	delete     part of the data, or what was read, is removed
//	overwrite  the value is replaced
//	create     the value is made where none was
//	remove     the key is deleted, whatever it holds
//	rewrite    stored anew without a change of the data
//	channel    not a key but a shard channel
//	incomplete, variable, unknown: see Access
func ParseAccess(words string) (Access, error) {
	var a Access
words:
	for word := range strings.SplitSeq(words, "+") {
		for _, w := range syntaxWords {
			if w.word == word {
				a |= w.access
				continue words
			}
		}
		return 0, fmt.Errorf("unknown access %q", word)
	}
	class := a & accessClass
	if class&(class-1) != 0 {
		return 0, fmt.Errorf("access %q contradicts itself", words)
	}
	if class == 0 && a&AccessNotKey == 0 {
		a |= AccessRO
	}
	return a, nil
}

// syntax returns words from which ParseAccess makes a.
func (a Access) syntax() string {
	var words []string
	left := a
	for _, w := range syntaxWords {
		if w.access&^a == 0 && w.access&left&^accessClass != 0 {
			words = append(words, w.word)
			left &^= w.access
		}
	}
	switch {
	case left&AccessRO != 0 && a&AccessRead == 0:
		words = append(words, "test")
	case left&AccessRW != 0 && a&(AccessUpdate|AccessInsert|AccessDelete) == 0:
		words = append(words, "rewrite")
	}
	return strings.Join(words, "+")
}

// defaultAccess is the access of a {key} that says no more.
func defaultAccess(f Flags) Access {
	switch {
	case f&Write != 0:
		return AccessRW | AccessUpdate
	case f&PubSub != 0:
		return AccessNotKey
	case f&Read != 0:
		return AccessRO | AccessRead
	}
	return AccessRO
}

// Names returns the words of COMMAND for a, in its order.
func (a Access) Names() []string {
	names := []string{}
	for i, name := range accessWords {
		if a&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// Writes reports whether the key may be changed: whether a lock on it must be
// exclusive.
func (a Access) Writes() bool { return a&(AccessRW|AccessOW|AccessRM) != 0 }

// NeedsRead reports whether a user needs the right to read the key.
func (a Access) NeedsRead() bool { return a&AccessRead != 0 }

// NeedsWrite reports whether a user needs the right to write the key.
func (a Access) NeedsWrite() bool {
	return a&(AccessUpdate|AccessInsert|AccessDelete) != 0
}

// A Key is a key among the arguments of a call.
type Key struct {
	Index  int // into the arguments
	Access Access
}

// A KeySpec says where some of a command's keys are: where they begin, and how
// to find them from there. It is a key specification of COMMAND. Indexes
// count the command's name as 0.
type KeySpec struct {
	Access Access
	Notes  string

	// The keys begin at Index; or after the first Keyword at or after From,
	// or the last one at or before it if From is negative, counted from the
	// end. With neither, the place is unknown.
	Index   int
	Keyword string
	From    int

	// Without Count, the keys are at steps of Step from the beginning to
	// Last, relative to the beginning, or if negative to the end: -1 is the
	// last argument. Limit n leaves all but the first nth of them out.
	// A Step of 0 says that it is unknown.
	Last, Step, Limit int

	// With Count, the number of keys stands CountIndex after the beginning,
	// the first key First after it, the others at steps of Step.
	Count             bool
	CountIndex, First int

	absent bool // there may be none of these keys
	blank  bool // an empty argument stands in for a key
}

// String returns s in one line: "RO,access: index 1, range 0 1 0".
func (s KeySpec) String() string {
	begin, find := "unknown", "unknown"
	switch {
	case s.Index != 0:
		begin = fmt.Sprintf("index %d", s.Index)
	case s.Keyword != "":
		begin = fmt.Sprintf("keyword %s %d", s.Keyword, s.From)
	}
	switch {
	case s.Step <= 0:
	case s.Count:
		find = fmt.Sprintf("keynum %d %d %d", s.CountIndex, s.First, s.Step)
	default:
		find = fmt.Sprintf("range %d %d %d", s.Last, s.Step, s.Limit)
	}
	return strings.Join(s.Access.Names(), ",") + ": " + begin + ", " + find
}

// plain reports whether s is a range at a fixed place.
func (s *KeySpec) plain() bool { return s.Index > 0 && !s.Count && s.Step > 0 }

// unknown reports whether s only says that there are keys.
func (s *KeySpec) unknown() bool { return s.Index == 0 && s.Keyword == "" }

// legacy returns first, last and step key as COMMAND gives them, and whether
// they leave something out: whether the command has movable keys.
func legacy(specs []KeySpec) (first, last, step int, movable bool) {
	if len(specs) == 1 && specs[0].plain() {
		s := &specs[0]
		return s.Index, s.last(), s.Step, s.Access&AccessIncomplete != 0
	}
	for i := range specs {
		s := &specs[i]
		if !s.plain() || s.Step != 1 || first > 0 && (last < 0 || s.Index != last+1) {
			movable = true
			continue
		}
		if s.Access&AccessIncomplete != 0 {
			movable = true
		}
		if first == 0 {
			first, step = s.Index, 1
		}
		last = s.last()
	}
	return first, last, step, movable
}

// last returns the place of the last key of a plain range, from the front if
// not negative.
func (s *KeySpec) last() int {
	if s.Last >= 0 {
		return s.Index + s.Last
	}
	return s.Last
}

// Keys appends the keys among args, a call of c with the command's name (and
// the sub-command's) first, to keys. It reports false if args do not have the
// form of the command's keys: numkeys is no number or too great, or a keyword
// is missing. What it has found by then is not complete, but within args.
//
// A pattern from which the command makes names of keys while it runs has
// AccessUnknown. It stands for keys that nobody knows beforehand. Shard
// channels have AccessNotKey.
//
// Keys does not allocate if keys has room. It needs a command of a Table.
func (c *Command) Keys(args [][]byte, keys []Key) (found []Key, ok bool) {
	f := &c.keys
	switch f.kind {
	case findNone:
		return keys, true
	case findOne:
		if f.first >= len(args) {
			return keys, false
		}
		return append(keys, Key{f.first, f.access}), true
	case findRange:
		return f.appendRange(args, keys)
	case findSpecs:
		return f.appendSpecs(args, keys)
	}
	return c.FindKeys(args, keys)
}

// OneKey returns the index of the only key of any call of c, as of most
// commands; 0 if the arguments decide how many keys there are, or where.
func (c *Command) OneKey() int { return c.keys.one }

// HasKeys reports whether the command can have keys at all.
func (c *Command) HasKeys() bool { return c.keys.kind != findNone }

// SetKeys is the FindKeys of SET: with the option GET it reads its key too.
func SetKeys(args [][]byte, keys []Key) (found []Key, ok bool) {
	if len(args) < 2 {
		return keys, false
	}
	access := AccessOW | AccessUpdate
	for i := 3; i < len(args); i++ {
		if EqualFold(args[i], "GET") {
			access = AccessRW | AccessRead | AccessUpdate
			break
		}
	}
	return append(keys, Key{1, access}), true
}

// BitfieldKeys is the FindKeys of BITFIELD: with nothing but GETs, and what says
// how later changes overflow, it only reads.
func BitfieldKeys(args [][]byte, keys []Key) (found []Key, ok bool) {
	if len(args) < 2 {
		return keys, false
	}
	access := AccessRO | AccessRead
	for rest := args[2:]; len(rest) > 0; {
		switch {
		case EqualFold(rest[0], "GET") && len(rest) > 2:
			rest = rest[3:]
		case EqualFold(rest[0], "OVERFLOW") && len(rest) > 1:
			rest = rest[2:]
		default:
			access, rest = AccessRW|AccessRead|AccessUpdate, nil
		}
	}
	return append(keys, Key{1, access}), true
}

// A finder is what Keys makes of key specifications.
type finder struct {
	kind              findKind
	access            Access
	first, last, step int // of findOne and findRange
	one               int // the place of the only key, 0 if it is not known before the call
	specs             []KeySpec
	options           options // where keys are among options, instead of a keyword spec
}

type findKind uint8

const (
	findNone findKind = iota
	findOne
	findRange
	findSpecs
	findFunc
)

func newFinder(c *Command, opts options) finder {
	f := finder{specs: c.Specs, options: opts}
	if len(c.Specs) == 1 && len(opts.words) == 0 {
		s := &c.Specs[0]
		if s.plain() && s.last() == s.Index && !s.absent && s.Access&(AccessUnknown|AccessNotKey|AccessIncomplete) == 0 {
			f.one = s.Index
		}
	}
	switch {
	case c.FindKeys != nil:
		f.kind = findFunc
	case len(c.Specs) == 0:
		f.kind = findNone
	case len(c.Specs) > 1 || !c.Specs[0].plain() || c.Specs[0].Limit > 1 || c.Specs[0].absent || len(opts.words) > 0:
		f.kind = findSpecs
	default:
		s := &c.Specs[0]
		f.kind, f.access = findRange, s.Access&^(AccessIncomplete|AccessVariable)
		f.first, f.last, f.step = s.Index, s.last(), s.Step
		if f.first == f.last {
			f.kind = findOne
		}
	}
	return f
}

func (f *finder) appendRange(args [][]byte, keys []Key) ([]Key, bool) {
	last := f.last
	if last < 0 {
		last += len(args)
	}
	if last < f.first || last >= len(args) {
		return keys, false
	}
	keys = slices.Grow(keys, (last-f.first)/f.step+1)
	for i := f.first; i <= last; i += f.step {
		keys = append(keys, Key{i, f.access})
	}
	return keys, true
}

func (f *finder) appendSpecs(args [][]byte, keys []Key) ([]Key, bool) {
	all := true
	for i := range f.specs {
		s := &f.specs[i]
		if s.unknown() || s.Keyword != "" && len(f.options.words) > 0 {
			continue // left to the options
		}
		var ok bool
		keys, ok = s.append(args, keys)
		all = all && ok
	}
	if len(f.options.words) > 0 {
		keys = f.options.append(args, keys)
	}
	return keys, all
}

// append appends the keys that s finds.
func (s *KeySpec) append(args [][]byte, keys []Key) ([]Key, bool) {
	if s.Step <= 0 {
		return keys, true
	}
	begin := s.Index
	if s.Keyword != "" {
		begin = s.find(args)
	}
	if begin <= 0 || begin >= len(args) {
		return keys, s.absent
	}
	first, last := begin, begin+s.Last
	switch {
	case s.Count:
		at := begin + s.CountIndex
		if at >= len(args) {
			return keys, false
		}
		n, ok := smallInt(args[at])
		if !ok || n > len(args) {
			return keys, false
		}
		first = begin + s.First
		last = first + (n-1)*s.Step
	case s.Limit > 1:
		last = first + (len(args)-first)/s.Limit + s.Last
	case s.Last < 0:
		last = len(args) + s.Last
	}
	if last >= len(args) {
		return keys, false
	}
	for i := first; i <= last; i += s.Step {
		if !s.blank || len(args[i]) > 0 {
			keys = append(keys, Key{i, s.Access &^ (AccessIncomplete | AccessVariable)})
		}
	}
	return keys, last >= first || s.absent
}

// find returns the index after the keyword, 0 if it is not there.
func (s *KeySpec) find(args [][]byte) int {
	if s.From > 0 {
		for i := s.From; i < len(args)-1; i++ {
			if EqualFold(args[i], s.Keyword) {
				return i + 1
			}
		}
		return 0
	}
	for i := len(args) + s.From; i > 0; i-- {
		if EqualFold(args[i], s.Keyword) {
			return i + 1
		}
	}
	return 0
}

// smallInt parses a plain number from 0 to 999 999 999, as strictly as Redis
// parses integers: no sign, no space, no leading zero.
func smallInt(b []byte) (n int, ok bool) {
	if len(b) == 0 || len(b) > 9 || b[0] == '0' && len(b) > 1 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// options finds keys among options in any order, [BY pattern] [STORE key],
// where a search for the keyword could take a value for it.
type options struct {
	from  int // index of the first argument that may be an option
	words []option
}

// An option is a word and what follows it.
type option struct {
	word   string
	length int   // arguments after the word
	keys   []Key // with indexes relative to the word
}

func (o *options) append(args [][]byte, keys []Key) []Key {
scan:
	for i := o.from; i < len(args); i++ {
		for w := range o.words {
			opt := &o.words[w]
			if !EqualFold(args[i], opt.word) {
				continue
			}
			for _, k := range opt.keys {
				at := i + k.Index
				if at < len(args) && (k.Access&AccessUnknown == 0 || isPattern(args[at])) {
					keys = append(keys, Key{at, k.Access})
				}
			}
			i += opt.length
			continue scan
		}
	}
	return keys
}

// isPattern reports whether pattern, of SORT's BY or GET, leads to keys.
func isPattern(pattern []byte) bool {
	for _, c := range pattern {
		if c == '*' {
			return true
		}
	}
	return false
}
