package types

import (
	"iter"
	"unsafe"
)

// A Memory tells what the bytes of tables are for. The parts do not overlap:
// together they are all the memory of the tables and of what is in them, within
// a few percent. What is shared with a clone counts in full on each side.
type Memory struct {
	Entries int // how many entries there are

	Keys        int // of up to 254 bytes
	Values      int // strings that lie beside their keys
	Headers     int // of the entries: lengths, and numbers of what lies elsewhere
	Outside     int // large strings and long keys, each in memory of its own
	Collections int // lists, sets, sorted sets and hashes, with what is in them
	Index       int // the slots by which entries are found
	Directories int // what leads to the slots, the pages and the collections
	Access      int // when the entries were used
	Deadlines   int // of the entries, and their index
	Slack       int // room in pages for entries to come, and what no entry fits
	Garbage     int // what entries that changed or went have left in pages
}

// All yields the parts with their names, in the order of the fields.
func (m Memory) All() iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		_ = yield("keys", m.Keys) && yield("values", m.Values) && yield("headers", m.Headers) &&
			yield("outside", m.Outside) && yield("collections", m.Collections) && yield("index", m.Index) &&
			yield("directories", m.Directories) && yield("access", m.Access) &&
			yield("deadlines", m.Deadlines) && yield("slack", m.Slack) && yield("garbage", m.Garbage)
	}
}

// Total returns the sum of the parts.
func (m Memory) Total() int { return m.Data() + m.Overhead() }

// Data returns what holds the data itself: keys, values and collections.
func (m Memory) Data() int { return m.Keys + m.Values + m.Outside + m.Collections }

// Overhead returns what there is besides.
func (m Memory) Overhead() int {
	return m.Headers + m.Index + m.Directories + m.Access + m.Deadlines + m.Slack + m.Garbage
}

// PerEntry returns how many of n bytes, a part or a sum of some, there are for
// each entry on the average; 0 if there are no entries.
func (m Memory) PerEntry(n int) float64 {
	if m.Entries == 0 {
		return 0
	}
	return float64(n) / float64(m.Entries)
}

// Add adds the parts of other to those of m.
func (m *Memory) Add(other Memory) {
	m.Entries += other.Entries
	m.Keys += other.Keys
	m.Values += other.Values
	m.Headers += other.Headers
	m.Outside += other.Outside
	m.Collections += other.Collections
	m.Index += other.Index
	m.Directories += other.Directories
	m.Access += other.Access
	m.Deadlines += other.Deadlines
	m.Slack += other.Slack
	m.Garbage += other.Garbage
}

// Memory returns what the memory of d is for. The times in entries that have a
// deadline count as Values: d does not know how many there are. It costs a look
// at each segment, of which there is one for some 300 entries.
func (d *Dict) Memory() Memory {
	if d == nil {
		return Memory{}
	}
	m := Memory{Entries: d.count, Keys: d.keys, Collections: d.extra, Outside: d.mem}
	m.Directories = int(unsafe.Sizeof(*d)) + len(d.dir)*8
	for i := 0; i < len(d.dir); {
		s := d.dir[i]
		s.addTo(&m)
		m.Outside -= s.size() // leaves what the segments do not have in them
		i += 1 << (d.depth - s.depth)
	}
	m.Values -= m.Keys
	return m
}

// addTo adds the parts of s to m, the keys to the Values.
func (s *segment) addTo(m *Memory) {
	room := len(s.pages)*pageSize + len(s.small)
	live := s.filled() - int(s.garbage) - int(s.lost)
	headers := headSize * int(s.count)
	index, access := groupsSize(len(s.groups)), 0
	if o := s.outer; o != nil {
		headers += stubValue*(o.objs.len()+o.bigs.len()) + stubKey*o.keys.len()
		access = cap(o.access) * 4
	}
	m.Headers += headers
	m.Values += live - headers
	m.Slack += room - s.filled() + int(s.lost)
	m.Garbage += int(s.garbage)
	m.Index += index
	m.Access += access
	m.Directories += s.size() - room - index - access
}
