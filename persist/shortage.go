package persist

import (
	bolt "go.etcd.io/bbolt"

	"redstart/persist/internal/disk"
)

// A shortage is what a file is in that takes no writes because its last one
// failed, for want of space or the like. It is sound: what was appended is
// written when there is space again.
//
// To try that costs a scan of all its pages, three times over: by bbolt, which
// rolls back, by us, before it is opened again, and by bbolt when it is. A disk
// that is full may be so for hours. So between two tries there are 1, 2, 4 …
// maxPause seconds. In between, each second, something is done that costs nothing
// while the disk is full: writing zeros to where the pages of the next
// transaction will go, behind the last one that was ever in use. What of that
// succeeds is ours, the next second goes on after it, and when all that the
// group will need is there the group is tried at once. That says nothing if it
// succeeds although the group does not, as when there is no memory for a larger
// map of the file; then there are the pauses only.
type shortage struct {
	err    error // what Append returns meanwhile; nil: there is no shortage
	tries  backoff
	room   bool  // there was, before the last try: that it is there says nothing
	due    bool  // the group is to be tried now
	zeroed int64 // up to where in the file there is space
}

// zeros are what is written to see whether there is space.
var zeros [256 << 10]byte

// lacking notes that g could not be written. It returns what Append and Wait
// return from now on.
func (f *File) lacking(g *group, cause error) error {
	s := &f.short
	if s.err == nil {
		s.room = f.reserve(g) == nil
	}
	s.err, s.due = f.failure(cause), false
	s.tries.failed()
	return s.err
}

// endured decides, once a second, whether the shortage may be over for g.
func (f *File) endured(g *group) bool {
	s := &f.short
	s.tries.tick()
	before := s.room
	s.room = f.reserve(g) == nil
	return s.tries.due() || s.room && !before
}

// reserve makes sure that there is space for the pages of g behind those that
// were ever in use. Others may be free, and will do as well: but who knows.
func (f *File) reserve(g *group) error {
	need := int64(g.bytes + f.stage.bytes)
	need += need/8 + int64(len(zeros)) // what holds it together
	return f.view(func(tx *bolt.Tx) error {
		// Neither of the two meta pages leads further than the newer one.
		end := tx.Size() + need
		for at := max(tx.Size(), f.short.zeroed); at < end; at += int64(len(zeros)) {
			if err := disk.WriteAt(f.os, zeros[:], at); err != nil {
				return err
			}
			f.short.zeroed = at + int64(len(zeros))
		}
		return nil
	})
}
