package kill

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"
)

// A keyspace is what the keys of a group hold. It is a value: whoever changes
// one makes another, which shares what has not changed.
//
// Invariant: entries are sorted by key, and hash is the sum of their hashes.
type keyspace struct {
	entries []entry
	hash    uint64
}

type entry struct {
	key string
	*value
}

// A value is a string (in text) or a collection. The items of a list stand in
// its order, those of others in that of their names. It is never changed.
//
// Invariant: hash is the sum of the hashes of text, deadline and all items.
// Lists with the same items in another order have the same one.
type value struct {
	text     string
	items    []item
	deadline int64 // ms since 1970; 0: none
	hash     uint64
}

// An item is an element, a member, a member with its score, or a field with
// its value.
type item struct{ name, value string }

var hashSeed = maphash.MakeSeed()

func hashOf(x any) uint64 { return maphash.Comparable(hashSeed, x) }

func (e entry) sum() uint64 { return hashOf([2]any{e.key, e.value.hash}) }

// find returns the value of key, nil if there is none.
func (k keyspace) find(key string) *value {
	if i, ok := k.search(key); ok {
		return k.entries[i].value
	}
	return nil
}

func (k keyspace) search(key string) (i int, ok bool) {
	return slices.BinarySearchFunc(k.entries, key, func(e entry, key string) int { return cmp.Compare(e.key, key) })
}

// with returns k with another value of key; nil, or an empty collection: without.
func (k keyspace) with(key string, v *value) keyspace {
	i, there := k.search(key)
	entries := slices.Clone(k.entries)
	if there {
		k.hash -= entries[i].sum()
		entries = slices.Delete(entries, i, i+1)
	}
	if v != nil {
		e := entry{key, v}
		k.hash += e.sum()
		entries = slices.Insert(entries, i, e)
	}
	k.entries = entries
	return k
}

func (k keyspace) equal(o keyspace) bool {
	return k.hash == o.hash && slices.EqualFunc(k.entries, o.entries, func(a, b entry) bool {
		return a.key == b.key && a.value.equal(b.value)
	})
}

func (v *value) equal(o *value) bool {
	return v == o || v.hash == o.hash && v.text == o.text && v.deadline == o.deadline && slices.Equal(v.items, o.items)
}

// difference names a key that k and other do not agree on, "" if there is none.
func (k keyspace) difference(other keyspace) string {
	for _, e := range k.entries {
		o := other.find(e.key)
		if o == nil {
			return e.key + " is missing, should be " + e.value.String()
		}
		if !o.equal(e.value) {
			return e.key + " is " + o.String() + ", should be " + e.value.String()
		}
	}
	for _, e := range other.entries {
		if k.find(e.key) == nil {
			return e.key + " is " + e.value.String() + ", should not be there"
		}
	}
	return ""
}

// texted returns a string.
func texted(text string, deadline int64) *value {
	return &value{text: text, deadline: deadline, hash: hashOf(text) + hashOf(deadline)}
}

// holding returns a collection of items, sorted as they should be.
func holding(items []item, deadline int64) *value {
	v := &value{items: items, deadline: deadline, hash: hashOf("") + hashOf(deadline)}
	for _, x := range items {
		v.hash += hashOf(x)
	}
	return v
}

// expiring returns v with another deadline.
func (v *value) expiring(deadline int64) *value {
	c := *v
	c.hash += hashOf(deadline) - hashOf(v.deadline)
	c.deadline = deadline
	return &c
}

// length is the number of items, of no value as well.
func (v *value) length() int {
	if v == nil {
		return 0
	}
	return len(v.items)
}

// inserted returns v, which may be nil, with an item more at i.
func (v *value) inserted(i int, x item) *value {
	if v == nil {
		return holding([]item{x}, 0)
	}
	c := *v
	c.items = make([]item, 0, len(v.items)+1)
	c.items = append(append(append(c.items, v.items[:i]...), x), v.items[i:]...)
	c.hash += hashOf(x)
	return &c
}

// removed returns v without its items from i to j, nil if that were all.
func (v *value) removed(i, j int) *value {
	if j-i == len(v.items) {
		return nil
	}
	c := *v
	c.items = slices.Concat(v.items[:i], v.items[j:])
	for _, x := range v.items[i:j] {
		c.hash -= hashOf(x)
	}
	return &c
}

// named returns where the item of that name is, or would be; not for lists.
func (v *value) named(name string) (i int, ok bool) {
	if v == nil {
		return 0, false
	}
	return slices.BinarySearchFunc(v.items, name, func(x item, name string) int { return cmp.Compare(x.name, name) })
}

// put returns v, which may be nil, with an item in the place of the one of its
// name, and whether there was none.
func (v *value) put(x item) (_ *value, added bool) {
	i, there := v.named(x.name)
	if !there {
		return v.inserted(i, x), true
	}
	c := *v
	c.items = slices.Clone(v.items)
	c.items[i] = x
	c.hash += hashOf(x) - hashOf(v.items[i])
	return &c, false
}

// String is for messages: long values are cut.
func (v *value) String() string {
	if v == nil {
		return "nothing"
	}
	var b strings.Builder
	if b.WriteString(v.text); len(v.items) > 0 {
		b.WriteString("[")
		for _, x := range v.items {
			if b.WriteString(" " + x.name); x.value != "" {
				b.WriteString("=" + x.value)
			}
		}
		b.WriteString(" ]")
	}
	text := b.String()
	if len(text) > 200 {
		text = text[:200] + "…"
	}
	if v.deadline != 0 {
		text += " until " + clockTime(v.deadline)
	}
	return text
}
