package persist

import "bytes"

// searched is how far into a file ours looks.
const searched = 256 << 20

// ours reports whether a file that does not look like one of ours is one all
// the same, with its beginning or its root damaged: whether the record of the
// format version is anywhere in it. The owner of such a file must not be told to
// move it away.
func (p *preflight) ours() bool {
	record := len(formatKey) + 4 + 4
	buf := make([]byte, 1<<20+record)
	for at := int64(0); at < min(p.size, searched); at += 1 << 20 {
		n, _ := p.file.ReadAt(buf, at)
		for rest := buf[:n]; ; {
			i := bytes.Index(rest, formatKey)
			if i < 0 || len(rest)-i < record {
				break
			}
			rest = rest[i+len(formatKey):]
			if _, ok := unsealed(formatKey, rest[:8]); ok {
				return true
			}
		}
	}
	return false
}

// hasRecord reports whether any leaf of the file holds a record of the journal:
// one of ours is one all the same if its root, and all there were before, are
// overwritten.
func (p *preflight) hasRecord() (found bool) {
	if p.pageSize == 0 {
		return false
	}
	for id := uint64(2); id < min(p.pages, searched/uint64(p.pageSize)) && !found; id++ {
		g, err := p.page(id)
		found = err == nil && g.leaf() && p.recordOn(&g)
		if g.front != nil {
			p.free = append(p.free, g.front[:p.pageSize])
		}
	}
	return found
}

// recordOn is hasRecord for one leaf and the buckets within it.
func (p *preflight) recordOn(g *page) bool {
	for i := range g.count {
		e, err := p.element(g, i)
		switch {
		case err != nil:
			return false
		case e.bucket && e.length > bucketHeader && p.depth < maxDepth:
			p.depth++
			inner, err := p.inlinePage(&e)
			found := err == nil && inner.leaf() && p.recordOn(&inner)
			if p.depth--; found {
				return true
			}
		case !e.bucket && len(e.key) == 8 && e.length >= recordHeader:
			value := make([]byte, e.length)
			if _, err := p.file.ReadAt(value, e.value); err == nil && intact(e.key, value) {
				return true
			}
		}
	}
	return false
}
