package persisttest

import (
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"redstart/persist/internal/disk"
)

// A media is what a disk holds for sure, and what it has been told since: what
// it may hold after a loss of power.
//
// A write is durable when its file was synced after it; until then it may be
// there, or not, or some of its sectors, whatever became of the writes before
// it. A name that was given or taken away is durable when its directory was
// synced; until then it may be as before. A sync that fails decides nothing, and
// what it should have made durable stays undecided: the kernel calls those
// pages clean and does not write them again.
type media struct {
	names  map[string]*inode // that are durable
	recent []naming          // since the directory was synced
	opened map[string]*inode // by the name it was opened by, which it may have lost

	asked bool // somebody has asked for the disk since the file was opened
}

// A naming gives a file a name, takes one away, or both.
type naming struct {
	file         *inode
	gone, gained string
}

// An inode is a file, whatever its name.
type inode struct {
	base   []byte  // durable
	writes []write // that came after it
}

// A write is one, or with nil data sets the file's size to off.
type write struct {
	off    int64
	data   []byte
	synced bool
	failed bool // a sync of it has failed
}

const sectorSize = 512

func newMedia() *media {
	return &media{names: map[string]*inode{}, opened: map[string]*inode{}}
}

// clone returns a media that goes its own way.
func (m *media) clone() *media {
	copies := map[*inode]*inode{nil: nil}
	of := func(f *inode) *inode {
		if f != nil && copies[f] == nil {
			copies[f] = &inode{base: slices.Clone(f.base), writes: slices.Clone(f.writes)}
		}
		return copies[f]
	}
	c := newMedia()
	for name, f := range m.names {
		c.names[name] = of(f)
	}
	for name, f := range m.opened {
		c.opened[name] = of(f)
	}
	for _, n := range m.recent {
		n.file = of(n.file)
		c.recent = append(c.recent, n)
	}
	c.asked = m.asked
	return c
}

// seen returns the names as programs see them.
func (m *media) seen() map[string]*inode {
	names := maps.Clone(m.names)
	for _, n := range m.recent {
		n.apply(names)
	}
	return names
}

func (n *naming) apply(names map[string]*inode) {
	delete(names, n.gone)
	if n.gained != "" {
		names[n.gained] = n.file
	}
}

// apply does what an event says has happened.
func (m *media) apply(e *event) {
	name := filepath.Base(e.Path)
	switch e.Op {
	case disk.Open:
		if e.failed {
			return
		}
		f := m.seen()[name]
		if f == nil {
			f = new(inode)
			m.recent = append(m.recent, naming{file: f, gained: name})
		}
		m.opened[name] = f
	case disk.Write:
		m.opened[name].write(write{off: e.Offset, data: e.Data})
	case disk.Truncate:
		m.opened[name].write(write{off: e.Offset})
	case disk.Sync:
		m.opened[name].sync(e.failed)
	case disk.Rename:
		if f := m.seen()[name]; f != nil && !e.failed {
			m.recent = append(m.recent, naming{file: f, gone: name, gained: filepath.Base(e.To)})
		}
	case disk.Remove:
		if !e.failed {
			m.recent = append(m.recent, naming{gone: name})
		}
	case disk.SyncDir:
		if !e.failed {
			m.names, m.recent = m.seen(), nil
		}
	}
}

func (f *inode) write(w write) { f.writes = append(f.writes, w) }

// sync makes what was written durable.
func (f *inode) sync(failed bool) {
	for i := range f.writes {
		w := &f.writes[i]
		w.failed = w.failed || failed && !w.synced
		w.synced = w.synced || !w.failed
	}
	for len(f.writes) > 0 && f.writes[0].synced {
		f.base = f.writes[0].apply(f.base)
		f.writes = f.writes[1:]
	}
}

// apply does the write to content.
func (w *write) apply(content []byte) []byte {
	end := int(w.off) + len(w.data)
	switch {
	case w.data == nil && end < len(content):
		return content[:end]
	case end > len(content):
		content = append(content, make([]byte, end-len(content))...)
	}
	copy(content[w.off:], w.data)
	return content
}

// decided reports whether nothing is up to chance.
func (m *media) decided() bool {
	for _, f := range m.seen() {
		for i := range f.writes {
			if !f.writes[i].synced {
				return false
			}
		}
	}
	return len(m.recent) == 0
}

// A fate decides what becomes of what is not durable.
type fate uint8

const (
	keepAll  fate = iota // as programs saw it: what a process leaves that dies
	keepNone             // as if nobody had ever written
	keepSome             // each write, and each name, by itself
	keepTorn             // each sector of each write by itself
	keepHead             // all up to some write, and of that one its first sectors
	fates
)

func (f fate) String() string { return [...]string{"all", "none", "some", "torn", "head"}[f] }

// lose returns what is on the disk after a loss of power, by name.
func (m *media) lose(how fate, r *rand.Rand) map[string][]byte {
	names := maps.Clone(m.names)
	for _, n := range m.recent {
		if how == keepAll || how != keepNone && r.IntN(2) == 0 {
			n.apply(names)
		}
	}
	files := map[string][]byte{}
	contents := map[*inode][]byte{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		f := names[name]
		if _, ok := contents[f]; !ok {
			contents[f] = f.lose(how, r)
		}
		files[name] = contents[f]
	}
	return files
}

// lose returns the content after a loss of power.
func (f *inode) lose(how fate, r *rand.Rand) []byte {
	content := slices.Clone(f.base)
	head := 0
	if how == keepHead {
		head = r.IntN(len(f.writes) + 1)
	}
	for i := range f.writes {
		w := &f.writes[i]
		switch {
		case w.synced || how == keepAll || how == keepHead && i < head:
			content = w.apply(content)
		case how == keepNone || how == keepHead && i > head:
		case how == keepHead:
			part := write{off: w.off, data: w.data[:min(len(w.data), sectorSize*r.IntN(len(w.data)/sectorSize+1))]}
			if len(part.data) > 0 {
				content = part.apply(content)
			}
		case how == keepSome || w.data == nil:
			if r.IntN(2) == 0 {
				content = w.apply(content)
			}
		default:
			content = w.tear(content, r)
		}
	}
	return content
}

// tear does some sectors of the write.
func (w *write) tear(content []byte, r *rand.Rand) []byte {
	for from := 0; from < len(w.data); {
		to := min(len(w.data), from+sectorSize-int(w.off+int64(from))%sectorSize)
		if r.IntN(2) == 0 {
			part := write{off: w.off + int64(from), data: w.data[from:to]}
			content = part.apply(content)
		}
		from = to
	}
	return content
}

// loaded returns the media of a disk that holds files and nothing else.
func loaded(files map[string][]byte) *media {
	m := newMedia()
	for name, content := range files {
		m.names[name] = &inode{base: slices.Clone(content)}
	}
	return m
}

// lay puts files, and nothing else, into dir.
func lay(dir string, files map[string][]byte) error {
	old, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range old {
		if _, ok := files[e.Name()]; !ok {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	for name, content := range files {
		if err := layFile(filepath.Join(dir, name), content); err != nil {
			return err
		}
	}
	return nil
}

// layFile is os.WriteFile over memory that the file has already: that is
// quicker than to give it back and get it again.
func layFile(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteAt(content, 0); err != nil {
		return err
	}
	return f.Truncate(int64(len(content)))
}
